import test, { type ExecutionContext } from "ava";
import { NodeSpec_Availability as Availability } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  TaskState,
  UpdateConfig_UpdateOrder as UpdateOrder,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { evictionReason } from "../../../src/manager/scheduler/eviction.js";
import { ready } from "./sample-cluster.js";
import { World } from "./world.js";

const update = (parallelism: number, delayS = 0) => ({
  parallelism,
  delay: { seconds: delayS, nanos: 0 },
  monitor: { seconds: 5, nanos: 0 },
});
const web = (
  replicas: number,
  labels: Record<string, string> = { "tswarm.rebalance": "auto" },
  parallelism = 1,
  delayS = 0,
) => ({
  id: "web",
  spec: {
    annotations: { name: "web", labels },
    mode: { $case: "replicated" as const, value: { replicas } },
    update: update(parallelism, delayS),
  },
});

async function start(t: ExecutionContext, ...args: Parameters<typeof web>): Promise<World> {
  const world = new World(t);
  await world.create([ready("a"), ready("b")], web(...args));
  t.deepEqual(world.counts(), { a: args[0] / 2, b: args[0] / 2 });
  world.mostDown = 0;
  return world;
}

const sizes = (counts: Record<string, number>) => Object.values(counts).sort((a, b) => a - b);

test("a node that comes gets its share, one task at a time", async (t) => {
  const world = await start(t, 12);
  await world.create([ready("c")]);
  await world.pass(2000);
  t.deepEqual(sizes(world.counts()), [4, 4, 4]);
  t.true(world.mostDown <= 2, "one that stops and the one that takes its place");
  t.deepEqual(world.logged, []);
  const before = world.store.version;
  await world.pass(60_000);
  t.is(world.store.version, before, "and then it is over");
});

test("as many at once as an update replaces", async (t) => {
  const world = await start(t, 12, undefined, 3);
  await world.create([ready("c")]);
  await world.pass(2000);
  t.deepEqual(sizes(world.counts()), [4, 4, 4]);
  t.true(world.mostDown > 2 && world.mostDown <= 6);
});

test("between moves the update's delay passes", async (t) => {
  const world = await start(t, 8, undefined, 1, 10);
  await world.create([ready("c")]);
  await world.pass(2000);
  t.is(world.counts().c, 1);
  await world.pass(9000);
  t.is(world.counts().c, 1);
  await world.pass(2000);
  t.is(world.counts().c, 2);
  await world.pass(30_000);
  t.is(world.counts().c, 2, "3, 3 and 2 is as even as it can be");
});

test("who does not ask for it is left alone, and can be evened out once by hand", async (t) => {
  const world = await start(t, 6, {}, 6);
  await world.create([ready("c")]);
  await world.pass(10_000);
  t.is(world.counts().c, undefined);
  const { moves } = await world.rebalancer.plan("web");
  t.deepEqual(
    moves.map(({ to }) => to),
    ["c", "c"],
  );
  t.is(world.counts().c, undefined, "a plan is no deed");
  await world.rebalancer.start("web");
  await world.settle();
  t.deepEqual(sizes(world.counts()), [2, 2, 2]);
  t.deepEqual((await world.rebalancer.plan("web")).moves, []);
});

test("a node that opens again is one that comes", async (t) => {
  const world = await start(t, 6, undefined, 2);
  const setAvailability = (availability: Availability) =>
    world.change((tx) => {
      const node = tx.get("node", "b")!;
      tx.update("node", { ...node, spec: { annotations: undefined, desiredRole: 0, membership: 1, availability } });
    });
  await setAvailability(Availability.DRAIN);
  await world.pass(10_000);
  t.deepEqual(world.counts(), { a: 6 });
  await setAvailability(Availability.ACTIVE);
  await world.pass(2000);
  t.deepEqual(world.counts(), { a: 3, b: 3 });
});

test("what was moved says why; a move that does not come up ends it", async (t) => {
  const world = await start(t, 8);
  world.outcome = (task) => (task.nodeId === "c" ? TaskState.FAILED : TaskState.RUNNING);
  await world.create([ready("c")]);
  await world.pass(2000);
  const all = () => world.store.view((read) => read.all("task"));
  const evicted = () => all().filter((task) => evictionReason(task) !== undefined);
  t.is(evicted().length, 1);
  t.regex(evictionReason(evicted()[0]!)!, /^moved so that the service is spread evenly again: node c /);
  await world.pass(120_000);
  t.is(evicted().length, 1, "no second one is sent after it");
});

test("what cannot be moved says so", async (t) => {
  const world = new World(t);
  await world.create(
    [ready("a")],
    { id: "g", spec: { annotations: { name: "g" }, mode: { $case: "global", value: {} } } },
    {
      ...web(2, { "tswarm.placement.strategy": "binpack" }),
      id: "p",
      spec: {
        ...web(2, { "tswarm.placement.strategy": "binpack" }).spec,
        annotations: { name: "p", labels: { "tswarm.placement.strategy": "binpack" } },
      },
    },
  );
  t.is((await world.rebalancer.plan("g")).reason, "only replicated services are spread over nodes");
  t.regex((await world.rebalancer.plan("p")).reason!, /packed onto few nodes/);
  await world.change((tx) => {
    const { spec, ...rest } = tx.get("service", "p")!;
    const annotations = { name: "p", labels: {}, indices: [] };
    tx.update("service", {
      ...rest,
      spec: { ...spec!, annotations, update: { ...spec!.update!, order: UpdateOrder.START_FIRST } },
    });
  });
  t.regex((await world.rebalancer.plan("p")).reason!, /order start-first/);
  t.is((await world.rebalancer.plan("none")).reason, "there is no such service");
});
