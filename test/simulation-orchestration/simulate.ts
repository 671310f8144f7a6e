/** One world from one seed: trouble, then peace in which everything asked for must come about, then nothing must be left. */
import type { Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeSpec_Availability as Availability,
  type TaskSpec,
} from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { DEFAULT_RESTART } from "../../src/manager/orchestrator/defaults.js";
import { PROGRESS_DEADLINE_LABEL } from "../../src/manager/orchestrator/progress-deadline.js";
import { isWanted, stateOf } from "../../src/manager/task-life.js";
import { GOOD, nodeSuffers, someoneActs, taskSpecOf } from "./people.js";
import { keepRules } from "./rules.js";
import { CALM, type Temper } from "./temper.js";
import { World } from "./world.js";

const STEPS = 120;
/** Virtual seconds in which peace must bring about what is asked for. */
const PATIENCE_S = 900;
const MIN_ALIVE = 3;
const HISTORY_LIMIT = 5;
/** A limit on restarts keeps so many tasks of a slot; the newest may have begun just now. */
const MAX_PER_SLOT = HISTORY_LIMIT + 1;

export interface Outcome {
  readonly breach: string | undefined;
  readonly told: readonly string[];
  readonly leaders: number;
  readonly transactions: number;
  /** Which states updates came to, of how many tasks. */
  readonly seen: ReadonlySet<string>;
}

export async function simulate(seed: number): Promise<Outcome> {
  const world = new World(seed);
  const { random } = world;
  const seen = new Set<string>();
  world.store.watch([{ kind: "service" }], (events) => {
    for (const event of events) {
      if (event.kind !== "service" || !event.object.updateStatus) continue;
      const { state, message } = event.object.updateStatus;
      seen.add(UpdateState[state]!);
      if (message.includes("progress")) seen.add(message.includes("lack") ? "deadline" : "progress");
    }
  });
  const check = keepRules(world);
  const temper: Temper = {
    failure: random.pick([0, 0.002, 0.02]),
    node: random.pick([0, 0.05, 0.2]),
    service: random.pick([0.05, 0.2]),
    leader: random.pick([0, 0.02, 0.1]),
  };
  for (let i = 1; i <= 5; i++) await world.addNode(`n${i}`);
  await world.lead();
  for (let i = 0; i < STEPS && world.defects.length === 0; i++) {
    if (random.chance(temper.service)) await someoneActs(world);
    if (random.chance(temper.node)) await nodeSuffers(world);
    if (random.chance(temper.leader)) await changeLeader(world, temper);
    await world.step(random.pick([100, 1000, 1000, 3000]), temper);
    check(temper);
  }
  await makePeace(world, check);
  await endAll(world, check);
  await world.unlead();
  return {
    breach: world.defects[0],
    told: world.told,
    leaders: world.leaders,
    transactions: world.store.version,
    seen,
  };
}

async function changeLeader(world: World, temper: Temper): Promise<void> {
  world.tell("the leader is gone");
  await world.unlead();
  for (let gap = world.random.int(4); gap > 0; gap--) await world.step(1000, temper);
  await world.lead();
  world.tell("another manager leads");
}

async function makePeace(world: World, check: (temper: Temper) => void): Promise<void> {
  if (world.defects.length > 0) return;
  world.tell("peace");
  let alive = world.nodes.size;
  for (const node of world.nodes.values()) {
    // Some never come back: what ran there has to run elsewhere.
    const isDead = alive > MIN_ALIVE && world.random.chance(0.2);
    if (isDead) alive--;
    node.setReach(isDead ? "off" : "up", world.clock.now());
    await world.setAvailability(node.id, Availability.ACTIVE);
  }
  for (const { id } of world.services()) {
    await world.updateService(id, (spec) => ({
      ...spec,
      // Nodes may have to be found dead on the way.
      annotations: { ...spec.annotations!, labels: { [PROGRESS_DEADLINE_LABEL]: "2m" } },
      task: peaceful(taskSpecOf(world.random, GOOD)),
    }));
  }
  await until(world, check, () => world.services().flatMap((service) => whatIsMissing(world, service)));
}

