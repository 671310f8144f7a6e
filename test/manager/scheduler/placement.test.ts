import test from "ava";
import fc from "fast-check";
import { Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { ClusterLoad } from "../../../src/manager/scheduler/node-load.js";
import { placeGroup, placeOnItsNode } from "../../../src/manager/scheduler/placement.js";

type NodeFields = Parameters<typeof Node.fromPartial>[0];
type TaskFields = Parameters<typeof Task.fromPartial>[0];

const ready = (id: string, more: NodeFields = {}) =>
  Node.fromPartial({
    id,
    status: { state: NodeState.READY },
    ...more,
    description: {
      resources: { nanoCpus: 4e9, memoryBytes: 4e9 },
      platform: { os: "linux", architecture: "amd64" },
      ...more.description,
    },
  });
const task = (id: string, fields: TaskFields = {}) =>
  Task.fromPartial({ id, serviceId: "web", status: { state: TaskState.PENDING }, ...fields });
const tasks = (count: number, fields: TaskFields = {}) =>
  Array.from({ length: count }, (_, i) => task(`t${i}`, fields));
const runs = (id: string, nodeId: string, fields: TaskFields = {}) =>
  task(id, { nodeId, status: { state: TaskState.RUNNING }, desiredState: TaskState.RUNNING, ...fields });

/** How many of the tasks each node got, and the reason of the others. */
function place(group: readonly Task[], nodes: readonly Node[], running: readonly Task[] = []) {
  const load = new ClusterLoad();
  for (const one of running) load.see(one);
  const counts: Record<string, number> = {};
  const reasons = new Set<string>();
  for (const { nodeId, reason } of placeGroup(group, nodes, load)) {
    if (nodeId) counts[nodeId] = (counts[nodeId] ?? 0) + 1;
    if (reason) reasons.add(reason);
  }
  return { counts, reasons: [...reasons] };
}

const NODES = [ready("a"), ready("b"), ready("c")];

test("equal nodes get equal shares", (t) => {
  t.deepEqual(place(tasks(7), NODES).counts, { a: 3, b: 2, c: 2 });
});

test("first the tasks of the service count, then all tasks", (t) => {
  const running = [runs("x1", "a", { serviceId: "other" }), runs("x2", "a", { serviceId: "other" }), runs("w", "b")];
  t.deepEqual(place(tasks(1), NODES, running).counts, { c: 1 });
  t.deepEqual(place(tasks(2), NODES, running).counts, { a: 1, c: 1 });
  t.deepEqual(place(tasks(3), NODES, running).counts, { a: 1, b: 1, c: 1 });
});

test("tasks that have ended, or were called off, do not count", (t) => {
  const running = [
    runs("1", "a", { status: { state: TaskState.FAILED } }),
    runs("2", "a", { status: { state: TaskState.SHUTDOWN } }),
    runs("3", "b"),
    runs("4", "c"),
  ];
  t.deepEqual(place(tasks(1), NODES, running).counts, { a: 1 });
});

test("reasons say how many nodes each filter refused", (t) => {
  const nodes = [
    ready("a", { status: { state: NodeState.DOWN } }),
    ready("b", { spec: { availability: Availability.DRAIN } }),
    ready("c", { spec: { availability: Availability.PAUSE } }),
    ready("d", { description: { resources: { nanoCpus: 1e9, memoryBytes: 1e9 } } }),
    ready("e"),
  ];
  const group = tasks(1, {
    spec: {
      resources: { reservations: { nanoCpus: 2e9, memoryBytes: 2e9 } },
      placement: { constraints: ["node.labels.disk==ssd"] },
    },
  });
  t.deepEqual(place(group, nodes), {
    counts: {},
    reasons: [
      "no suitable node (3 nodes not available for new tasks; insufficient resources on 1 node; scheduling constraints not satisfied on 1 node)",
    ],
  });
  t.deepEqual(place(tasks(1), []).reasons, ["no suitable node"]);
});

test("reservations fill a node up, and no further", (t) => {
  const group = tasks(5, { spec: { resources: { reservations: { nanoCpus: 2e9 } } } });
  const { counts, reasons } = place(group, [ready("a"), ready("b")]);
  t.deepEqual(counts, { a: 2, b: 2 });
  t.deepEqual(reasons, ["no suitable node (insufficient resources on 2 nodes)"]);
});

test("a port in host mode is one task's alone on each node", (t) => {
  const endpoint = { ports: [{ targetPort: 80, publishedPort: 8080, publishMode: 1 }] };
  const { counts, reasons } = place(
    tasks(3, { endpoint }),
    [ready("a"), ready("b")],
    [runs("x", "b", { serviceId: "y", endpoint })],
  );
  t.deepEqual(counts, { a: 1 });
  t.deepEqual(reasons, ["no suitable node (host-mode port already in use on 2 nodes)"]);
  const udp = { ports: [{ targetPort: 80, publishedPort: 8080, publishMode: 1, protocol: 1 }] };
  t.deepEqual(place(tasks(1, { endpoint: udp }), [ready("b")], [runs("x", "b", { endpoint })]).counts, { b: 1 });
});

test("no more replicas on a node than allowed", (t) => {
  const group = tasks(5, { spec: { placement: { maxReplicas: 2 } } });
  const { counts, reasons } = place(group, [ready("a"), ready("b")], [runs("w", "a")]);
  t.deepEqual(counts, { a: 1, b: 2 });
  t.deepEqual(reasons, ["no suitable node (max replicas per node limit exceed on 2 nodes)"]);
});

test("platforms: other names of the same architecture, and empty for any", (t) => {
  const on = (os: string, architecture: string) =>
    place(tasks(1, { spec: { placement: { platforms: [{ os, architecture }] } } }), [ready("a")]).counts;
  for (const [os, architecture] of [
    ["linux", "x86_64"],
    ["Linux", "amd64"],
    ["", "amd64"],
    ["linux", ""],
  ] as const) {
    t.deepEqual(on(os, architecture), { a: 1 }, `${os}/${architecture}`);
  }
  t.deepEqual(on("linux", "arm64"), {});
  t.deepEqual(on("windows", ""), {});
});

test("preferences spread over labels first, then over nodes; an uneven start is filled up like water", (t) => {
  const inZone = (id: string, zone: string) => ready(id, { spec: { annotations: { labels: { zone } } } });
  const nodes = [inZone("a1", "a"), inZone("a2", "a"), inZone("a3", "a"), inZone("b1", "b"), ready("none")];
  const preferences = [{ Preference: { $case: "spread" as const, value: { spreadDescriptor: "node.labels.zone" } } }];
  const group = (count: number) => tasks(count, { spec: { placement: { preferences } } });
  t.deepEqual(place(group(9), nodes).counts, { a1: 1, a2: 1, a3: 1, b1: 3, none: 3 });
  const three = [inZone("a", "a"), inZone("b", "b"), inZone("c", "c")];
  const start = [1, 2, 3, 4].map((i) => runs(`w${i}`, "a"));
  t.deepEqual(place(group(6), three, start).counts, { b: 3, c: 3 });
});

test("a task with a node of its own: it fits or says why", (t) => {
  const load = new ClusterLoad();
  t.deepEqual(placeOnItsNode(task("t"), ready("a"), load), { taskId: "t", nodeId: "a" });
  t.deepEqual(placeOnItsNode(task("t"), ready("a", { status: { state: NodeState.DOWN } }), load), {
    taskId: "t",
    reason: "no suitable node (1 node not available for new tasks)",
  });
});

test("shares differ by at most one, whatever the order of nodes, and looking changes no load", (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 60 }), (nodeCount, taskCount) => {
        const nodes = Array.from({ length: nodeCount }, (_, i) => ready(`n${i}`));
        const load = new ClusterLoad();
        const placements = placeGroup(tasks(taskCount), nodes, load);
        const counts = nodes.map(({ id }) => placements.filter(({ nodeId }) => nodeId === id).length);
        const untouched = nodes.every(({ id }) => load.of(id).tasks === 0 && load.of(id).byService.size === 0);
        return untouched && Math.max(...counts) - Math.min(...counts) <= 1 && placements.every(({ nodeId }) => nodeId);
      }),
    ),
  );
});
