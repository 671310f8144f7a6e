import test from "ava";
import { MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { LOST_QUORUM_TEXT } from "../../../src/raft/node/errors.js";
import { storageAround } from "./storage-around.js";
import { TestCluster } from "./test-cluster.js";

test("a leader is announced once it has applied all that came before its term", async (t) => {
  const cluster = await TestCluster.of(3);
  for (let i = 0; i < 10; i++) await cluster.write(`value ${i}`);
  const old = cluster.leader!;
  const seen: number[] = [];
  for (const { node, machine } of cluster.others(old)) {
    node.onLeadership(({ role }) => role === "leader" && seen.push(machine.values.length));
  }
  cluster.kill(old.name);
  await cluster.until(() => cluster.leader !== undefined, "another leads");
  t.deepEqual(seen, [10]);
  t.is(cluster.leader!.node.nextIndex, cluster.leader!.node.appliedIndex + 1);
  await cluster.end();
});

test("followers take no proposals, and say so at once", async (t) => {
  const cluster = await TestCluster.of(3);
  const follower = cluster.others(cluster.leader!)[0]!;
  t.is(follower.node.nextIndex, undefined);
  const error = t.throws(() => void follower.node.propose(Buffer.from("x"), "x"));
  t.like(error, { code: "not-leader" });
  await cluster.end();
});

test("proposals of one turn are one write and are settled in their order", async (t) => {
  const appends: number[] = [];
  const cluster = new TestCluster({}, (_, storage) =>
    storageAround(storage, {
      append: (batch) => {
        if (batch.entries.length > 0) appends.push(batch.entries.length);
        return storage.append(batch);
      },
    }),
  );
  const { node } = await cluster.begin("a");
  appends.length = 0;
  const settled: number[] = [];
  const first = node.nextIndex!;
  const all = Array.from({ length: 50 }, (_, i) => {
    t.is(node.nextIndex, first + i);
    return node.propose(Buffer.from(`${i}`), `${i}`).then(() => settled.push(i));
  });
  await cluster.outcome(Promise.all(all));
  t.deepEqual(appends, [50]);
  t.deepEqual(
    settled,
    [...settled].sort((a, b) => a - b),
  );
  await cluster.end();
});

test("an entry that is too large is refused, and nothing has happened", async (t) => {
  const cluster = await TestCluster.of(1);
  const { node } = cluster.get("a");
  const next = node.nextIndex;
  const error = t.throws(() => void node.propose(Buffer.alloc(2 << 20), "x"));
  t.like(error, { code: "too-large" });
  t.is(node.nextIndex, next);
  await cluster.end();
});

test("without a quorum nothing is acknowledged; when it returns all goes on", async (t) => {
  const cluster = await TestCluster.of(3);
  await cluster.write("before");
  const leader = cluster.leader!;
  const lost = cluster.others(leader).map(({ name }) => name);
  for (const name of lost) cluster.kill(name);
  const error = await t.throwsAsync(cluster.write("into the void", leader));
  t.like(error, { code: "outcome-unknown" });
  await cluster.pass(3000);
  t.true(leader.node.status().hasLostQuorum);
  t.not(leader.node.leadership.role, "leader");
  const refused = t.throws(() => void leader.node.propose(Buffer.from("x"), "x"));
  t.is(refused?.message, LOST_QUORUM_TEXT);
  const read = await t.throwsAsync(cluster.outcome(leader.node.readBarrier()));
  t.is(read?.message, LOST_QUORUM_TEXT);
  await cluster.start(lost[0]!, { kind: "restart" });
  await cluster.until(() => cluster.leader !== undefined, "one leads again");
  await cluster.write("after");
  t.false(cluster.leader!.node.status().hasLostQuorum);
  t.true(cluster.leader!.machine.values.includes("before"));
  await cluster.agree(t);
  await cluster.end();
});

test("a proposal that the next leader commits is acknowledged to who made it, and comes with what belongs to it", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  await cluster.agree(t);
  // Its followers get the entry, and their answers get lost.
  cluster.board.lost.add(MessageType.MsgAppResp);
  const fate = leader.node.propose(Buffer.from("late"), "late");
  await cluster.pass(50);
  cluster.isolate(leader);
  cluster.board.lost.clear();
  await cluster.until(() => cluster.leader !== undefined && cluster.leader !== leader, "another leads");
  cluster.board.heal();
  await cluster.outcome(fate);
  t.is(leader.machine.locals.at(-1), "late");
  await cluster.agree(t);
  await cluster.end();
});

