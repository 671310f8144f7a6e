/** Those who create, change and remove services, networks and secrets, and take nodes out of service: by the API, at some manager. */
import { type Network, Secret, type Service } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeSpec_Availability as Availability,
  NetworkSpec,
  type NodeSpec,
  EndpointSpec_ResolutionMode as Resolution,
  ServiceSpec,
  TaskSpec,
} from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  RestartPolicy_RestartCondition as Condition,
  UpdateConfig_FailureAction as FailureAction,
  UpdateConfig_UpdateOrder as Order,
  PortConfig_PublishMode as PublishMode,
  ResourceType,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { SeededRandom } from "../simulation/random.js";
import type { PeopleAction } from "./cluster-actions.js";
import type { ClusterWorld } from "./cluster-world.js";
import type { SimulatedManager } from "./simulated-manager.js";
import type { Swarm } from "./swarm.js";

const MAX_SERVICES = 6;
const MAX_NETWORKS = 5;
const MAX_SECRETS = 4;

export const GOOD = "good";
const IMAGES = [GOOD, GOOD, GOOD, GOOD, GOOD, GOOD, "missing", "broken", "crashing"];

export function personActs(world: ClusterWorld, swarm: Swarm, action: PeopleAction): void {
  const manager = swarm.managerAt(action.host);
  if (!manager) return;
  const { trace } = world;
  new Person(world, swarm, manager, action).act().then(
    (told) => trace.note("people", `${action.act} at ${manager.name}: ${told}`),
    (error: Error) => trace.note("people", `${action.act} at ${manager.name}: ${error.message}`),
  );
}

class Person {
  readonly #world: ClusterWorld;
  readonly #swarm: Swarm;
  readonly #manager: SimulatedManager;
  readonly #action: PeopleAction;
  readonly #random: SeededRandom;

  constructor(world: ClusterWorld, swarm: Swarm, manager: SimulatedManager, action: PeopleAction) {
    this.#world = world;
    this.#swarm = swarm;
    this.#manager = manager;
    this.#action = action;
    this.#random = new SeededRandom(action.seed, "people");
  }

  /** @returns what was done */
  async act(): Promise<string> {
    const random = this.#random;
    switch (this.#action.act) {
      case "create-service":
        return this.#createService();
      case "update-service":
        return this.#updateService((spec) => ({ ...spec, task: this.#changed(spec.task!) }));
      case "scale":
        return this.#updateService((spec) => scaled(spec, random, this.#world.ledger.nodes.size));
      case "roll-back":
        return this.#rollBack();
      case "remove-service": {
        const service = this.#pick(this.#services());
        if (!service) return "there is none";
        await this.#manager.ask("removeService", { serviceId: service.id });
        return nameOf(service);
      }
      case "create-network": {
        if (this.#networks().length >= MAX_NETWORKS) return "there are enough";
        const name = `net${random.int(1e6)}`;
        await this.#manager.ask("createNetwork", { spec: NetworkSpec.fromPartial({ annotations: { name } }) });
        return name;
      }
      case "remove-network": {
        const network = this.#pick(this.#networks());
        if (!network) return "there is none";
        await this.#manager.ask("removeNetwork", { name: "", networkId: network.id });
        return network.id;
      }
      case "create-secret":
        return this.#createSecret();
      case "drain":
        return this.#changeNode((spec) => ({ ...spec, availability: Availability.DRAIN }));
      case "pause-node":
        return this.#changeNode((spec) => ({ ...spec, availability: Availability.PAUSE }));
      case "activate":
        return this.#changeNode((spec) => ({ ...spec, availability: Availability.ACTIVE }));
      case "label": {
        const labels = { zone: random.pick(["a", "b"]) };
        return this.#changeNode((spec) => ({ ...spec, annotations: { ...spec.annotations!, labels } }));
      }
    }
  }

  #services(): readonly Service[] {
    return [...this.#world.ledger.services.values()];
  }

  #networks(): readonly Network[] {
    return [...this.#world.ledger.networks.values()].filter(({ spec }) => !spec?.ingress);
  }

  #pick<T>(choices: readonly T[]): T | undefined {
    return choices[this.#action.pick % Math.max(1, choices.length)];
  }

  async #createService(): Promise<string> {
    const { ledger } = this.#world;
    if (ledger.services.size >= MAX_SERVICES) return "there are enough";
    const random = this.#random;
    const networks = this.#networks().filter(() => random.chance(0.4));
    const secrets = [...ledger.secrets].filter(() => random.chance(0.5));
    const spec = newSpec(random, ledger.nodes.size, networks, secrets);
    await this.#manager.ask("createService", { spec });
    return `${spec.annotations?.name} ${JSON.stringify(spec.mode)}`;
  }

