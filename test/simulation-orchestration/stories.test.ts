/** Single stories in a fake world, told to their end. */
import test from "ava";
import { Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  RestartPolicy_RestartCondition as Condition,
  UpdateConfig_FailureAction as FailureAction,
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { isWanted, stateOf } from "../../src/manager/task-life.js";
import { CALM } from "./temper.js";
import { World } from "./world.js";

type Fields = Parameters<typeof ServiceSpec.fromPartial>[0];

function spec(image: string, replicas: number, more: Fields = {}): ServiceSpec {
  return ServiceSpec.fromPartial({
    annotations: { name: "web", labels: {} },
    mode: { $case: "replicated", value: { replicas } },
    task: { runtime: { $case: "container", value: { image } } },
    ...more,
  });
}

const withImage = (old: ServiceSpec, image: string): ServiceSpec => ({ ...old, task: spec(image, 1).task });

async function begin(nodes: number): Promise<World> {
  const world = new World(7);
  for (let i = 1; i <= nodes; i++) await world.addNode(`n${i}`);
  await world.lead();
  return world;
}

async function pass(world: World, seconds: number, isOver: () => boolean = () => false): Promise<boolean> {
  for (let i = 0; i < seconds * 2; i++) {
    if (isOver()) return true;
    await world.step(500, CALM);
  }
  return isOver();
}

const runs = (world: World, id: string) =>
  world.tasks(id).filter((task) => stateOf(task) === TaskState.RUNNING && isWanted(task)).length;
const statusOf = (world: World) => world.services()[0]?.updateStatus;

test("what always fails is begun again every five seconds, no sooner, however long", async (t) => {
  const world = await begin(3);
  let made = 0;
  world.store.watch([{ kind: "task" }], (events) => {
    for (const { action } of events) if (action === "create") made++;
  });
  const id = await world.createService(spec("missing", 1));
  await pass(world, 600);
  t.true(made <= 600 / 5 + 2, `${made} tasks in 600 s`);
  t.true(made >= 60, `${made} tasks in 600 s`);
  t.true(world.tasks(id).length <= 6, "and no more than its history is kept");
  await world.unlead();
});

test("attempts are counted over leaders: the slot is given up, and says why", async (t) => {
  const world = await begin(2);
  const task = {
    ...spec("broken", 1).task!,
    restart: { condition: Condition.ANY, delay: { seconds: 1 }, maxAttempts: 4 },
  };
  const id = await world.createService(spec("broken", 1, { task }));
  for (let i = 0; i < 20; i++) {
    await pass(world, 3);
    await world.lead();
  }
  t.is(world.tasks(id).length, 5, "one, and four more");
  t.is(world.tasks(id).filter(isWanted).length, 0);
  t.true(world.tasks(id).some(({ status }) => status?.message === "not restarted: its 4 restart attempts are used up"));
  await world.unlead();
});

test("an update goes on under each new leader; what failed under one counts under the next", async (t) => {
  const world = await begin(4);
  const update = {
    parallelism: 1,
    monitor: { seconds: 3 },
    maxFailureRatio: 0.3,
    failureAction: FailureAction.ROLLBACK,
  };
  const id = await world.createService(spec("good", 8, { update, rollback: { ...update, parallelism: 0 } }));
  t.true(await pass(world, 60, () => runs(world, id) === 8));
  await world.updateService(id, (old) => withImage(old, "broken"));
  const isBack = () => statusOf(world)?.state === UpdateState.ROLLBACK_COMPLETED;
  let leaders = 0;
  for (; leaders < 60 && !isBack(); leaders++) {
    await pass(world, 2);
    await world.lead();
  }
  t.true(isBack(), statusOf(world)?.message);
  t.true(leaders > 3);
  const broken = world.tasks(id).filter(({ annotations }) => annotations?.labels["tswarm.update.failed"] !== undefined);
  t.is(broken.length, 3, "three of eight are more than 0.3, two are not");
  t.true(await pass(world, 60, () => runs(world, id) === 8));
  t.is(world.services()[0]?.spec?.task?.runtime?.$case, "container");
  t.true(
    world
      .tasks(id)
      .filter(isWanted)
      .every(({ specVersion }) => specVersion?.index === 0),
  );
  await world.unlead();
});

test("a paused update stays so until the service is changed again", async (t) => {
  const world = await begin(3);
  const id = await world.createService(spec("good", 3, { update: { parallelism: 1, monitor: { seconds: 3 } } }));
  t.true(await pass(world, 60, () => runs(world, id) === 3));
  await world.updateService(id, (old) => withImage(old, "broken"));
  t.true(await pass(world, 60, () => statusOf(world)?.state === UpdateState.PAUSED));
  t.regex(statusOf(world)!.message, /^update paused due to failure or early termination of task \w{25}$/);
  await world.lead();
  await pass(world, 60);
  t.is(statusOf(world)?.state, UpdateState.PAUSED);
  t.is(world.tasks(id).filter((task) => isWanted(task) && task.specVersion?.index === 0).length, 2);
  await world.updateService(id, (old) => withImage(old, "better"));
  t.true(await pass(world, 120, () => statusOf(world)?.state === UpdateState.COMPLETED));
  t.is(runs(world, id), 3);
  await world.unlead();
});

test("an update that came while another was under way takes its place, and its answer is the last word", async (t) => {
  const world = await begin(3);
  const id = await world.createService(spec("good", 6, { update: { parallelism: 2, monitor: { seconds: 1 } } }));
  t.true(await pass(world, 60, () => runs(world, id) === 6));
  for (const image of ["second", "third", "fourth"]) {
    await world.updateService(id, (old) => withImage(old, image));
    await pass(world, 4);
  }
  t.true(await pass(world, 120, () => statusOf(world)?.state === UpdateState.COMPLETED));
  const version = world.services()[0]?.specVersion?.index;
  t.true(
    world
      .tasks(id)
      .filter(isWanted)
      .every(({ specVersion }) => specVersion?.index === version),
  );
  await world.unlead();
});

test("all nodes but one are lost and come back: what runs goes on where it is, nothing is killed for those that return", async (t) => {
  const world = await begin(4);
  // It can run on its own node only: nobody else can take its place.
  const id = await world.createService(spec("good", 0, { mode: { $case: "global", value: {} } }));
  t.true(await pass(world, 30, () => runs(world, id) === 4));
  const before = world.tasks(id).map((task) => task.id);
  for (const name of ["n2", "n3", "n4"]) world.nodes.get(name)!.setReach("cut", world.clock.now());
  await pass(world, 40);
  for (const name of ["n2", "n3", "n4"]) world.nodes.get(name)!.setReach("up", world.clock.now());
  await pass(world, 40);
  t.deepEqual(
    world.tasks(id).map((task) => task.id),
    before,
  );
  t.is(runs(world, id), 4);
  await world.unlead();
});

test("a task of no service is nobody's, and goes when it is over", async (t) => {
  const world = await begin(1);
  const stray = (id: string, state: TaskState, desiredState: TaskState) =>
    Task.fromPartial({ id, nodeId: "n1", status: { state }, desiredState });
  await world.store.update((tx) => {
    tx.create("task", stray("runs", TaskState.RUNNING, TaskState.RUNNING));
    tx.create("task", stray("orphaned", TaskState.ORPHANED, TaskState.REMOVE));
    tx.create("task", stray("lost", TaskState.ORPHANED, TaskState.RUNNING));
    tx.create("task", stray("stops", TaskState.RUNNING, TaskState.REMOVE));
  });
  await world.settle();
  t.deepEqual(
    world.tasks().map(({ id }) => id),
    ["runs", "stops"],
  );
  await world.store.update((tx) => {
    const task = tx.get("task", "stops")!;
    tx.update("task", { ...task, status: { ...task.status!, state: TaskState.SHUTDOWN } });
  });
  await world.settle();
  t.deepEqual(
    world.tasks().map(({ id }) => id),
    ["runs"],
  );
  await world.unlead();
});
