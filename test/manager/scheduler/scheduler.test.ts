import test, { type ExecutionContext } from "ava";
import { Cluster, Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { ControlLoop } from "../../../src/manager/loop/control-loop.js";
import { Scheduler } from "../../../src/manager/scheduler/scheduler.js";
import { type Acceptance, MemoryProposer, type Proposal } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import type { Transaction } from "../../../src/store/transaction.js";
import { ManualClock } from "../manual-clock.js";

const RESERVED = { resources: { reservations: { nanoCpus: 2e9 } } };

/** A log that a test can hold back, or have refuse. */
class HeldProposer extends MemoryProposer {
  isHeld = false;
  refusal_: Error | undefined;
  readonly #held: (() => void)[] = [];
  #next = 1;

  override get nextVersion(): number {
    return this.#next;
  }

  override propose(proposal: Proposal): Acceptance {
    if (this.refusal_) return { accepted: false, reason: Promise.resolve(this.refusal_) };
    this.#next++;
    if (!this.isHeld) {
      proposal.apply(proposal);
      return { accepted: true, applied: Promise.resolve() };
    }
    const applied = new Promise<void>((resolve) => {
      this.#held.push(() => {
        proposal.apply(proposal);
        resolve();
      });
    });
    return { accepted: true, applied };
  }

  release(): void {
    this.isHeld = false;
    for (const one of this.#held.splice(0)) one();
  }
}

function start(t: ExecutionContext, proposer = new MemoryProposer()) {
  const clock = new ManualClock();
  const store = new Store(proposer, clock);
  const logged: string[] = [];
  const loop = new ControlLoop(store, clock, [new Scheduler(store, clock)], (line) => logged.push(line));
  loop.start();
  t.teardown(() => loop.stop());
  const change = async (body: (tx: Transaction) => void) => {
    await store.update(body);
    await loop.idle();
  };
  const task = (id: string) => store.view((read) => read.get("task", id))!;
  return { store, change, task, loop, clock, logged };
}

const node = (id: string, cpus = 4) =>
  Node.fromPartial({ id, status: { state: NodeState.READY }, description: { resources: { nanoCpus: cpus * 1e9 } } });
const pending = (id: string, more: Parameters<typeof Task.fromPartial>[0] = {}) =>
  Task.fromPartial({
    id,
    serviceId: "web",
    specVersion: { index: 1 },
    desiredState: TaskState.RUNNING,
    status: { state: TaskState.PENDING },
    ...more,
  });

test("a task that fits nowhere says why, once, and is placed when a task ends", async (t) => {
  const { store, change, task } = start(t);
  await change((tx) => {
    tx.create("node", node("a", 2));
    tx.create("task", pending("t1", { spec: RESERVED }));
  });
  t.is(task("t1").nodeId, "a");
  t.is(task("t1").status?.state, TaskState.ASSIGNED);
  await change((tx) => tx.create("task", pending("t2", { spec: RESERVED })));
  t.is(task("t2").status?.err, "no suitable node (insufficient resources on 1 node)");
  const { version } = store;
  await change((tx) => tx.update("node", { ...tx.get("node", "a")!, VXLANUDPPort: 1 }));
  t.is(store.version, version + 1, "the reason is not written again");
  await change((tx) => {
    const done = tx.get("task", "t1")!;
    tx.update("task", { ...done, status: { ...done.status!, state: TaskState.COMPLETE } });
  });
  t.is(task("t2").nodeId, "a");
  t.is(task("t2").status?.err, "");
});

test("it is placed when a task is removed, when a node comes, and when a node opens", async (t) => {
  const { change, task } = start(t);
  await change((tx) => tx.create("task", pending("t1", { spec: RESERVED })));
  t.is(task("t1").status?.err, "no suitable node");
  await change((tx) => tx.create("node", node("a", 2)));
  t.is(task("t1").nodeId, "a");
  await change((tx) => tx.create("task", pending("t2", { spec: RESERVED })));
  await change((tx) => tx.remove("task", "t1"));
  t.is(task("t2").nodeId, "a");
  const closed = {
    ...node("b"),
    spec: { annotations: undefined, desiredRole: 0, membership: 1, availability: Availability.DRAIN },
  };
  await change((tx) => {
    tx.create("node", closed);
    tx.create("task", pending("t3", { spec: RESERVED }));
  });
  t.regex(task("t3").status!.err, /1 node not available for new tasks/);
  await change((tx) =>
    tx.update("node", { ...tx.get("node", "b")!, spec: { ...closed.spec, availability: Availability.ACTIVE } }),
  );
  t.is(task("t3").nodeId, "b");
});

test("a task that was called off is not placed", async (t) => {
  const { change, task } = start(t);
  await change((tx) => tx.create("task", pending("t1")));
  await change((tx) => tx.update("task", { ...tx.get("task", "t1")!, desiredState: TaskState.SHUTDOWN }));
  await change((tx) => tx.create("node", node("a")));
  t.is(task("t1").nodeId, "");
});

