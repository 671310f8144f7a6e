/** Those who create, change and remove services, and what happens to nodes. */
import {
  NodeSpec_Availability as Availability,
  ServiceSpec,
  TaskSpec,
} from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  RestartPolicy_RestartCondition as Condition,
  UpdateConfig_FailureAction as FailureAction,
  UpdateConfig_UpdateOrder as Order,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import type { SeededRandom } from "../simulation/random.js";
import type { World } from "./world.js";

const MAX_SERVICES = 5;
const MAX_NODES = 8;
const MIN_NODES = 3;

export const GOOD = "good";
const IMAGES = [GOOD, GOOD, GOOD, "missing", "broken", "crashing"];

export function taskSpecOf(random: SeededRandom, image: string): TaskSpec {
  const constraints = random.chance(0.15) ? ["node.labels.zone==nowhere"] : [];
  return TaskSpec.fromPartial({
    runtime: { $case: "container", value: { image: `${image}:${random.int(1e9)}` } },
    restart: {
      condition: random.pick([Condition.ANY, Condition.ANY, Condition.ON_FAILURE, Condition.NONE]),
      delay: { seconds: random.pick([1, 5]) },
      maxAttempts: random.pick([0, 0, 0, 2]),
      window: { seconds: random.pick([0, 20]) },
    },
    placement: { constraints },
  });
}

function newSpec(random: SeededRandom, number: number): ServiceSpec {
  const order = random.pick([Order.STOP_FIRST, Order.START_FIRST]);
  const config = () => ({
    parallelism: random.pick([0, 1, 1, 2]),
    delay: { seconds: random.pick([0, 0, 3]) },
    failureAction: random.pick([FailureAction.PAUSE, FailureAction.CONTINUE, FailureAction.ROLLBACK]),
    monitor: { seconds: random.pick([0, 5, 10]) },
    maxFailureRatio: random.pick([0, 0, 0.5]),
    order,
  });
  const completions = 1 + random.int(6);
  return ServiceSpec.fromPartial({
    annotations: {
      name: `${order === Order.START_FIRST ? "first" : "stop"}${number}`,
      labels: { "tswarm.update.progress-deadline": random.pick(["15s", "1m"]) },
    },
    task: taskSpecOf(random, random.pick(IMAGES)),
    mode: random.weighted<NonNullable<ServiceSpec["mode"]>>([
      [5, { $case: "replicated", value: { replicas: random.int(9) } }],
      [2, { $case: "global", value: {} }],
      [1, { $case: "globalJob", value: {} }],
      [2, { $case: "replicatedJob", value: { totalCompletions: completions, maxConcurrent: random.int(4) } }],
    ]),
    update: config(),
    rollback: config(),
  });
}

export async function someoneActs(world: World): Promise<void> {
  const { random } = world;
  const services = world.services();
  if (services.length === 0 || (services.length < MAX_SERVICES && random.chance(0.3))) {
    const spec = newSpec(random, world.told.length);
    world.tell(`create ${spec.annotations?.name} ${JSON.stringify(spec.mode)}`);
    await world.createService(spec);
    return;
  }
  const { id, spec } = random.pick(services);
  const act = random.weighted<() => Promise<void>>([
    [4, () => world.updateService(id, (old) => ({ ...old, task: taskSpecOf(random, random.pick(IMAGES)) }))],
    [3, () => world.updateService(id, (old) => scaled(old, random))],
    [1, () => world.updateService(id, (old) => ({ ...old }))],
    [2, () => world.rollBack(id)],
    [1, () => world.removeService(id)],
  ]);
  world.tell(`something is done to ${spec?.annotations?.name}`);
  await act();
}

function scaled(spec: ServiceSpec, random: SeededRandom): ServiceSpec {
  switch (spec.mode?.$case) {
    case "replicated":
      return { ...spec, mode: { $case: "replicated", value: { replicas: random.int(9) } } };
    case "replicatedJob": {
      const value = { totalCompletions: random.int(7), maxConcurrent: random.int(4) };
      return { ...spec, mode: { $case: "replicatedJob", value } };
    }
    default:
      return spec;
  }
}

export async function nodeSuffers(world: World): Promise<void> {
  const { random, nodes, clock } = world;
  const node = random.pick([...nodes.values()]);
  const now = clock.now();
  const act = random.weighted<() => unknown>([
    [4, () => node.setReach(node.reach === "up" ? random.pick(["cut", "off"] as const) : "up", now)],
    [2, () => node.setReach("up", now)],
    [2, () => world.setAvailability(node.id, random.pick([Availability.DRAIN, Availability.PAUSE]))],
    [3, () => world.setAvailability(node.id, Availability.ACTIVE)],
    [1, () => (nodes.size > MIN_NODES ? world.removeNode(node.id) : undefined)],
    [1, () => (nodes.size < MAX_NODES ? world.addNode(`new${world.told.length}`) : undefined)],
  ]);
  await act();
  world.tell(`something happens to node ${node.id}, which is ${node.reach}`);
}
