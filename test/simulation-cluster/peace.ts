/** After the trouble: what is asked for is made possible, and must come about; then all is removed, and nothing may be left. */
import type { Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeSpec_Availability as Availability,
  type ServiceSpec,
} from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  NodeStatus_State as NodeState,
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { DEFAULT_RESTART } from "../../src/manager/orchestrator/defaults.js";
import { PROGRESS_DEADLINE_LABEL } from "../../src/manager/orchestrator/progress-deadline.js";
import { isWanted, stateOf } from "../../src/manager/task-life.js";
import { SeededRandom } from "../simulation/random.js";
import type { ClusterWorld } from "./cluster-world.js";
import { tell } from "./ledger.js";
import { secretsOf } from "./node-rules.js";
import { changeNode, changeService, GOOD, taskSpecOf } from "./people.js";
import type { SimulatedManager } from "./simulated-manager.js";
import type { Swarm } from "./swarm.js";

const RETRY_MS = 1000;
const MOST_REPLICAS = 5;
const QUICKLY = { parallelism: 0, delay: undefined, monitor: { seconds: 1, nanos: 0 } };
/** Begins what peace asks for; the rest of the name is by chance. */
const PEACEFUL = `${GOOD}-in-peace`;

type Wish = () => { readonly what: string; readonly ask: (leader: SimulatedManager) => Promise<unknown> } | undefined;

/** Every node is open, every service fits everywhere and its tasks do well. @returns what could not be asked for yet */
export function askForPeace(world: ClusterWorld, swarm: Swarm): () => readonly string[] {
  const { ledger } = world;
  const random = new SeededRandom(world.seed, "peace");
  const wishes: Wish[] = [
    () => {
      const node = swarm.nodes.find(
        ({ nodeId }) => ledger.nodes.get(nodeId)?.spec?.availability !== Availability.ACTIVE,
      );
      const change = (spec: Parameters<Parameters<typeof changeNode>[2]>[0]) => ({
        ...spec,
        availability: Availability.ACTIVE,
      });
      return node && { what: `${node.nodeId} is not open`, ask: (leader) => changeNode(leader, node.nodeId, change) };
    },
    () => {
      const service = [...ledger.services.values()].find((one) => !isPeaceful(one));
      return (
        service && {
          what: `${nameOf(service)} is not changed`,
          ask: (leader) =>
            changeService(leader, service.id, (spec) => ({
              ...spec,
              annotations: { ...spec.annotations!, labels: { [PROGRESS_DEADLINE_LABEL]: "5m" } },
              // No network is too small for all that is on it.
              mode: fewer(spec.mode),
              task: {
                ...taskSpecOf(random, PEACEFUL, secretsOf({ spec: spec.task } as Task)),
                networks: spec.mode?.$case === "global" ? [] : (spec.task?.networks ?? []),
                placement: undefined,
                resources: undefined,
                restart: { ...DEFAULT_RESTART, delay: { seconds: 1, nanos: 0 } },
              },
              // At once: how long updates take is shown elsewhere.
              ...(spec.update ? { update: { ...spec.update, ...QUICKLY } } : {}),
              // A port of its own: two services cannot be on every node's 9000.
              endpoint: spec.endpoint && { ...spec.endpoint, ports: [] },
            })),
        }
      );
    },
  ];
  return insist(world, swarm, wishes);
}

/** @returns what could not be removed yet */
export function removeAll(world: ClusterWorld, swarm: Swarm): () => readonly string[] {
  const { ledger } = world;
  return insist(world, swarm, [
    () => {
      const [service] = ledger.services.values();
      return (
        service && {
          what: `${nameOf(service)} is there`,
          ask: (leader) => leader.ask("removeService", { serviceId: service.id }),
        }
      );
    },
    () => {
      const network = [...ledger.networks.values()].find(({ spec }) => !spec?.ingress);
      return (
        network && {
          what: `network ${network.id} is there`,
          ask: (leader) => leader.ask("removeNetwork", { name: "", networkId: network.id }),
        }
      );
    },
  ]);
}

/** Asks for one thing after the other, again and again. @returns what is to be asked for still */
function insist(world: ClusterWorld, swarm: Swarm, wishes: readonly Wish[]): () => readonly string[] {
  const { time, trace } = world;
  const next = () => {
    for (const wish of wishes) {
      const wanted = wish();
      if (wanted) return wanted;
    }
    return undefined;
  };
  let asked = 0;
  const ask = () => {
    const wanted = next();
    if (!wanted) return;
    const number = ++asked;
    const leader = swarm.leading();
    const again = (afterMs: number) =>
      time.after(afterMs, () => {
        if (asked === number) ask();
      });
    // A manager that dies answers nothing.
    again(5 * RETRY_MS);
    if (!leader) return;
    wanted.ask(leader).then(
      () => again(0),
      (error: Error) => {
        trace.note("people", `${wanted.what}: ${error.message}`);
        again(RETRY_MS);
      },
    );
  };
  ask();
  return () => {
    const wanted = next();
    return wanted ? [wanted.what] : [];
  };
}

