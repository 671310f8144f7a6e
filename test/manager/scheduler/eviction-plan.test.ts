import test from "ava";
import { Node, Service, type Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { timestampOf } from "../../../src/api/time.js";
import { planEvictions } from "../../../src/manager/scheduler/eviction-plan.js";
import { discrete, labelled, NOW, named, ready, reserves, runs, type TaskFields } from "./sample-cluster.js";

/** Created one after the other. */
const on = (...fields: readonly TaskFields[]) =>
  fields.map((more, i) => runs(`t${i}`, "a", { meta: { createdAt: timestampOf(NOW + i) }, ...more }));
const serviceWith = (constraints: readonly string[]) =>
  Service.fromPartial({ spec: { task: { placement: { constraints } } } });
const plan = (node: Node, tasks: readonly Task[], service?: Service) =>
  planEvictions(node, tasks, () => service).map(({ taskId, reason }) => `${taskId}: ${reason}`);
const bound = { spec: { placement: { constraints: ["node.role==worker", "node.labels.disk==ssd"] } } };

test("a task whose node does not meet its constraints any more leaves, and hears which", (t) => {
  t.deepEqual(plan(labelled("a", { disk: "ssd" }), on(bound)), []);
  const reason = "t0: assigned node no longer meets constraints (node.labels.disk==ssd)";
  t.deepEqual(plan(labelled("a", { disk: "hdd" }), on(bound)), [reason]);
  t.deepEqual(plan(labelled("a", {}), on(bound, {}), serviceWith(["node.labels.disk==ssd"])), [reason]);
});

test("what the service has dropped does not bind; what it has added is the update's to do", (t) => {
  t.deepEqual(plan(labelled("a", {}), on(bound), serviceWith([])), []);
  t.deepEqual(plan(labelled("a", {}), on({}), serviceWith(["node.labels.disk==ssd"])), []);
});

test("a constraint that nobody can read stops nothing", (t) => {
  t.deepEqual(plan(ready("a"), on({ spec: { placement: { constraints: ["fast disks"] } } })), []);
});

test("when a node has less, the oldest tasks stay as far as they fit", (t) => {
  const has = (cpus: number, gib: number) =>
    ready("a", { description: { resources: { nanoCpus: cpus * 1e9, memoryBytes: gib * 2 ** 30 } } });
  const spec = (cpus: number, gib = 0) => ({ spec: reserves(cpus * 1e9, gib * 2 ** 30) });
  const tasks = on(spec(2), spec(1), {}, spec(1), spec(0, 4));
  const lacks = (id: string, what: string) =>
    `${id}: assigned node no longer has the resources that are reserved (${what})`;
  t.deepEqual(plan(has(4, 8), tasks), []);
  t.deepEqual(plan(has(3, 8), tasks), [lacks("t3", "CPUs")]);
  t.deepEqual(plan(has(2, 1), tasks), [lacks("t1", "CPUs"), lacks("t3", "CPUs"), lacks("t4", "memory")]);
  t.deepEqual(plan(has(1, 8), tasks), [lacks("t0", "CPUs"), lacks("t3", "CPUs")]);
  t.deepEqual(plan(ready("a", { description: { resources: undefined } }), tasks), [], "it has not said");
});

test("a lost generic resource takes its holder, and every other one that is concerned", (t) => {
  const has = (...generic: Parameters<typeof reserves>[2] & {}) =>
    ready("a", { description: { resources: { nanoCpus: 4e9, memoryBytes: 2 ** 30, generic } } });
  const holds = (...generic: Parameters<typeof reserves>[2] & {}) => ({ assignedGenericResources: generic });
  const tasks = on(
    holds(named("gpu", "G1")),
    holds(named("gpu", "G2")),
    holds(discrete("fpga", 2)),
    holds(discrete("fpga", 2)),
    holds(named("gpu", "G3"), discrete("fpga", 1)),
  );
  const leaving = (node: Node) => planEvictions(node, tasks, () => undefined).map(({ taskId }) => taskId);
  const gpus = [named("gpu", "G1"), named("gpu", "G2"), named("gpu", "G3")];
  t.deepEqual(leaving(has(...gpus, discrete("fpga", 5))), []);
  t.deepEqual(leaving(has(...gpus.slice(1), discrete("fpga", 5))), ["t0"]);
  t.deepEqual(leaving(has(...gpus, discrete("fpga", 4))), ["t4"]);
  t.deepEqual(leaving(has(gpus[1]!, discrete("fpga", 2))), ["t0", "t3", "t4"]);
});

test("a node that is drained, paused or lost is left alone, and so are tasks that stop anyway", (t) => {
  for (const availability of [Availability.DRAIN, Availability.PAUSE]) {
    t.deepEqual(plan(ready("a", { spec: { availability } }), on(bound)), []);
  }
  t.deepEqual(plan(ready("a", { status: { state: NodeState.DOWN } }), on(bound)), []);
  const stopping = on(
    { ...bound, desiredState: TaskState.SHUTDOWN },
    { ...bound, status: { state: TaskState.FAILED } },
  );
  t.deepEqual(plan(ready("a"), stopping), []);
  const full = Node.fromPartial({ ...ready("a"), description: { resources: { nanoCpus: 2e9 } } });
  const going = { spec: reserves(2e9), desiredState: TaskState.SHUTDOWN };
  t.deepEqual(plan(full, on(going, { spec: reserves(2e9) })), [], "what they hold is as good as free");
});