  async #updateService(change: (spec: ServiceSpec) => ServiceSpec): Promise<string> {
    const service = this.#pick(this.#services());
    if (!service) return "there is none";
    await changeService(this.#manager, service.id, change);
    return nameOf(service);
  }

  async #rollBack(): Promise<string> {
    const service = this.#pick(this.#services());
    if (!service) return "there is none";
    const request = { serviceId: service.id, serviceVersion: service.meta?.version, rollback: 1 };
    await this.#manager.ask("updateService", request);
    return nameOf(service);
  }

  async #changeNode(change: (spec: NodeSpec) => NodeSpec): Promise<string> {
    const { nodeId } = this.#swarm.nodeAt(this.#action.pick);
    await changeNode(this.#manager, nodeId, change);
    return nodeId;
  }

  /** The API has none for them yet: the leader writes it. */
  async #createSecret(): Promise<string> {
    const leader = this.#swarm.leader();
    if (!leader || this.#world.ledger.secrets.size >= MAX_SECRETS) return "not now";
    const id = `secret${this.#action.seed}`;
    const spec = { annotations: { name: id }, data: Buffer.from("secret") };
    await leader.store.update((tx) => {
      if (!tx.get("secret", id)) tx.create("secret", Secret.fromPartial({ id, spec }));
    });
    return id;
  }

  #changed(task: TaskSpec): TaskSpec {
    return { ...taskSpecOf(this.#random, this.#random.pick(IMAGES)), networks: task.networks };
  }
}

/** Gets the service as it is, and changes that. Rejects when it has changed meanwhile. */
export async function changeService(
  manager: SimulatedManager,
  serviceId: string,
  change: (spec: ServiceSpec) => ServiceSpec,
): Promise<void> {
  const { service } = await manager.ask<{ service: Service }>("getService", { serviceId, insertDefaults: false });
  const request = { serviceId, serviceVersion: service.meta?.version, spec: change(service.spec!), rollback: 0 };
  await manager.ask("updateService", request);
}

export async function changeNode(
  manager: SimulatedManager,
  nodeId: string,
  change: (spec: NodeSpec) => NodeSpec,
): Promise<void> {
  const { node } = await manager.ask<{ node: { meta: { version: unknown }; spec: NodeSpec } }>("getNode", { nodeId });
  await manager.ask("updateNode", { nodeId, nodeVersion: node.meta.version, spec: change(node.spec) });
}

