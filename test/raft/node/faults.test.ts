import test from "ava";
import type { LogStorage } from "../../../src/raft/storage/log-storage.js";
import { storageAround } from "./storage-around.js";
import { TestCluster } from "./test-cluster.js";

/** Disks that fail or hang when they are told to. */
class FaultyDisks {
  readonly failing = new Set<string>();
  readonly hanging = new Set<string>();
  #release: (() => void)[] = [];

  readonly wrap = (name: string, storage: LogStorage): LogStorage =>
    storageAround(storage, {
      append: async (batch) => {
        if (this.failing.has(name)) throw new Error("no space left on device");
        if (this.hanging.has(name)) await new Promise<void>((resolve) => this.#release.push(resolve));
        return storage.append(batch);
      },
    });

  release(): void {
    this.hanging.clear();
    for (const go of this.#release.splice(0)) go();
  }
}

async function three(disks: FaultyDisks, settings = {}): Promise<TestCluster> {
  const cluster = new TestCluster(settings, disks.wrap);
  await cluster.begin("a");
  await cluster.join("b");
  await cluster.join("c");
  return cluster;
}

test("a leader whose disk fails ends at once; the others go on", async (t) => {
  const disks = new FaultyDisks();
  const cluster = await three(disks);
  const failed = cluster.leader!;
  disks.failing.add(failed.name);
  const error = await t.throwsAsync(cluster.write("x", failed));
  t.like(error, { code: "outcome-unknown" });
  t.is(failed.failures.length, 1);
  t.regex(failed.failures[0]!.message, /no space left/);
  t.like(
    t.throws(() => void failed.node.propose(Buffer.from("y"), "y")),
    { code: "stopped" },
  );
  cluster.members.delete(failed.name);
  await cluster.until(() => cluster.leader !== undefined, "another leads");
  await cluster.write("goes on");
  await cluster.agree(t);
  await cluster.end();
});

test("a state machine that throws ends the member", async (t) => {
  const cluster = await TestCluster.of(1);
  const { node, machine, failures } = cluster.get("a");
  machine.fault = new Error("a fault of ours");
  await t.throwsAsync(cluster.outcome(node.propose(Buffer.from("x"), "x")), { message: /may have happened/ });
  t.is(failures[0]?.message, "a fault of ours");
});

test("heartbeats do not wait behind a leader's disk", async (t) => {
  const disks = new FaultyDisks();
  const cluster = await three(disks);
  const leader = cluster.leader!;
  const { term } = leader.node.leadership;
  disks.hanging.add(leader.name);
  const slow = leader.node.propose(Buffer.from("slow"), "slow");
  await cluster.pass(10_000);
  t.is(leader.node.leadership.role, "leader");
  for (const { node } of cluster.others(leader)) t.is(node.leadership.term, term);
  // The others have it on their disks: it is committed, though the leader cannot apply it yet.
  await cluster.until(
    () => cluster.others(leader).every(({ machine }) => machine.values.includes("slow")),
    "they have it",
  );
  t.false(leader.machine.values.includes("slow"));
  disks.release();
  await cluster.outcome(slow);
  await cluster.agree(t);
  await cluster.end();
});

test("a leader whose disk hangs gives way after a while", async (t) => {
  const disks = new FaultyDisks();
  const cluster = await three(disks);
  const first = cluster.leader!;
  disks.hanging.add(first.name);
  const slow = first.node.propose(Buffer.from("slow"), "slow");
  slow.catch(() => undefined);
  await cluster.pass(15_000);
  t.is(cluster.leader, first);
  await cluster.pass(10_000);
  await cluster.until(() => cluster.leader !== undefined && cluster.leader !== first, "another leads");
  await cluster.write("by another");
  disks.release();
  await cluster.agree(t);
  await cluster.end();
});

test("a listener that fails keeps nobody from anything", async (t) => {
  const cluster = await TestCluster.of(3);
  const first = cluster.leader!;
  for (const { node } of cluster.members.values()) {
    node.onLeadership(() => {
      throw new Error("a listener's fault");
    });
  }
  await cluster.outcome(first.node.transferLeadership());
  await cluster.until(() => cluster.leader !== undefined && cluster.leader !== first, "another leads");
  await cluster.write("goes on");
  t.true(first.lines.some((line) => line.includes("a listener's fault")));
  await cluster.end();
});
