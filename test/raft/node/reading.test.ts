import test from "ava";
import { MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { SeededRandom } from "../../simulation/random.js";
import { TestCluster } from "./test-cluster.js";

test("after a barrier every member has all that was acknowledged before", async (t) => {
  const cluster = await TestCluster.of(3);
  for (let i = 0; i < 10; i++) {
    await cluster.write(`value ${i}`);
    for (const { node, machine } of cluster.members.values()) {
      await cluster.outcome(node.readBarrier());
      t.is(machine.values.length, i + 1);
    }
  }
  await cluster.end();
});

test("reads of one turn share one round", async (t) => {
  const cluster = await TestCluster.of(3);
  const follower = cluster.others(cluster.leader!)[0]!;
  const asked = () => cluster.board.sent.get(MessageType.MsgReadIndex) ?? 0;
  const before = asked();
  await cluster.outcome(Promise.all(Array.from({ length: 1000 }, () => follower.node.readBarrier())));
  t.is(asked() - before, 1);
  await cluster.end();
});

test("a deposed leader that does not know it answers no read with what is old", async (t) => {
  const cluster = await TestCluster.of(3);
  const old = cluster.leader!;
  await cluster.write("old");
  cluster.isolate(old);
  const read = old.node.readBarrier();
  await cluster.until(() => cluster.leader !== undefined && cluster.leader !== old, "another leads");
  await cluster.write("new");
  cluster.board.heal();
  await cluster.outcome(read);
  t.deepEqual(old.machine.values, ["old", "new"]);
  await cluster.end();
});

for (let seed = 1; seed <= 10; seed++) {
  test(`reads stay linearizable while leaders come and go (seed ${seed})`, async (t) => {
    const cluster = await TestCluster.of(3);
    const random = new SeededRandom(seed);
    let acknowledged = 0;
    let reads = 0;
    const pending: Promise<void>[] = [];
    for (let round = 0; round < 60; round++) {
      const leader = cluster.leader;
      if (random.chance(0.15) && leader) {
        cluster.board.heal();
        cluster.isolate(leader);
      } else if (random.chance(0.1)) {
        cluster.board.heal();
      }
      if (leader) {
        const number = round;
        pending.push(
          leader.node.propose(Buffer.from(`${number}`), "").then(
            () => {
              acknowledged++;
            },
            (error: Error) => {
              t.is(error.name, "RaftError");
            },
          ),
        );
      }
      const { node, machine } = random.pick([...cluster.members.values()]);
      const known = acknowledged;
      pending.push(
        node.readBarrier().then(
          () => {
            reads++;
            t.true(machine.values.length >= known);
          },
          (error: Error) => {
            t.is(error.name, "RaftError");
          },
        ),
      );
      await cluster.pass(random.int(300));
    }
    cluster.board.heal();
    await cluster.outcome(Promise.all(pending));
    await cluster.until(() => cluster.leader !== undefined, "one leads");
    await cluster.write("end");
    await cluster.agree(t);
    t.true(acknowledged > 10 && reads > 10, `${acknowledged} writes, ${reads} reads`);
    await cluster.end();
  });
}

test("whoever waits for an index is told when it is applied, or that it takes too long", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  const follower = cluster.others(leader)[0]!;
  const index = leader.node.nextIndex!;
  const waits = follower.node.whenApplied(index, 1000);
  await cluster.write("x");
  await cluster.outcome(waits);
  t.is(follower.node.appliedIndex, index);
  t.like(await t.throwsAsync(cluster.outcome(follower.node.whenApplied(index + 10, 300))), { code: "timeout" });
  await cluster.end();
});