test("a task with its node from the start waits for that node alone", async (t) => {
  const { change, task } = start(t);
  await change((tx) => {
    tx.create("node", node("a"));
    tx.create("task", pending("t1", { nodeId: "b" }));
  });
  t.is(task("t1").status?.state, TaskState.PENDING);
  await change((tx) => tx.create("node", node("b")));
  t.is(task("t1").status?.state, TaskState.ASSIGNED);
});

test("hundreds of tasks in one go are spread evenly over the parts in which they are placed", async (t) => {
  const { store, change } = start(t);
  await change((tx) => {
    for (const id of ["a", "b", "c"]) tx.create("node", node(id));
  });
  await store.batch(
    Array.from({ length: 1200 }, (_, i) => `t${i}`),
    (tx, id) => tx.create("task", pending(id)),
  );
  await change(() => undefined);
  const count = (id: string) => store.view((read) => read.find("task", "node", id).length);
  t.deepEqual(["a", "b", "c"].map(count), [400, 400, 400]);
});

test("a decision is looked at again where it is written: a node that went away meanwhile gets no task", async (t) => {
  const proposer = new HeldProposer();
  const { store, change, task, loop } = start(t, proposer);
  await change((tx) => {
    tx.create("node", node("a", 2));
    tx.create("node", node("b", 1));
  });
  await store.update((tx) => tx.create("task", pending("t1", { spec: RESERVED })));
  // The loss is in the log, but nobody here has heard of it, when the scheduler gets its turn.
  proposer.isHeld = true;
  const lost = store.update((tx) => {
    const a = tx.get("node", "a")!;
    tx.update("node", { ...a, status: { ...a.status!, state: NodeState.DOWN } });
  });
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  t.is(store.view((read) => read.get("node", "a"))!.status!.state, NodeState.READY);
  t.is(task("t1").status!.state, TaskState.PENDING);
  proposer.release();
  await lost;
  await loop.idle();
  t.is(task("t1").nodeId, "");
  t.is(
    task("t1").status!.err,
    "no suitable node (1 node not available for new tasks; insufficient resources on 1 node)",
  );
});

test("what the log refuses is decided anew, and told anew", async (t) => {
  const proposer = new HeldProposer();
  const { store, change, task, loop, clock, logged } = start(t, proposer);
  await change((tx) => tx.create("node", node("a", 2)));
  await store.update((tx) => {
    tx.create("task", pending("t1", { spec: RESERVED }));
    tx.create("task", pending("t2", { spec: RESERVED }));
    tx.create("task", pending("t3", { nodeId: "nowhere" }));
  });
  proposer.refusal_ = new Error("no leader");
  await loop.idle();
  t.is(task("t1").nodeId, "");
  t.true(logged.length > 0);
  proposer.refusal_ = undefined;
  clock.advance(2000);
  await loop.idle();
  const [placed, left] = task("t1").nodeId === "" ? ["t2", "t1"] : ["t1", "t2"];
  t.is(task(placed!).nodeId, "a");
  t.is(task(left!).status?.err, "no suitable node (insufficient resources on 1 node)");
  t.is(task("t3").status?.err, "no suitable node (its node is gone)");
});

test("a reason that differs is told at once to few tasks, and after a while to many", async (t) => {
  const { store, change, task, clock, loop } = start(t);
  await store.batch(
    Array.from({ length: 300 }, (_, i) => `t${i}`),
    (tx, id) => tx.create("task", pending(id, { spec: RESERVED })),
  );
  await change((tx) => tx.create("node", node("a", 1)));
  const told = (id: string) => task(id).status?.err;
  const reason = (count: string) => `no suitable node (insufficient resources on ${count})`;
  clock.advance(10_000);
  await loop.idle();
  t.is(told("t7"), reason("1 node"));
  await change((tx) => tx.create("node", node("b", 1)));
  t.is(told("t7"), reason("1 node"));
  await change((tx) => tx.create("task", pending("late", { spec: RESERVED })));
  clock.advance(5000);
  await loop.idle();
  t.is(told("t7"), reason("2 nodes"));
  t.is(told("late"), reason("2 nodes"));
});

test("a service that keeps failing on a node is put elsewhere, until that is long ago; another version is not", async (t) => {
  const { change, task, clock } = start(t);
  await change((tx) => tx.create("node", node("a")));
  for (let i = 0; i < 5; i++) {
    await change((tx) => tx.create("task", pending(`f${i}`)));
    await change((tx) => {
      const one = tx.get("task", `f${i}`)!;
      tx.update("task", { ...one, status: { ...one.status!, state: i % 2 ? TaskState.FAILED : TaskState.REJECTED } });
    });
  }
  await change((tx) => {
    tx.create("node", node("b"));
    for (let i = 0; i < 3; i++)
      tx.create("task", pending(`x${i}`, { serviceId: "x", nodeId: "b", status: { state: TaskState.RUNNING } }));
  });
  await change((tx) => tx.create("task", pending("t1")));
  t.is(task("t1").nodeId, "b", "though it is fuller");
  await change((tx) => tx.create("task", pending("v2", { specVersion: { index: 2 } })));
  t.is(task("v2").nodeId, "a");
  clock.advance(5 * 60_000 + 1000);
  await change((tx) => tx.create("task", pending("t2")));
  t.is(task("t2").nodeId, "a");
});

