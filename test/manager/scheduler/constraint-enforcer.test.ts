import test from "ava";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { evictionReason } from "../../../src/manager/scheduler/eviction.js";
import { discrete, labelled, named, ready, reserves } from "./sample-cluster.js";
import { World } from "./world.js";

const service = (id: string, replicas: number, task: object) => ({
  id,
  spec: { annotations: { name: id }, mode: { $case: "replicated" as const, value: { replicas } }, task },
});

test("tasks leave a node that does not meet their constraints any more, and run elsewhere; they say why", async (t) => {
  const world = new World(t);
  const bound = { placement: { constraints: ["node.labels.disk==ssd"] } };
  await world.create([labelled("a", { disk: "ssd" }), labelled("b", { disk: "ssd" })], service("web", 4, bound));
  t.deepEqual(world.counts(), { a: 2, b: 2 });
  await world.change((tx) => {
    const node = tx.get("node", "a")!;
    tx.update("node", {
      ...node,
      spec: { ...node.spec!, annotations: { ...node.spec!.annotations!, labels: { disk: "hdd" } } },
    });
  });
  await world.pass(10_000);
  t.deepEqual(world.counts(), { b: 4 });
  const left = world.store.view((read) => read.find("task", "node", "a"));
  t.deepEqual(
    left.map(evictionReason),
    Array(2).fill("assigned node no longer meets constraints (node.labels.disk==ssd)"),
  );
  t.true(
    left.every(
      ({ desiredState, status }) => desiredState === TaskState.SHUTDOWN && status?.state === TaskState.SHUTDOWN,
    ),
  );
});

test("tasks leave a node that has less than they reserve, and a lost generic resource takes its holder alone", async (t) => {
  const world = new World(t);
  const has = (...values: readonly string[]) => ({
    nanoCpus: 4e9,
    memoryBytes: 2 ** 34,
    generic: values.map((v) => named("gpu", v)),
  });
  await world.create(
    [
      ready("a", { description: { resources: has("G1", "G2") } }),
      ready("b", { description: { resources: has("G9") } }),
    ],
    service("web", 2, reserves(0, 0, [discrete("gpu", 1)])),
  );
  const holders = () =>
    Object.fromEntries(
      world.tasks().map(({ nodeId, assignedGenericResources: [one] }) => [String(one?.resource?.value.value), nodeId]),
    );
  t.deepEqual(holders(), { G1: "a", G9: "b" });
  await world.change((tx) => {
    const node = tx.get("node", "a")!;
    tx.update("node", { ...node, description: { ...node.description!, resources: has("G2") } });
  });
  await world.pass(10_000);
  t.deepEqual(holders(), { G2: "a", G9: "b" });
});

test("a new leader looks at every node once", async (t) => {
  const world = new World(t);
  await world.create([ready("a"), ready("b")], service("web", 2, reserves(3e9)));
  t.deepEqual(world.counts(), { a: 1, b: 1 });
  await world.loop.stop();
  await world.store.update((tx) => {
    const node = tx.get("node", "a")!;
    tx.update("node", {
      ...node,
      description: { ...node.description!, resources: { nanoCpus: 1e9, memoryBytes: 0, generic: [] } },
    });
  });
  const next = world.successor(t);
  await next.settle();
  t.is(next.counts().a, undefined);
  const [pending] = next.tasks().filter(({ nodeId }) => nodeId === "");
  t.is(pending?.status?.err, "no suitable node (insufficient resources on 2 nodes)");
});
