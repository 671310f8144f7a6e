import test from "ava";
import { RaftError } from "../../../src/raft/node/raft.js";
import { TestCluster } from "./test-cluster.js";

test("a first member leads at once and takes writes", async (t) => {
  const cluster = await TestCluster.of(1);
  const { node, machine } = cluster.get("a");
  t.is(node.nextIndex, node.appliedIndex + 1);
  await cluster.write("one");
  t.deepEqual(machine.values, ["one"]);
  t.deepEqual(machine.locals, ["one"]);
  t.deepEqual(
    node.members().map(({ nodeId, address, isVoter }) => ({ nodeId, address, isVoter })),
    [{ nodeId: "node-a", address: "a", isVoter: true }],
  );
  await cluster.end();
});

for (const size of [2, 3, 5]) {
  test(`members join one after the other up to ${size}, and all have all`, async (t) => {
    const cluster = await TestCluster.of(1);
    await cluster.write("before");
    for (const name of "bcde".slice(0, size - 1)) {
      await cluster.join(name);
      await cluster.write(`with ${name}`);
    }
    await cluster.agree(t);
    for (const { node } of cluster.members.values()) t.is(node.members().filter(({ isVoter }) => isVoter).length, size);
    await cluster.end();
  });
}

test("a learner does not count: a joiner that never comes up blocks nothing", async (t) => {
  const cluster = await TestCluster.of(1);
  const { node } = cluster.get("a");
  await cluster.outcome(node.join("node-x", "x"));
  await cluster.pass(5000);
  await cluster.write("still");
  t.deepEqual(
    node
      .members()
      .map(({ nodeId, isVoter }) => [nodeId, isVoter])
      .sort(),
    [
      ["node-a", true],
      ["node-x", false],
    ],
  );
  await cluster.end();
});

test("a follower is removed: the rest goes on, and it is told", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  const gone = cluster.others(leader)[0]!;
  await cluster.outcome(leader.node.removeMember(gone.node.id));
  await cluster.until(() => gone.wasRemoved, "it knows");
  t.is(leader.node.members().length, 2);
  t.deepEqual(leader.node.removedMembers(), [gone.node.id]);
  await t.throwsAsync(gone.node.readBarrier(), { message: /removed/ });
  cluster.members.delete(gone.name);
  await cluster.write("after");
  await cluster.agree(t);
  await cluster.outcome(leader.node.removeMember(gone.node.id));
  await cluster.end();
});

test("one that was removed while it was down is told when it comes back", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  const [gone, other] = cluster.others(leader);
  cluster.kill(gone!.name);
  await cluster.outcome(leader.node.removeMember(gone!.node.id));
  const back = await cluster.start(gone!.name, { kind: "restart" });
  await cluster.until(() => back.wasRemoved, "it knows");
  await cluster.pass(5000);
  t.is(cluster.leader, leader);
  t.is(other!.node.leadership.term, leader.node.leadership.term);
  cluster.members.delete(back.name);
  await cluster.end();
});

test("the leader that is to remove itself hands over, and the next one removes it", async (t) => {
  const cluster = await TestCluster.of(3);
  const first = cluster.leader!;
  const error = await t.throwsAsync(cluster.outcome(first.node.removeMember(first.node.id)));
  t.like(error, { code: "not-leader" });
  await cluster.until(() => cluster.leader !== undefined && cluster.leader !== first, "another leads");
  await cluster.outcome(cluster.leader!.node.removeMember(first.node.id));
  await cluster.until(() => first.wasRemoved, "it knows");
  cluster.members.delete(first.name);
  await cluster.write("without it");
  await cluster.agree(t);
  await cluster.end();
});

test("a dead member is replaced", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  const dead = cluster.others(leader)[0]!;
  cluster.kill(dead.name);
  await cluster.pass(2000);
  t.true(leader.node.canRemove(dead.node.id));
  await cluster.outcome(leader.node.removeMember(dead.node.id));
  await cluster.join("d");
  await cluster.write("with d");
  await cluster.agree(t);
  t.false(leader.node.members().some(({ raftId }) => raftId === dead.node.id));
  await cluster.end();
});

test("no member is removed when the rest would have no quorum, unless by force", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  const [dead, alive] = cluster.others(leader);
  cluster.kill(dead!.name);
  await cluster.pass(2000);
  t.false(leader.node.canRemove(alive!.node.id));
  const error = await t.throwsAsync(cluster.outcome(leader.node.removeMember(alive!.node.id)));
  t.like(error, { code: "membership-refused" });
  t.is(leader.node.members().length, 3);
  await cluster.outcome(leader.node.removeMember(alive!.node.id, { force: true }));
  t.is(leader.node.members().length, 2);
  await cluster.end();
});