test("a new leader knows of failures from the tasks that are left", async (t) => {
  const clock = new ManualClock();
  const store = new Store(new MemoryProposer(), clock);
  const seconds = clock.now() / 1000;
  await store.update((tx) => {
    tx.create("node", node("a"));
    tx.create("node", node("b"));
    for (let i = 0; i < 5; i++) {
      const at = { seconds: seconds - 10 - i, nanos: 0 };
      tx.create("task", pending(`f${i}`, { nodeId: "a", status: { state: TaskState.FAILED, appliedAt: at } }));
      tx.create(
        "task",
        pending(`o${i}`, {
          nodeId: "b",
          status: { state: TaskState.FAILED, appliedAt: { seconds: seconds - 900, nanos: 0 } },
        }),
      );
    }
    for (let i = 0; i < 4; i++) tx.create("task", pending(`t${i}`));
  });
  const loop = new ControlLoop(store, clock, [new Scheduler(store, clock)], (line) => t.log(line));
  loop.start();
  t.teardown(() => loop.stop());
  await loop.idle();
  const at = (id: string) => store.view((read) => read.get("task", id))!.nodeId;
  t.deepEqual(
    [0, 1, 2, 3].map((i) => at(`t${i}`)),
    ["b", "b", "b", "b"],
  );
});

test("the cluster's label says how nodes are chosen where the service does not", async (t) => {
  const { change, task } = start(t);
  const labelled = (labels: Record<string, string>) =>
    Cluster.fromPartial({ id: "c", spec: { annotations: { name: "default", labels } } });
  await change((tx) => {
    tx.create("cluster", labelled({}));
    for (const id of ["a", "b"]) tx.create("node", node(id));
    for (let i = 0; i < 2; i++) tx.create("task", pending(`s${i}`, { spec: RESERVED }));
  });
  t.not(task("s0").nodeId, task("s1").nodeId);
  await change((tx) => {
    const { spec } = labelled({ "tswarm.placement.strategy": "binpack" });
    tx.update("cluster", { ...tx.get("cluster", "c")!, spec });
    tx.create("node", node("c"));
    for (let i = 0; i < 2; i++)
      tx.create("task", pending(`p${i}`, { serviceId: "p", spec: { resources: { reservations: { nanoCpus: 1e9 } } } }));
  });
  t.is(task("p0").nodeId, task("p1").nodeId);
});

test("generic resources are written into the task, and free again when it ends", async (t) => {
  const { change, task } = start(t);
  const gpu = (value: string) => ({ resource: { $case: "namedResourceSpec" as const, value: { kind: "gpu", value } } });
  const spec = {
    resources: {
      reservations: {
        generic: [{ resource: { $case: "discreteResourceSpec" as const, value: { kind: "gpu", value: 1 } } }],
      },
    },
  };
  await change((tx) => {
    tx.create("node", Node.fromPartial({ ...node("a"), description: { resources: { generic: [gpu("G1")] } } }));
    tx.create("task", pending("t1", { spec }));
    tx.create("task", pending("t2", { spec }));
  });
  t.deepEqual(task("t1").assignedGenericResources, [gpu("G1")]);
  t.is(task("t2").nodeId, "");
  await change((tx) => {
    const one = tx.get("task", "t1")!;
    tx.update("task", { ...one, status: { ...one.status!, state: TaskState.FAILED } });
  });
  t.deepEqual(task("t2").assignedGenericResources, [gpu("G1")]);
});

test("no slice decides on more than its budget allows, and tasks of several services take turns", (t) => {
  const clock = new ManualClock();
  const store = new Store(new MemoryProposer(), clock);
  const scheduler = new Scheduler(store, clock);
  return store
    .batch([...Array(4000).keys()], (tx, i) =>
      tx.create("task", pending(`t${i}`, { serviceId: i < 3000 ? "big" : "small" })),
    )
    .then(() => store.update((tx) => tx.create("node", node("a"))))
    .then(() => {
      store.view((read) => scheduler.begin(read));
      const slices: (readonly string[])[] = [];
      for (let i = 0; i < 1000 && slices.flat().length < 4000; i++) {
        const decisions = scheduler.slice();
        slices.push(decisions.map(({ taskId }) => taskId));
      }
      t.is(new Set(slices.flat()).size, 4000);
      t.true(Math.max(...slices.map(({ length }) => length)) <= 1000);
      const firstSmall = slices.findIndex((slice) => slice.some((id) => Number(id.slice(1)) >= 3000));
      const lastBig = slices.findLastIndex((slice) => slice.some((id) => Number(id.slice(1)) < 3000));
      t.true(firstSmall < lastBig);
    });
});
