import test from "ava";
import { ServiceSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import type { PlacementView } from "../../../src/manager/scheduler/plan-placement.js";
import { MAX_PLANNED_TASKS, placementView, planPlacement } from "../../../src/manager/scheduler/plan-placement.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock } from "../manual-clock.js";
import { NOW, ready, reserves, runs, stateOf, type TaskFields } from "./sample-cluster.js";

const spec = (task: NonNullable<TaskFields>["spec"] = {}, more: Parameters<typeof ServiceSpec.fromPartial>[0] = {}) =>
  ServiceSpec.fromPartial({
    annotations: { name: "web" },
    mode: { $case: "replicated", value: { replicas: 1 } },
    task,
    ...more,
  });
const named = (id: string) => ready(id, { description: { hostname: `host-${id}` } });
const view = (...args: Parameters<typeof stateOf>): PlacementView => ({ state: stateOf(...args), strategy: "spread" });

test("where tasks would go, the fullest first, and why not all of them", (t) => {
  const looked = view([named("a"), named("b")], [runs("x", "a", { serviceId: "x", spec: reserves(2e9) })]);
  const before = looked.state.sequence;
  const plan = planPlacement(looked, spec(reserves(2e9)), 5);
  t.deepEqual(plan, {
    nodes: [
      { nodeId: "b", hostname: "host-b", tasks: 2 },
      { nodeId: "a", hostname: "host-a", tasks: 1 },
    ],
    unplaced: 2,
    reason: "no suitable node (insufficient resources on 2 nodes)",
  });
  t.true(looked.state.sequence > before);
  t.deepEqual(planPlacement(looked, spec(reserves(2e9)), 5), plan, "nothing stays of a plan");
  t.is(looked.state.entry("b")!.nanoCpus, 0);
});

test("what the service has counts, unless it is to be replaced", (t) => {
  const looked = view([named("a"), named("b")], [runs("1", "a"), runs("2", "a"), runs("3", "b")]);
  const nodes = (options: Parameters<typeof planPlacement>[3]) =>
    Object.fromEntries(planPlacement(looked, spec(), 3, options).nodes.map(({ nodeId, tasks }) => [nodeId, tasks]));
  t.deepEqual(nodes({ serviceId: "web" }), { a: 1, b: 2 });
  t.is(nodes({ serviceId: "web", without: ["1", "2"] }).a, 2);
  t.is(looked.state.entry("a")!.tasks, 2);
});

test("a global service: the nodes that get one, and what keeps the others from it", (t) => {
  const nodes = [named("a"), named("b"), named("c")];
  const full = runs("x", "c", { serviceId: "x", spec: reserves(4e9) });
  const global = spec(
    { ...reserves(1e9), placement: { constraints: ["node.id!=b"] } },
    { mode: { $case: "global", value: {} } },
  );
  t.deepEqual(planPlacement(view(nodes, [full]), global, 0), {
    nodes: [{ nodeId: "a", hostname: "host-a", tasks: 1 }],
    unplaced: 2,
    reason: "no suitable node (insufficient resources on 1 node; scheduling constraints not satisfied on 1 node)",
  });
});

test("packing is planned as it is done", (t) => {
  const packed = spec(reserves(1e9), {
    annotations: { name: "web", labels: { "tswarm.placement.strategy": "binpack" } },
  });
  const plan = planPlacement(view([named("a"), named("b")]), packed, 4);
  t.deepEqual(
    plan.nodes.map(({ tasks }) => tasks),
    [4],
  );
});

test("a plan from the store itself; one that would take long is refused", async (t) => {
  const store = new Store(new MemoryProposer(), new ManualClock());
  await store.update((tx) => {
    tx.create("node", named("a"));
    tx.create("node", named("b"));
    tx.create("task", runs("x", "a"));
  });
  const looked = store.view((read) => placementView(read, NOW));
  t.deepEqual(
    planPlacement(looked, spec(), 1, { serviceId: "web" }).nodes.map(({ nodeId }) => nodeId),
    ["b"],
  );
  t.throws(() => planPlacement(looked, spec(), MAX_PLANNED_TASKS + 1), { message: /10000 tasks at most, not 10001/ });
});
