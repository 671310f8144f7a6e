/** What people are told while nobody leads. */
import { unavailable } from "../../api/status-error.js";
import type { RaftStatus } from "../../raft/node/raft.js";

const NO_LEADER =
  "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.";

/** One line: what is lost, what still runs, what to do. @param hostnameOf a node's name, for people */
export function noLeaderText(
  status: Pick<RaftStatus, "members"> | undefined,
  hostnameOf: (nodeId: string) => string | undefined,
): string {
  const voters = status?.members.filter(({ isVoter }) => isVoter) ?? [];
  const lost = voters.filter(({ isSelf, isReachable }) => !isSelf && !isReachable);
  const quorum = Math.floor(voters.length / 2) + 1;
  const parts = [NO_LEADER];
  if (lost.length > 0) {
    const names = lost.map(({ nodeId, address }) => `${hostnameOf(nodeId) || nodeId} (${address})`).join(", ");
    parts.push(`Not heard of here: ${names}; ${quorum} of ${voters.length} managers are needed.`);
  }
  const back = voters.length > 0 ? `${quorum} managers are` : "enough managers are";
  parts.push(
    `Running tasks and networks go on; nothing can be changed until ${back} online: bring managers back, or run tswarmd --force-new-cluster on one survivor.`,
  );
  return parts.join(" ");
}

export function noLeader(
  status: Pick<RaftStatus, "members"> | undefined,
  hostnameOf: (nodeId: string) => string | undefined,
): Error {
  return unavailable(noLeaderText(status, hostnameOf));
}