/** By the store and by what runs. */
export function whatIsMissing(world: ClusterWorld, swarm: Swarm): readonly string[] {
  const { ledger } = world;
  const missing: string[] = [];
  for (const { nodeId } of swarm.nodes) {
    const state = ledger.nodes.get(nodeId)?.status?.state;
    if (state !== NodeState.READY) missing.push(`${nodeId} is ${state === undefined ? "unknown" : NodeState[state]}`);
  }
  if (ledger.nodes.size > swarm.nodes.length) missing.push("nodes that are gone are there");
  const byService = new Map<string, Task[]>();
  for (const task of ledger.tasks.values()) {
    byService.set(task.serviceId, [...(byService.get(task.serviceId) ?? []), task]);
  }
  for (const service of ledger.services.values()) {
    missing.push(...missingOf(swarm, service, byService.get(service.id) ?? []));
  }
  // What runs is what is wanted, and nothing else.
  for (const { host, nodeId } of swarm.nodes) {
    for (const { id } of host.running()) {
      const task = ledger.tasks.get(id);
      if (!task || !isWanted(task)) missing.push(`${nodeId} still runs ${task ? tell(task) : id}`);
    }
  }
  return missing;
}

function missingOf(swarm: Swarm, service: Service, tasks: readonly Task[]): readonly string[] {
  const { spec, updateStatus } = service;
  const name = nameOf(service);
  const missing: string[] = [];
  const state = updateStatus?.state;
  if (state === UpdateState.UPDATING || state === UpdateState.ROLLBACK_STARTED) {
    missing.push(`${name} is being updated`);
  }
  const wanted = tasks.filter(isWanted);
  const running = wanted.filter((task) => stateOf(task) === TaskState.RUNNING);
  const count = (expected: number) => {
    const slots = new Set(running.map((task) => String(task.slot || task.nodeId)));
    const old = running.filter((task) => task.specVersion?.index !== service.specVersion?.index);
    if (slots.size !== expected || wanted.length !== expected) {
      const rest = wanted.find((task) => stateOf(task) !== TaskState.RUNNING);
      const why = rest ? `: ${tell(rest)} ${rest.status?.err || rest.status?.message}` : "";
      missing.push(`${name}: ${running.length} of ${expected} run, ${wanted.length} are wanted${why}`);
    } else if (old.length > 0) missing.push(`${name}: ${old.length} are old`);
  };
  const complete = (expected: number) => {
    const own = tasks.filter((task) => task.jobIteration?.index === service.jobStatus?.jobIteration?.index);
    const slots = new Set(
      own.filter((task) => stateOf(task) === TaskState.COMPLETE).map((task) => String(task.slot || task.nodeId)),
    );
    if (slots.size < expected) missing.push(`${name}: ${slots.size} of ${expected} are complete`);
  };
  if (spec?.mode?.$case === "replicated") count(spec.mode.value.replicas);
  else if (spec?.mode?.$case === "global") count(swarm.nodes.length);
  else if (spec?.mode?.$case === "replicatedJob") complete(spec.mode.value.totalCompletions);
  else if (spec?.mode?.$case === "globalJob") complete(swarm.nodes.length);
  for (const task of running) {
    const node = swarm.nodes.find(({ nodeId }) => nodeId === task.nodeId);
    if (!node?.host.runs(task.id)) missing.push(`${tell(task)} does not run`);
    for (const id of secretsOf(task)) {
      if (!node?.worker?.assignments.secrets.has(id)) missing.push(`${tell(task)} lacks ${id}`);
    }
  }
  return missing;
}

export function whatIsLeft({ ledger }: ClusterWorld, swarm: Swarm): readonly string[] {
  const left = [...ledger.tasks.values()].map((task) => `${tell(task)} is there`);
  left.push(...ledger.held());
  for (const { nodeId, host, worker } of swarm.nodes) {
    for (const task of host.running()) left.push(`${nodeId} runs ${tell(task)}`);
    if (host.records.size > 0) left.push(`${nodeId} knows ${host.records.size} tasks`);
    if (host.traces > 0) left.push(`${nodeId} has traces of ${host.traces} tasks`);
    const { secrets, tasks } = worker?.assignments ?? {};
    if (secrets && secrets.size > 0) left.push(`${nodeId} holds ${secrets.size} secrets`);
    if (tasks && tasks.size > 0) left.push(`${nodeId} is assigned ${tasks.size} tasks`);
  }
  return left;
}

function fewer(mode: ServiceSpec["mode"]): ServiceSpec["mode"] {
  if (mode?.$case !== "replicated") return mode;
  return { $case: "replicated", value: { replicas: Math.min(mode.value.replicas, MOST_REPLICAS) } };
}

function isPeaceful({ spec }: Service): boolean {
  return spec?.task?.runtime?.$case === "container" && spec.task.runtime.value.image.startsWith(PEACEFUL);
}

function nameOf({ spec, id }: Service): string {
  return spec?.annotations?.name ?? id;
}
