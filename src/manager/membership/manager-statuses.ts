/** What the store says of each manager, from what the log's leader sees. Pure. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  type ManagerStatus,
  RaftMemberStatus_Reachability as Reachability,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import type { RaftStatus } from "../../raft/node/raft.js";

export type SeenMember = RaftStatus["members"][number];

/** @returns the nodes whose manager status is to change, as they shall be */
export function changedStatuses(nodes: readonly Node[], members: readonly SeenMember[]): readonly Node[] {
  const statuses = new Map(members.map((member) => [member.nodeId, statusOf(member)]));
  return nodes.flatMap((node) => {
    const managerStatus = statuses.get(node.id);
    return isSame(node.managerStatus, managerStatus) ? [] : [{ ...node, managerStatus }];
  });
}

function statusOf({ raftId, address, isLeader, isSelf, isReachable }: SeenMember): ManagerStatus {
  return {
    raftId,
    addr: address,
    leader: isLeader,
    reachability: isSelf || isReachable ? Reachability.REACHABLE : Reachability.UNREACHABLE,
  };
}

function isSame(a: ManagerStatus | undefined, b: ManagerStatus | undefined): boolean {
  return (
    a?.raftId === b?.raftId && a?.addr === b?.addr && a?.leader === b?.leader && a?.reachability === b?.reachability
  );
}
