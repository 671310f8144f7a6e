import test from "ava";
import { storageAround } from "./storage-around.js";
import { TestCluster } from "./test-cluster.js";

const SMALL = { snapshotEntries: 20, keepEntries: 3, keepEntriesForFollowers: 10 };

async function writeMany(cluster: TestCluster, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await cluster.write(`value ${i}`);
}

test("a snapshot is made after so many entries, and the log before it goes", async (t) => {
  const cluster = await TestCluster.of(1, SMALL);
  await writeMany(cluster, 50);
  const { machine, log } = cluster.get("a").node.status();
  t.true(log.snapshotIndex >= 40);
  t.true(machine.firstIndex > log.snapshotIndex - 4 && machine.firstIndex <= log.snapshotIndex + 1);
  cluster.kill("a");
  const again = await cluster.start("a", { kind: "restart" });
  await cluster.until(() => again.node.leadership.role === "leader", "it leads");
  t.is(again.machine.restored, 1);
  t.is(again.machine.values.length, 50);
  t.deepEqual(
    again.node.members().map(({ nodeId }) => nodeId),
    ["node-a"],
  );
  await cluster.end();
});

test("a snapshot is made after so many bytes", async (t) => {
  const cluster = await TestCluster.of(1, { snapshotBytes: 10_000 });
  const { node } = cluster.get("a");
  await cluster.write("x".repeat(4000));
  t.is(node.status().log.snapshotIndex, 0);
  for (let i = 0; i < 2; i++) await cluster.write("x".repeat(4000));
  await cluster.until(() => node.status().log.snapshotIndex > 0, "there is one");
  await cluster.end();
});

test("a snapshot on demand says what it took; asked for again there is nothing to do", async (t) => {
  const cluster = await TestCluster.of(1);
  await writeMany(cluster, 5);
  const { node } = cluster.get("a");
  const [one, same] = await cluster.outcome(Promise.all([node.takeSnapshot(), node.takeSnapshot()]));
  t.is(one.index, node.appliedIndex);
  t.true(one.bytes > 0);
  t.deepEqual(same, one);
  t.is((await cluster.outcome(node.takeSnapshot())).index, one.index);
  await cluster.end();
});

test("a follower that is too far behind gets a snapshot, and then the log", async (t) => {
  const cluster = await TestCluster.of(3, SMALL);
  const leader = cluster.leader!;
  const slow = cluster.others(leader)[0]!;
  cluster.isolate(slow);
  await writeMany(cluster, 100);
  cluster.board.heal();
  await cluster.agree(t);
  t.is(slow.machine.restored, 1);
  await writeMany(cluster, 5);
  await cluster.agree(t);
  // It has also become what it starts from.
  cluster.kill(slow.name);
  const back = await cluster.start(slow.name, { kind: "restart" });
  await cluster.agree(t);
  t.is(back.node.members().length, 3);
  await cluster.end();
});

test("a follower that is a little behind needs none", async (t) => {
  const cluster = await TestCluster.of(3, { ...SMALL, keepEntriesForFollowers: 1000 });
  await writeMany(cluster, 30);
  await cluster.agree(t);
  const slow = cluster.others(cluster.leader!)[0]!;
  cluster.isolate(slow);
  await writeMany(cluster, 30);
  cluster.board.heal();
  await cluster.agree(t);
  t.is(slow.machine.restored, 0);
  await cluster.end();
});

test("a new member is brought up by a snapshot, members and removed ids included", async (t) => {
  const cluster = await TestCluster.of(3, SMALL);
  const leader = cluster.leader!;
  const gone = cluster.others(leader)[0]!;
  await cluster.outcome(leader.node.removeMember(gone.node.id));
  await cluster.until(() => gone.wasRemoved, "it knows");
  cluster.members.delete(gone.name);
  await writeMany(cluster, 60);
  const fresh = await cluster.join("d");
  await cluster.agree(t);
  t.is(fresh.machine.restored, 1);
  t.deepEqual(fresh.node.removedMembers(), [gone.node.id]);
  t.deepEqual(fresh.node.members(), leader.node.members());
  await cluster.end();
});

test("a snapshot that breaks off leaves nothing, and is sent again", async (t) => {
  const left: string[] = [];
  let breaks = 1;
  const cluster = new TestCluster(SMALL, (name, storage) =>
    storageAround(storage, {
      readSnapshot: async function* (index) {
        for await (const chunk of storage.readSnapshot(index)) {
          yield chunk;
          if (breaks-- > 0) throw new Error("the line is cut");
        }
      },
      createSnapshot: async (metadata) => {
        const sink = await storage.createSnapshot(metadata);
        return {
          write: (chunk) => sink.write(chunk),
          commit: () => sink.commit(),
          abort: () => {
            left.push(name);
            return sink.abort();
          },
        };
      },
    }),
  );
  await cluster.begin("a");
  await cluster.join("b");
  await cluster.join("c");
  const slow = cluster.others(cluster.leader!)[0]!;
  cluster.isolate(slow);
  await writeMany(cluster, 100);
  breaks = 1;
  cluster.board.heal();
  await cluster.agree(t);
  t.deepEqual(left, [slow.name]);
  t.is(slow.machine.restored, 1);
  await cluster.end();
});

test("a large state that changes fast is not written over and over", async (t) => {
  const cluster = await TestCluster.of(1, SMALL);
  const { node } = cluster.get("a");
  await cluster.write("x".repeat(10_000));
  await writeMany(cluster, 25);
  await cluster.until(() => node.status().log.snapshotIndex > 0, "there is one");
  const first = node.status().log.snapshotIndex;
  // Some hundred bytes each: half the snapshot's size is far.
  await writeMany(cluster, 60);
  t.is(node.status().log.snapshotIndex, first);
  await cluster.write("y".repeat(6000));
  await cluster.until(() => node.status().log.snapshotIndex > first, "the log has grown to half the state's size");
  await cluster.end();
});
