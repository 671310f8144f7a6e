/** The managers that nodes are told of. Pure. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  RaftMemberStatus_Reachability as Reachability,
  type WeightedPeer,
} from "../../api/generated/docker/swarmkit/v1/types.js";

/** A node picks a manager by weight: rather not the leader, which has the most to do, and hardly one that is out of reach. */
const WEIGHT = { leader: 5, reachable: 10, unreachable: 1 } as const;

/** @param nodes all with the role of a manager @returns in the order of their ids */
export function managerPeers(nodes: readonly Node[]): readonly WeightedPeer[] {
  return nodes
    .flatMap(({ id, managerStatus }) => {
      if (!managerStatus?.addr) return [];
      const { addr, leader, reachability } = managerStatus;
      const reach = reachability === Reachability.UNREACHABLE ? WEIGHT.unreachable : WEIGHT.reachable;
      return [{ peer: { nodeId: id, addr }, weight: leader ? WEIGHT.leader : reach }];
    })
    .sort((a, b) => (a.peer.nodeId < b.peer.nodeId ? -1 : 1));
}

export function samePeers(a: readonly WeightedPeer[], b: readonly WeightedPeer[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ peer, weight }, i) => {
      const other = b[i]!;
      return weight === other.weight && peer?.nodeId === other.peer?.nodeId && peer?.addr === other.peer?.addr;
    })
  );
}