export function taskSpecOf(random: SeededRandom, image: string, secrets: readonly string[] = []): TaskSpec {
  const constraints = random.weighted<readonly string[]>([
    [8, []],
    [1, ["node.labels.zone==a"]],
    [1, ["engine.labels.rack!=r1"]],
    [1, ["node.role==worker"]],
  ]);
  const generic = random.weighted<readonly object[]>([
    [6, []],
    [1, [{ resource: { $case: "discreteResourceSpec", value: { kind: "gpu", value: 1 } } }]],
    [1, [{ resource: { $case: "discreteResourceSpec", value: { kind: "slot", value: 1 } } }]],
  ]);
  return TaskSpec.fromPartial({
    runtime: { $case: "container", value: { image: `${image}:${random.int(1e9)}` } },
    restart: {
      condition: random.pick([Condition.ANY, Condition.ANY, Condition.ON_FAILURE, Condition.NONE]),
      delay: { seconds: random.pick([1, 2, 5]) },
      maxAttempts: random.pick([0, 0, 0, 3]),
      window: { seconds: random.pick([0, 20]) },
    },
    resources: { reservations: { nanoCpus: random.pick([0, 5e8, 1e9]), generic: generic as never } },
    placement: {
      constraints: [...constraints],
      preferences: random.chance(0.3)
        ? [{ Preference: { $case: "spread", value: { spreadDescriptor: "engine.labels.rack" } } }]
        : [],
    },
    resourceReferences: secrets.map((resourceId) => ({ resourceId, resourceType: ResourceType.SECRET })),
  });
}

function newSpec(
  random: SeededRandom,
  nodes: number,
  networks: readonly Network[],
  secrets: readonly string[],
): ServiceSpec {
  const order = random.pick([Order.STOP_FIRST, Order.STOP_FIRST, Order.START_FIRST]);
  const config = (...actions: readonly FailureAction[]) => ({
    parallelism: random.pick([0, 1, 2, 5]),
    delay: { seconds: random.pick([0, 0, 3]) },
    failureAction: random.pick([FailureAction.PAUSE, FailureAction.CONTINUE, ...actions]),
    monitor: { seconds: random.pick([0, 5, 10]) },
    maxFailureRatio: random.pick([0, 0, 0.5]),
    order,
  });
  const mode = random.weighted<NonNullable<ServiceSpec["mode"]>>([
    [6, { $case: "replicated", value: { replicas: replicasOf(random, nodes) } }],
    [2, { $case: "global", value: {} }],
    [1, { $case: "globalJob", value: {} }],
    [2, { $case: "replicatedJob", value: { totalCompletions: 1 + random.int(12), maxConcurrent: random.int(5) } }],
  ]);
  const isJob = mode.$case.endsWith("Job");
  const ports = random.weighted<readonly object[]>([
    [4, []],
    [2, [{ targetPort: 80 }]],
    [1, [{ targetPort: 80, publishedPort: 8000 + random.int(4) }]],
    [1, [{ targetPort: 80, publishedPort: 9000 + random.int(3), publishMode: PublishMode.HOST }]],
  ]);
  const task = taskSpecOf(random, isJob ? GOOD : random.pick(IMAGES), secrets);
  return ServiceSpec.fromPartial({
    annotations: {
      // Its tasks carry the name: how they are replaced can be told from it when the service is gone.
      name: `${order === Order.START_FIRST ? "first" : "stop"}${random.int(1e6)}`,
      labels: { "tswarm.update.progress-deadline": random.pick(["15s", "1m"]) },
    },
    task: { ...task, networks: networks.map(({ id }) => ({ target: id, aliases: [] })) as never },
    mode,
    ...(isJob ? {} : { update: config(FailureAction.ROLLBACK), rollback: config() }),
    endpoint: {
      mode: random.chance(0.7) ? Resolution.VIP : Resolution.DNSRR,
      ports: ports.map((port) => ({ publishMode: PublishMode.INGRESS, ...port })),
    },
  });
}

function replicasOf(random: SeededRandom, nodes: number): number {
  return random.int(Math.max(4, Math.min(13, nodes)));
}

function scaled(spec: ServiceSpec, random: SeededRandom, nodes: number): ServiceSpec {
  switch (spec.mode?.$case) {
    case "replicated":
      return { ...spec, mode: { $case: "replicated", value: { replicas: replicasOf(random, nodes) } } };
    case "replicatedJob": {
      const value = { totalCompletions: random.int(12), maxConcurrent: random.int(5) };
      return { ...spec, mode: { $case: "replicatedJob", value } };
    }
    default:
      return spec;
  }
}

function nameOf({ spec, id }: Service): string {
  return spec?.annotations?.name ?? id;
}