test("a proposal whose place another entry has taken is known not to have happened", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  await cluster.agree(t);
  cluster.isolate(leader);
  const fate = leader.node.propose(Buffer.from("lost"), "lost");
  await cluster.until(() => cluster.leader !== undefined && cluster.leader !== leader, "another leads");
  cluster.board.heal();
  const error = await t.throwsAsync(cluster.outcome(fate));
  t.like(error, { code: "not-leader" });
  await cluster.write("instead");
  await cluster.agree(t);
  t.false(leader.machine.values.includes("lost"));
  await cluster.end();
});

test("a proposal that is given up for unknown and committed later still comes with what belongs to it", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  await cluster.agree(t);
  cluster.board.lost.add(MessageType.MsgAppResp);
  const fate = leader.node.propose(Buffer.from("late"), "late");
  await cluster.pass(50);
  cluster.isolate(leader);
  const error = await t.throwsAsync(cluster.outcome(fate));
  t.like(error, { code: "outcome-unknown" });
  cluster.board.heal();
  await cluster.until(() => leader.machine.locals.includes("late"), "it is applied with its own");
  await cluster.end();
});

test("leadership goes to the one that is named, or to any", async (t) => {
  const cluster = await TestCluster.of(3);
  const first = cluster.leader!;
  const second = cluster.others(first)[1]!;
  t.is(await cluster.outcome(first.node.transferLeadership(second.node.id)), second.node.id);
  await cluster.until(() => cluster.leader === second, "it leads");
  const next = await cluster.outcome(second.node.transferLeadership());
  t.not(next, second.node.id);
  await cluster.end();
});

test("a leader that stops hands over first: nobody waits for an election", async (t) => {
  const cluster = await TestCluster.of(3);
  const first = cluster.leader!;
  const fate = first.node.propose(Buffer.from("last words"), "last words");
  const before = cluster.time.now;
  await cluster.outcome(first.node.stop());
  await fate;
  cluster.members.delete(first.name);
  await cluster.until(() => cluster.leader !== undefined, "another leads");
  t.true(cluster.time.now - before < 1000);
  t.true(cluster.leader!.machine.values.includes("last words"));
  await cluster.end();
});

test("a stopped member refuses everything", async (t) => {
  const cluster = await TestCluster.of(1);
  const { node } = cluster.get("a");
  await cluster.end();
  t.like(
    t.throws(() => void node.propose(Buffer.from("x"), "x")),
    { code: "stopped" },
  );
  t.like(await t.throwsAsync(node.readBarrier()), { code: "stopped" });
  t.like(await t.throwsAsync(node.takeSnapshot()), { code: "stopped" });
  t.like(await t.throwsAsync(node.whenApplied(99, 1000)), { code: "stopped" });
  t.is(node.leadership.role, "follower");
});

test("status shows members, their state and what the leader knows of them", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  const dead = cluster.others(leader)[0]!;
  cluster.kill(dead.name);
  await cluster.pass(2000);
  const { members, machine, hasLostQuorum, tickMs, missedTicks } = leader.node.status();
  t.deepEqual(
    members.filter(({ isReachable }) => !isReachable).map(({ raftId }) => raftId),
    [dead.node.id],
  );
  t.deepEqual(
    members.filter(({ isLeader, isSelf }) => isLeader && isSelf).map(({ raftId }) => raftId),
    [leader.node.id],
  );
  t.is(machine.followers.length, 3);
  t.false(hasLostQuorum);
  t.deepEqual([tickMs, missedTicks], [100, 0]);
  await cluster.end();
});
