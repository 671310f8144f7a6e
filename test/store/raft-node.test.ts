/** The store over the real log: written, snapshotted, stopped and read back. */
import test, { type ExecutionContext } from "ava";
import { Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { timestampMs } from "../../src/api/time.js";
import { RaftNode } from "../../src/raft/node/raft-node.js";
import { versionOf } from "../../src/store/change.js";
import { HistoryError } from "../../src/store/errors.js";
import type { Proposal } from "../../src/store/proposer.js";
import { ReplicatedStore } from "../../src/store/replicated-store.js";
import type { Store } from "../../src/store/store.js";
import { ManualClock, seededBytes } from "../manager/manual-clock.js";
import { Switchboard } from "../raft/node/switchboard.js";
import { MemoryLogStorage } from "../raft/storage/memory-log-storage.js";
import { SeededRandom } from "../simulation/random.js";
import { VirtualTime } from "../simulation/virtual-time.js";
import { contents } from "./replicas.js";

const PATIENCE_MS = 60_000;

class Member {
  readonly time = new VirtualTime();
  readonly storage: MemoryLogStorage;
  readonly clock = new ManualClock();
  readonly replicated: ReplicatedStore;
  node!: RaftNode<Proposal>;

  constructor(t: ExecutionContext, storage: MemoryLogStorage) {
    this.storage = storage;
    this.replicated = new ReplicatedStore({ clock: this.clock, random: seededBytes(3), log: (line) => t.log(line) });
  }

  get store(): Store {
    return this.replicated.store;
  }

  async start(kind: "bootstrap" | "restart"): Promise<void> {
    const board = new Switchboard(this.time);
    this.node = await this.outcome(
      RaftNode.start({
        nodeId: "node-a",
        address: "a",
        storage: this.storage,
        stateMachine: this.replicated.machine,
        transport: (self, handler) => board.transport(self, handler),
        clock: {
          now: () => this.time.now,
          after: (delayMs, action) => this.time.after(delayMs, action),
          soon: (action) => void this.time.after(0, action),
        },
        random: new SeededRandom(1),
        start: { kind },
        log: () => undefined,
      }),
    );
    this.replicated.attach(this.node);
    await this.time.run(this.time.now + PATIENCE_MS, () => this.node.nextIndex !== undefined);
  }

  /** Time passes until it has ended. */
  async outcome<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const done = promise.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined);
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.time.run(this.time.now + 1, () => isDone);
    }
    return done;
  }
}

test("what was acknowledged is there after a restart, from a snapshot and the log behind it", async (t) => {
  const first = new Member(t, new MemoryLogStorage());
  await first.start("bootstrap");
  const spec = { runtime: { $case: "container" as const, value: { image: "nginx" } } };
  const create = (from: number, count: number) =>
    first.store.batch(
      Array.from({ length: count }, (_, i) => `t${from + i}`),
      (tx, id) => tx.create("task", Task.fromPartial({ id, spec, serviceId: "s" })),
    );
  await first.outcome(create(0, 700));
  const { index } = await first.outcome(first.node.takeSnapshot());
  await first.outcome(create(700, 300));
  const together = Array.from({ length: 20 }, (_, i) =>
    first.store.update((tx) => {
      tx.create("service", Service.fromPartial({ id: `s${i}`, spec: { annotations: { name: `web-${i}` } } }));
      tx.remove("task", `t${i}`);
    }),
  );
  await first.outcome(Promise.all(together));
  const before = contents(first.store);
  const { version } = first.store;
  t.is(first.store.view((read) => read.all("task")).length, 980);
  await first.outcome(first.node.stop());

  const second = new Member(t, first.storage.reopened());
  await second.start("restart");
  t.deepEqual(contents(second.store), before);
  const tail = second.store.commitsAfter(index);
  t.is(tail.at(-1)?.version, version);
  t.deepEqual(
    tail.map((commit) => [commit.version, commit.events.length]),
    first.store.commitsAfter(index).map((commit) => [commit.version, commit.events.length]),
  );
  t.throws(() => second.store.commitsAfter(index - 1), { instanceOf: HistoryError });

  const created = second.store.update((tx) => tx.create("task", Task.fromPartial({ id: "later" })));
  await second.outcome(created);
  const [later, earlier] = second.store.view((read) => [read.get("task", "later")!, read.get("task", "t999")!]);
  t.true(versionOf(later) > version);
  t.true(timestampMs(later.meta?.createdAt) > timestampMs(earlier.meta?.createdAt));
  t.is(versionOf(later), second.node.appliedIndex);
  await second.outcome(second.node.stop());
});

test("transactions stand on each other in the real log too; those under way at the end hear of it", async (t) => {
  const member = new Member(t, new MemoryLogStorage());
  await member.start("bootstrap");
  const increments = Array.from({ length: 50 }, () =>
    member.store.update((tx) => {
      const current = tx.get("task", "counter");
      if (current) tx.update("task", { ...current, slot: current.slot + 1 });
      else tx.create("task", Task.fromPartial({ id: "counter", slot: 1 }));
      return (current?.slot ?? 0) + 1;
    }),
  );
  t.deepEqual(
    await member.outcome(Promise.all(increments)),
    Array.from({ length: 50 }, (_, i) => i + 1),
  );
  const lost = member.store.update((tx) => tx.create("task", Task.fromPartial({ id: "lost" })));
  const stopped = member.node.stop();
  await t.throwsAsync(member.outcome(lost), { name: "RaftError" });
  await member.outcome(stopped);
  await t.throwsAsync(
    member.store.update((tx) => tx.create("task", Task.fromPartial({ id: "late" }))),
    { name: "RaftError" },
  );
});