test("who leads since a moment ago waits to hear of the others before it says who can go", async (t) => {
  const cluster = await TestCluster.of(3);
  const first = cluster.leader!;
  const [second, third] = cluster.others(first);
  await cluster.outcome(first.node.transferLeadership(second!.node.id));
  await cluster.until(() => cluster.leader === second, "it leads");
  t.true(await cluster.outcome(second!.node.untilRemovable(first.node.id)));
  cluster.kill(third!.name);
  await cluster.pass(2000);
  t.false(await cluster.outcome(second!.node.untilRemovable(first.node.id)));
  t.like(await t.throwsAsync(cluster.outcome(first.node.untilRemovable(third!.node.id))), { code: "not-leader" });
  await cluster.end();
});

test("the last member stays", async (t) => {
  const cluster = await TestCluster.of(1);
  const { node } = cluster.get("a");
  t.false(node.canRemove(node.id));
  const error = await t.throwsAsync(cluster.outcome(node.removeMember(node.id, { force: true })));
  t.like(error, { code: "membership-refused" });
  await cluster.end();
});

test("a joiner that cannot be reached is refused, with its address", async (t) => {
  const cluster = await TestCluster.of(1);
  cluster.board.isolate("x");
  const error = await t.throwsAsync(cluster.outcome(cluster.get("a").node.join("node-x", "x")));
  t.like(error, { code: "membership-refused" });
  t.regex(error!.message, /cannot be reached at x: nobody answers/);
  await cluster.end();
});

test("a node that is a member gets its id again; with an empty log it gets another", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  const other = cluster.others(leader)[0]!;
  const again = await cluster.outcome(leader.node.join(`node-${other.name}`, other.name));
  t.is(again.id, other.node.id);
  cluster.kill(other.name);
  cluster.forgetDisk(other.name);
  const anew = await cluster.join(other.name);
  t.not(anew.node.id, other.node.id);
  t.deepEqual(leader.node.removedMembers(), [other.node.id]);
  await cluster.write("again three");
  await cluster.agree(t);
  await cluster.end();
});

test("changes that are asked for at once are made one after the other", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  const gone = cluster.others(leader)[0]!;
  const all = Promise.all([
    leader.node.join("node-x", "x"),
    leader.node.removeMember(gone.node.id),
    leader.node.join("node-y", "y"),
  ]);
  const [x, , y] = await cluster.outcome(all);
  t.not(x.id, y.id);
  t.deepEqual(
    leader.node
      .members()
      .map(({ nodeId }) => nodeId)
      .sort(),
    [
      "node-x",
      "node-y",
      ...[...cluster.members.values()].filter((one) => one !== gone).map(({ name }) => `node-${name}`),
    ].sort(),
  );
  cluster.members.delete(gone.name);
  await cluster.end();
});

test("a member that comes back at another address is found there by all", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  const moved = cluster.others(leader)[0]!;
  cluster.kill(moved.name);
  const back = await cluster.start(moved.name, { kind: "restart" }, "elsewhere");
  t.is(back.node.id, moved.node.id);
  const knowsIt = ({ node }: { readonly node: typeof leader.node }) =>
    node.members().some(({ raftId, address }) => raftId === back.node.id && address === "elsewhere");
  await cluster.until(() => [...cluster.members.values()].every(knowsIt), "all know where it is");
  await cluster.write("found");
  await cluster.agree(t);
  await cluster.end();
});

test("a leader of its own that comes back elsewhere says so in the log", async (t) => {
  const cluster = await TestCluster.of(1);
  cluster.kill("a");
  const { node } = await cluster.start("a", { kind: "restart" }, "elsewhere");
  await cluster.until(() => node.members()[0]?.address === "elsewhere", "it is known");
  t.is(node.leadership.role, "leader");
  await cluster.end();
});

test("without learners a joiner votes at once, as SwarmKit has it", async (t) => {
  const cluster = new TestCluster({ learnersFirst: false });
  await cluster.begin("a");
  const { node } = cluster.get("a");
  await cluster.outcome(node.join("node-b", "b"));
  t.true(node.members().every(({ isVoter }) => isVoter));
  await cluster.end();
});

test("while a voter that never came is missing, no further one is taken in that votes at once", async (t) => {
  const cluster = new TestCluster({ learnersFirst: false });
  await cluster.begin("a");
  await cluster.join("b");
  const { node } = cluster.leader!;
  // Its answer is lost: it does not know who it is, and asks again.
  await cluster.outcome(node.join("node-c", "c", { hasEmptyLog: true }));
  const refused = await t.throwsAsync(cluster.outcome(node.join("node-d", "d", { hasEmptyLog: true })), {
    instanceOf: RaftError,
  });
  t.is(refused?.code, "membership-refused");
  t.regex(refused?.message ?? "", /of 3 managers only 2 can be reached/);
  await cluster.join("c");
  await cluster.join("d");
  await cluster.write("four");
  await cluster.agree(t);
  await cluster.end();
});
