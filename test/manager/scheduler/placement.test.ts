import test, { type ExecutionContext } from "ava";
import type { Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { rulesOf } from "../../../src/manager/scheduler/pending-group.js";
import { placeOnItsNode } from "../../../src/manager/scheduler/placement.js";
import { requirementsOf } from "../../../src/manager/scheduler/requirements.js";
import {
  discrete,
  labelled,
  named,
  outcomeOf,
  type PlaceOptions,
  placeAll,
  ready,
  reserves,
  runs,
  spreadOver,
  stateOf,
  task,
  tasks,
} from "./sample-cluster.js";

/** With a shared ranking and with the service's own, which must not differ. */
function place(
  t: ExecutionContext,
  group: readonly Task[],
  nodes: readonly Node[],
  running: readonly Task[] = [],
  options: PlaceOptions = {},
) {
  const shared = outcomeOf(placeAll(stateOf(nodes, running), group, options));
  const own = outcomeOf(placeAll(stateOf(nodes, running), group, { ...options, own: true }));
  t.deepEqual(own, shared, "a ranking of the service's own");
  return shared;
}

const sizes = (counts: Record<string, number>) => Object.values(counts).sort((a, b) => b - a);
const NODES = [ready("a"), ready("b"), ready("c")];

test("equal nodes get equal shares", (t) => {
  t.deepEqual(sizes(place(t, tasks(7), NODES).counts), [3, 2, 2]);
  t.deepEqual(sizes(place(t, tasks(3), NODES).counts), [1, 1, 1]);
});

test("first the tasks of the service count, then all tasks", (t) => {
  const running = [runs("x1", "a", { serviceId: "other" }), runs("x2", "a", { serviceId: "other" }), runs("w", "b")];
  t.deepEqual(place(t, tasks(1), NODES, running).counts, { c: 1 });
  t.deepEqual(place(t, tasks(2), NODES, running).counts, { a: 1, c: 1 });
  t.deepEqual(place(t, tasks(3), NODES, running).counts, { a: 1, b: 1, c: 1 });
});

test("among equals the node with most room left comes first", (t) => {
  const nodes = [
    ready("small", { description: { resources: { nanoCpus: 2e9, memoryBytes: 16 * 2 ** 30 } } }),
    ready("big", { description: { resources: { nanoCpus: 8e9, memoryBytes: 64 * 2 ** 30 } } }),
    ready("lean", { description: { resources: { nanoCpus: 8e9, memoryBytes: 4 * 2 ** 30 } } }),
  ];
  t.deepEqual(place(t, tasks(1), nodes).counts, { big: 1 });
  t.deepEqual(place(t, tasks(2), nodes).counts, { big: 1, small: 1 });
  const taken = runs("x", "big", { serviceId: "x", desiredState: TaskState.SHUTDOWN, spec: reserves(7e9) });
  t.deepEqual(place(t, tasks(1), nodes, [taken]).counts, { small: 1 });
});

test("tasks that have ended do not count; those that are to stop hold what they have, but do not count either", (t) => {
  const running = [
    runs("1", "a", { status: { state: TaskState.FAILED } }),
    runs("2", "a", { status: { state: TaskState.SHUTDOWN } }),
    runs("3", "b"),
    runs("4", "c"),
  ];
  t.deepEqual(place(t, tasks(1), NODES, running).counts, { a: 1 });
  const stopping = runs("5", "a", { desiredState: TaskState.SHUTDOWN, spec: reserves(3e9) });
  t.deepEqual(place(t, tasks(1), NODES, [stopping, runs("6", "b"), runs("7", "c")]).counts, { a: 1 });
  t.deepEqual(sizes(place(t, tasks(9, { spec: reserves(2e9) }), NODES, [stopping]).counts), [2, 2]);
});

test("a task of a job counts like any other", (t) => {
  const job = { desiredState: TaskState.COMPLETE };
  t.deepEqual(place(t, tasks(2, job), NODES, [runs("w", "b", job)]).counts, { a: 1, c: 1 });
});

test("reasons say how many nodes each filter refused, the most first", (t) => {
  const nodes = [
    ready("a", { status: { state: NodeState.DOWN } }),
    ready("b", { spec: { availability: Availability.DRAIN } }),
    ready("c", { spec: { availability: Availability.PAUSE } }),
    ready("d", { description: { resources: { nanoCpus: 1e9, memoryBytes: 1e9 } } }),
    ready("e"),
    ready("f"),
  ];
  const group = tasks(1, { spec: { ...reserves(2e9, 2e9), placement: { constraints: ["node.labels.disk==ssd"] } } });
  t.deepEqual(place(t, group, nodes), {
    counts: {},
    reasons: [
      "no suitable node (3 nodes not available for new tasks; scheduling constraints not satisfied on 2 nodes; insufficient resources on 1 node)",
    ],
  });
  t.deepEqual(place(t, tasks(1), []).reasons, ["no suitable node"]);
});

test("reservations fill a node up, and no further", (t) => {
  const { counts, reasons } = place(t, tasks(5, { spec: reserves(2e9) }), [ready("a"), ready("b")]);
  t.deepEqual(counts, { a: 2, b: 2 });
  t.deepEqual(reasons, ["no suitable node (insufficient resources on 2 nodes)"]);
  t.deepEqual(place(t, tasks(9, { spec: reserves(0, 8 * 2 ** 30) }), NODES).counts, { a: 2, b: 2, c: 2 });
});

test("a node that says nothing of its resources has none", (t) => {
  const bare = ready("a", { description: { resources: undefined } });
  t.deepEqual(place(t, tasks(1), [bare]).counts, { a: 1 });
  t.deepEqual(place(t, tasks(1, { spec: reserves(1e6) }), [bare]).reasons, [
    "no suitable node (insufficient resources on 1 node)",
  ]);
});

test("generic resources: the first values that are free, and a number where nothing is named", (t) => {
  const nodes = [
    ready("a", {
      description: {
        resources: { generic: [named("gpu", "G1"), named("gpu", "G2"), named("gpu", "G3"), discrete("fpga", 3)] },
      },
    }),
    ready("b", { description: { resources: { generic: [discrete("fpga", 1)] } } }),
  ];
  const state = stateOf(nodes);
  const wants = (id: string, ...generic: Parameters<typeof reserves>[2] & {}) =>
    placeAll(state, [task(id, { serviceId: id, spec: reserves(0, 0, generic) })])[0]!;
  const got = (decision: ReturnType<typeof wants>) => (decision.entry ? decision.generic : decision.reason);
  t.deepEqual(got(wants("1", discrete("gpu", 2), discrete("fpga", 2))), [
    named("gpu", "G1"),
    named("gpu", "G2"),
    discrete("fpga", 2),
  ]);
  const refusal = "no suitable node (insufficient resources on 2 nodes)";
  t.deepEqual(got(wants("2", discrete("gpu", 2))), refusal);
  t.deepEqual(got(wants("3", named("gpu", "G2"))), refusal, "taken");
  t.deepEqual(got(wants("4", named("gpu", "G3"))), [named("gpu", "G3")], "asked for by its name");
  t.deepEqual(got(wants("5", discrete("tpu", 1))), refusal, "of no such kind");
  const stop = (id: string) => state.forget(id);
  stop("1");
  t.deepEqual(got(wants("6", discrete("gpu", 2))), [named("gpu", "G1"), named("gpu", "G2")], "given back");
  t.deepEqual(got(wants("7", discrete("gpu", 1))), refusal);
  t.deepEqual(got(wants("8", discrete("fpga", 3))), [discrete("fpga", 3)]);
  t.is(wants("9", discrete("fpga", 1)).entry?.id, "b");
  for (const id of ["4", "6", "8", "9"]) stop(id);
  t.is(state.entry("a")!.claims, undefined, "nothing is left");
  t.is(state.entry("b")!.claims, undefined);
});

test("what a task says that it was given is taken, also by a new leader", (t) => {
  const nodes = [ready("a", { description: { resources: { generic: [named("gpu", "G1"), named("gpu", "G2")] } } })];
  const holder = runs("x", "a", { assignedGenericResources: [named("gpu", "G1")] });
  const state = stateOf(nodes, [holder]);
  const wanted = reserves(0, 0, [discrete("gpu", 1)]);
  const [decision] = placeAll(state, [task("t", { spec: wanted })]);
  t.deepEqual(decision?.entry && decision.generic, [named("gpu", "G2")]);
});

test("plugins: volume, network and log drivers, and what runs the task", (t) => {
  const plugins = [
    { type: "Volume", name: "nfs:latest" },
    { type: "Network", name: "overlay" },
    { type: "Log", name: "json-file" },
  ];
  const docker = [ready("a", { description: { engine: { plugins } } })];
  const tswarm = [ready("a", { description: { engine: { plugins: [{ type: "Runtime", name: "process" }] } } })];
  const swarmkit = [ready("a")];
  const volume = (name: string) => ({
    spec: {
      runtime: {
        $case: "container" as const,
        value: { mounts: [{ type: 1, target: "/data", volumeOptions: { driverConfig: { name } } }] },
      },
    },
  });
  const network = (name: string) => ({ networks: [{ network: { id: "n", driverState: { name } } }] });
  const log = (name: string) => ({ spec: { logDriver: { name } } });
  const generic = (kind: string) => ({ spec: { runtime: { $case: "generic" as const, value: { kind } } } });
  const table: readonly (readonly [readonly Node[], Parameters<typeof task>[1], boolean])[] = [
    [docker, volume("nfs"), true],
    [docker, volume("local"), true],
    [docker, volume(""), true],
    [docker, volume("ceph"), false],
    [docker, network("overlay"), true],
    [docker, network("weave"), false],
    [docker, log("json-file"), true],
    [docker, log("none"), true],
    [docker, log("splunk"), false],
    [docker, generic("plugin"), true],
    [docker, generic("process"), false],
    [tswarm, generic("process"), true],
    [tswarm, generic("wasm"), false],
    [tswarm, volume("local"), false],
    [tswarm, log("splunk"), true],
    [swarmkit, volume("ceph"), true],
    [swarmkit, generic("process"), true],
  ];
  for (const [nodes, fields, fits] of table) {
    const { counts, reasons } = place(t, tasks(1, fields), nodes);
    const label = JSON.stringify([nodes[0]!.description?.engine?.plugins, fields]);
    t.deepEqual(counts, fits ? { a: 1 } : {}, label);
    t.deepEqual(reasons, fits ? [] : ["no suitable node (missing plugin on 1 node)"], label);
  }
});

test("a task with IPv6 goes where it is carried: not to kernels without it, nor to agents that know none", (t) => {
  const engine = (labels: Readonly<Record<string, string>>) => ({ description: { engine: { labels, plugins: [] } } });
  const agent = { "tswarm.load-balancer": "ipvs" };
  const nodes = [
    ready("balanced", engine({ ...agent, "tswarm.ipv6": "balanced" })),
    ready("unbalanced", engine({ ...agent, "tswarm.ipv6": "unbalanced" })),
    ready("none", engine({ ...agent, "tswarm.ipv6": "none" })),
    ready("old", engine(agent)),
    ready("other", engine({})),
  ];
  const on = (spec: object) => ({ networks: [{ network: { id: "n", spec } }] });
  t.deepEqual(place(t, tasks(3, on({ ipv6Enabled: true })), nodes).counts, { balanced: 1, unbalanced: 1, other: 1 });
  t.is(Object.keys(place(t, tasks(5, on({})), nodes).counts).length, 5);
  t.is(Object.keys(place(t, tasks(5, on({ ipv6Enabled: true, ingress: true })), nodes).counts).length, 5);
  t.deepEqual(place(t, tasks(1, on({ ipv6Enabled: true })), nodes.slice(2, 4)).reasons, [
    "no suitable node (IPv6 networks not carried by 2 nodes)",
  ]);
});

test("a port in host mode is one task's alone on each node", (t) => {
  const endpoint = { ports: [{ targetPort: 80, publishedPort: 8080, publishMode: 1 }] };
  const { counts, reasons } = place(
    t,
    tasks(3, { endpoint }),
    [ready("a"), ready("b")],
    [runs("x", "b", { serviceId: "y", endpoint })],
  );
  t.deepEqual(counts, { a: 1 });
  t.deepEqual(reasons, ["no suitable node (host-mode port already in use on 2 nodes)"]);
  const udp = { ports: [{ targetPort: 80, publishedPort: 8080, publishMode: 1, protocol: 1 }] };
  t.deepEqual(place(t, tasks(1, { endpoint: udp }), [ready("b")], [runs("x", "b", { endpoint })]).counts, { b: 1 });
  const ingress = { ports: [{ targetPort: 80, publishedPort: 8080, publishMode: 0 }] };
  t.deepEqual(place(t, tasks(2, { endpoint: ingress }), [ready("b")]).counts, { b: 2 });
});

test("no more replicas on a node than allowed", (t) => {
  const group = tasks(5, { spec: { placement: { maxReplicas: 2 } } });
  const { counts, reasons } = place(t, group, [ready("a"), ready("b")], [runs("w", "a")]);
  t.deepEqual(counts, { a: 1, b: 2 });
  t.deepEqual(reasons, ["no suitable node (max replicas per node limit exceed on 2 nodes)"]);
});

test("platforms: other names of the same architecture, and empty for any", (t) => {
  const on = (os: string, architecture: string) =>
    place(t, tasks(1, { spec: { placement: { platforms: [{ os, architecture }] } } }), [ready("a")]).counts;
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

test("a constraint that cannot be read fits no node", (t) => {
  const group = tasks(1, { spec: { placement: { constraints: ["disk is fast"] } } });
  t.deepEqual(place(t, group, NODES).reasons, ["no suitable node (scheduling constraints not satisfied on 3 nodes)"]);
});

test("preferences spread over labels first, then over nodes; a node without the label is a branch too", (t) => {
  const nodes = [
    ...["a1", "a2", "a3"].map((id) => labelled(id, { zone: "a" })),
    labelled("b1", { zone: "b" }),
    ready("none"),
  ];
  const spec = spreadOver("node.labels.zone");
  t.deepEqual(place(t, tasks(9, { spec }), nodes).counts, { a1: 1, a2: 1, a3: 1, b1: 3, none: 3 });
});

test("an uneven start is filled up like water, where SwarmKit overshoots", (t) => {
  const zones = ["a", "b", "c"].map((zone) => labelled(zone, { zone }));
  const spec = spreadOver("node.labels.zone");
  const start = [1, 2, 3, 4].map((i) => runs(`w${i}`, "a", { spec }));
  const { counts } = place(t, tasks(6, { spec }), zones, start);
  t.deepEqual(counts, { b: 3, c: 3 }, "{4, 0, 0} and 6 more: {4, 3, 3}");
  t.deepEqual(sizes(place(t, tasks(3, { spec }), zones, start).counts), [2, 1]);
});

test("several levels, each as even as it can be; engine labels; preferences that nobody knows", (t) => {
  const at = (id: string, zone: string, rack: string) =>
    labelled(id, { zone }, { description: { engine: { labels: { rack }, plugins: [] } } });
  const nodes = [at("a1", "a", "1"), at("a2", "a", "1"), at("a3", "a", "2"), at("b1", "b", "1"), at("b2", "b", "2")];
  const spec = spreadOver("node.labels.zone", "engine.labels.rack", "node.shoe-size");
  t.deepEqual(place(t, tasks(8, { spec }), nodes).counts, { a1: 1, a2: 1, a3: 2, b1: 2, b2: 2 });
});

test("a full branch passes its share on", (t) => {
  const nodes = [labelled("a", { zone: "a" }), labelled("b", { zone: "b" }), labelled("c", { zone: "c" })];
  const spec = { ...reserves(1e9), ...spreadOver("node.labels.zone") };
  const taken = runs("x", "a", { serviceId: "x", spec: reserves(3e9) });
  const { counts, reasons } = place(t, tasks(12, { spec }), nodes, [taken]);
  t.deepEqual(counts, { a: 1, b: 4, c: 4 });
  t.deepEqual(reasons, ["no suitable node (insufficient resources on 3 nodes)"]);
});

test("bin-packing fills a node before it begins the next, and respects the filters", (t) => {
  const spec = reserves(1e9, 2 ** 30);
  const half = runs("x", "b", { serviceId: "x", spec: reserves(2e9) });
  const packed = place(t, tasks(7, { spec }), NODES, [half], { strategy: "binpack" });
  t.is(packed.counts.b, 2, "the fuller one first");
  t.deepEqual(sizes(packed.counts), [4, 2, 1]);
  const label = { serviceAnnotations: { labels: { "tswarm.placement.strategy": "binpack" } } };
  t.deepEqual(sizes(place(t, tasks(4, { spec, ...label }), NODES).counts), [4], "asked for by the service");
  const spread = { serviceAnnotations: { labels: { "tswarm.placement.strategy": "spread" } } };
  t.deepEqual(sizes(place(t, tasks(3, { spec, ...spread }), NODES, [], { strategy: "binpack" }).counts), [1, 1, 1]);
  const limited = { spec: { ...spec, placement: { maxReplicas: 2 } } };
  t.deepEqual(sizes(place(t, tasks(5, limited), NODES, [], { strategy: "binpack" }).counts), [2, 2, 1]);
  t.deepEqual(sizes(place(t, tasks(30), NODES, [], { strategy: "binpack" }).counts), [30], "without reservations");
});

test("the same seed gives the same places, whatever the order in which nodes came; others differ", (t) => {
  const nodes = Array.from({ length: 12 }, (_, i) => ready(`node-${i}`));
  const order = (seed: number, of: readonly Node[]) =>
    placeAll(stateOf(of, [], seed), tasks(12)).map(({ entry }) => entry?.id);
  t.deepEqual(order(7, nodes), order(7, [...nodes].reverse()));
  t.notDeepEqual(order(7, nodes), order(8, nodes));
});

test("a task with a node of its own: it fits or says why", (t) => {
  const decide = (nodeId: string, nodes: readonly Node[], running: readonly Task[] = []) => {
    const one = task("t", { nodeId, spec: reserves(2e9) });
    const { entry, ...rest } = placeOnItsNode(
      one,
      stateOf(nodes, running),
      requirementsOf(one, "spread"),
      rulesOf(one),
    );
    return entry ? entry.id : (rest as { readonly reason: string }).reason;
  };
  t.is(decide("a", [ready("a")]), "a");
  t.is(decide("a", []), "no suitable node (its node is gone)");
  t.is(
    decide("a", [ready("a", { status: { state: NodeState.DOWN } }), ready("b")]),
    "no suitable node (1 node not available for new tasks)",
  );
  t.is(
    decide("a", [ready("a"), ready("b")], [runs("x", "a", { spec: reserves(3e9) })]),
    "no suitable node (insufficient resources on 1 node)",
  );
});