/** It fits everywhere, and is begun again as often as it takes. */
function peaceful(spec: TaskSpec): TaskSpec {
  return { ...spec, placement: undefined, restart: { ...DEFAULT_RESTART, delay: { seconds: 1, nanos: 0 } } };
}

async function endAll(world: World, check: (temper: Temper) => void): Promise<void> {
  if (world.defects.length > 0) return;
  world.tell("all services are removed");
  for (const { id } of world.services()) await world.removeService(id);
  await world.step(1000, CALM);
  for (const node of [...world.nodes.values()]) if (node.reach === "off") await world.removeNode(node.id);
  await until(world, check, () => world.tasks().map(({ id }) => `task ${id} is left`));
}

/** @param missing what is not as it should be yet */
async function until(world: World, check: (temper: Temper) => void, missing: () => readonly string[]): Promise<void> {
  for (let seconds = 0; seconds < PATIENCE_S && world.defects.length === 0; seconds++) {
    await world.step(1000, CALM);
    // Nodes may still be found to be dead.
    check({ ...CALM, node: 1 });
    if (missing().length === 0) return;
  }
  const left = missing();
  if (left.length > 0) world.defects.push(`after ${PATIENCE_S} s of peace: ${left.slice(0, 5).join("; ")}`);
}

function whatIsMissing(world: World, service: Service): readonly string[] {
  const { spec, id, updateStatus } = service;
  const name = spec?.annotations?.name;
  const tasks = world.tasks(id);
  const missing: string[] = [];
  const state = updateStatus?.state;
  if (state === UpdateState.UPDATING || state === UpdateState.ROLLBACK_STARTED)
    missing.push(`${name} is being updated`);
  const alive = [...world.nodes.values()].filter(({ reach }) => reach === "up");
  const isThere = ({ nodeId }: Task) => nodeId === "" || alive.some((node) => node.id === nodeId);
  const slots = new Map<string, Task[]>();
  // Of what a dead node was to stop nobody says that it has.
  for (const task of tasks.filter(isThere)) {
    const slot = String(task.slot || task.nodeId);
    slots.set(slot, [...(slots.get(slot) ?? []), task]);
  }
  for (const [slot, own] of slots)
    if (own.length > MAX_PER_SLOT) missing.push(`${name}: ${own.length} tasks in slot ${slot}`);
  const wanted = tasks.filter((task) => isWanted(task) && isThere(task));
  switch (spec?.mode?.$case) {
    case "replicated":
      missing.push(...runningIn(name, wanted, spec.mode.value.replicas, service));
      break;
    case "global":
      missing.push(...runningIn(name, wanted, alive.length, service));
      break;
    case "replicatedJob":
      missing.push(...completeIn(name, tasks, spec.mode.value.totalCompletions, service));
      break;
    case "globalJob":
      missing.push(...completeIn(name, tasks.filter(isThere), alive.length, service));
      break;
    default:
  }
  return missing;
}

function runningIn(name: string | undefined, wanted: readonly Task[], count: number, service: Service) {
  const running = wanted.filter((task) => stateOf(task) === TaskState.RUNNING);
  const slots = new Set(running.map((task) => String(task.slot || task.nodeId)));
  if (slots.size !== count || wanted.length !== count) return [`${name}: ${running.length} of ${count} run`];
  const old = running.filter((task) => task.specVersion?.index !== service.specVersion?.index);
  return old.length > 0 ? [`${name}: ${old.length} are old`] : [];
}

function completeIn(name: string | undefined, tasks: readonly Task[], count: number, { jobStatus }: Service) {
  const own = tasks.filter((task) => task.jobIteration?.index === jobStatus?.jobIteration?.index);
  const complete = own.filter((task) => stateOf(task) === TaskState.COMPLETE);
  const slots = new Set(complete.map((task) => String(task.slot || task.nodeId)));
  return slots.size === count ? [] : [`${name}: ${slots.size} of ${count} are complete`];
}
