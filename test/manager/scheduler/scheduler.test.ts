import test, { type ExecutionContext } from "ava";
import { Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { ControlLoop } from "../../../src/manager/loop/control-loop.js";
import { Scheduler } from "../../../src/manager/scheduler/scheduler.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import type { Transaction } from "../../../src/store/transaction.js";
import { ManualClock } from "../manual-clock.js";

const RESERVED = { resources: { reservations: { nanoCpus: 2e9 } } };

function start(t: ExecutionContext) {
  const clock = new ManualClock();
  const store = new Store(new MemoryProposer(), clock);
  const logged: string[] = [];
  const loop = new ControlLoop(store, clock, [new Scheduler(store, clock)], (line) => logged.push(line));
  loop.start();
  t.teardown(() => loop.stop());
  const change = async (body: (tx: Transaction) => void) => {
    await store.update(body);
    await loop.idle();
  };
  const task = (id: string) => store.view((read) => read.get("task", id))!;
  return { store, change, task, loop, clock };
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
