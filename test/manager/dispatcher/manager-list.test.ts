import test from "ava";
import { Node } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { RaftMemberStatus_Reachability as Reachability } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { managerPeers, samePeers } from "../../../src/manager/dispatcher/manager-list.js";

const manager = (id: string, addr: string, leader = false, reachability = Reachability.REACHABLE) =>
  Node.fromPartial({ id, managerStatus: { raftId: "1", addr, leader, reachability } });

test("all managers by id; rather not the leader, and hardly one that is out of reach", (t) => {
  const peers = managerPeers([
    manager("c", "10.0.0.3:4242", false, Reachability.UNREACHABLE),
    manager("a", "10.0.0.1:4242"),
    Node.fromPartial({ id: "promoted-and-not-here-yet" }),
    manager("b", "10.0.0.2:4242", true),
  ]);
  t.deepEqual(
    peers.map(({ peer, weight }) => [peer?.nodeId, peer?.addr, weight]),
    [
      ["a", "10.0.0.1:4242", 10],
      ["b", "10.0.0.2:4242", 5],
      ["c", "10.0.0.3:4242", 1],
    ],
  );
});

test("a list is the same as long as nobody has come, gone, moved or taken over", (t) => {
  const list = managerPeers([manager("a", "x:1"), manager("b", "y:1", true)]);
  t.true(samePeers(list, managerPeers([manager("b", "y:1", true), manager("a", "x:1")])));
  for (const other of [
    [manager("a", "x:1")],
    [manager("a", "x:2"), manager("b", "y:1", true)],
    [manager("a", "x:1", true), manager("b", "y:1")],
    [manager("a", "x:1"), manager("c", "y:1", true)],
  ]) {
    t.false(samePeers(list, managerPeers(other)));
  }
});
