/** Why a manager does not leave without force, in Docker's words. Pure. */
import { ManagerState, type ManagerStatusResponse } from "../api/generated/tswarm/v1/manager.js";

const BEGIN = "You are attempting to leave the swarm on a node that is participating as a manager. ";
const END =
  "The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. Use `--force` to suppress this message.";

export const NOT_MEMBER = "This node is not part of a swarm";
export const ALREADY_MEMBER =
  'This node is already part of a swarm. Use "tsctl leave" to leave this swarm and join another one.';

/**
 * @param status of the node's manager; undefined while that does not answer
 * @param hasOthers the cluster has other managers, as far as the node knows
 * @returns undefined when the others keep their quorum without it
 */
export function leaveRefusal(status: ManagerStatusResponse | undefined, hasOthers: boolean): string | undefined {
  if (status?.state === ManagerState.MANAGER_LOCKED) {
    return "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message.";
  }
  // Taken out already, it is missed by nobody.
  if (status?.state === ManagerState.MANAGER_REMOVED) return undefined;
  const isAlone = status?.peers.every(({ self }) => self) ?? false;
  // One that has only just come has not heard of the others.
  if (status?.state !== ManagerState.MANAGER_RUNNING || (isAlone && hasOthers)) {
    return `${BEGIN}Doing so may lose the consensus of your cluster. ${END}`;
  }
  if (isAlone) {
    return `${BEGIN}Removing the last manager erases all current state of the swarm. Use \`--force\` to ignore this message. `;
  }
  const voters = status.peers.filter(({ voter }) => voter);
  // One that has not caught up decides nothing yet.
  if (!voters.some(({ self }) => self)) return undefined;
  const reachable = voters.filter(({ reachable, self }) => reachable || self).length;
  // Those that are left decide with a majority of themselves.
  const isEnough = reachable - 1 > (voters.length - 1) / 2 && !status.lostQuorum;
  if (isEnough) return undefined;
  return `${BEGIN}Removing this node leaves ${reachable - 1} managers out of ${voters.length}. Without a Raft quorum your swarm will be inaccessible. ${END}`;
}
