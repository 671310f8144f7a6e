/** Why a manager does not leave without force, in Docker's words. Pure. */

const BEGIN = "You are attempting to leave the swarm on a node that is participating as a manager. ";
const FORCE =
  "The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. Use `--force` to suppress this message.";

export const LAST_MANAGER = `${BEGIN}Removing the last manager erases all current state of the swarm. Use \`--force\` to ignore this message. `;
/** Nobody knows how it stands with the others. */
export const MAY_LOSE_CONSENSUS = `${BEGIN}Doing so may lose the consensus of your cluster. ${FORCE}`;

/** @param voters of now, and whether each can be reached; one of these wants to leave */
export function losesQuorumText(voters: readonly { readonly isReachable: boolean }[]): string {
  const left = voters.filter(({ isReachable }) => isReachable).length - 1;
  return `${BEGIN}Removing this node leaves ${left} managers out of ${voters.length}. Without a Raft quorum your swarm will be inaccessible. ${FORCE}`;
}
