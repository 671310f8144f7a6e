/** Says what the cluster would do: what an update would replace, where tasks would go, what evening out would move. */
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ServiceSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import {
  PlannerService as Definition,
  type PlanUpdateRequest,
  type PlanUpdateResponse,
  type RebalanceRequest,
  type RebalanceResponse,
} from "../../api/generated/tswarm/v1/planner.js";
import { partialService } from "../../api/partial-service.js";
import { unary } from "../../api/server-call.js";
import { invalidArgument, notFound, unavailable, unimplemented } from "../../api/status-error.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import { DirtyCheck } from "../orchestrator/dirty.js";
import { isJob } from "../orchestrator/new-task.js";
import { hasEnded, isWanted } from "../task-life.js";
import { MAX_PLANNED_TASKS, type PlacementView, placementView, planPlacement } from "./plan-placement.js";
import type { Rebalancer } from "./rebalancer.js";
import type { Scheduler } from "./scheduler.js";

/** The two that are at work in this term. */
export interface Planning {
  readonly scheduler: Scheduler;
  readonly rebalancer: Rebalancer;
}

export interface PlannerOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Undefined until they have begun. */
  readonly planning: () => Planning | undefined;
  readonly log: (line: string) => void;
}

export class Planner {
  readonly #options: PlannerOptions;

  constructor(options: PlannerOptions) {
    this.#options = options;
  }

  /** tswarm.v1.Planner */
  service() {
    const { log } = this.#options;
    const planUpdate = unary((request: PlanUpdateRequest) => this.planUpdate(request), log);
    const rebalance = unary((request: RebalanceRequest) => this.rebalance(request), log);
    return partialService(Definition, { planUpdate, rebalance }, log);
  }

  /** @throws StatusError */
  planUpdate({ serviceId, spec }: PlanUpdateRequest): PlanUpdateResponse {
    const { store } = this.#options;
    const service = this.#service(serviceId);
    if (!spec?.task) throw invalidArgument("invalid argument: the specification of the service is missing");
    if (spec.mode?.$case !== service.spec?.mode?.$case) throw unimplemented("service mode change is not allowed");
    const tasks = store.view((read) => read.find("task", "service", serviceId).filter(isAlive));
    const outdated = this.#outdated(service, spec, tasks);
    const good = tasks.length - outdated.length;
    const wanted = wantedTasks(spec);
    const removed = wanted === undefined ? 0 : Math.max(0, tasks.length - wanted);
    // Those that are outdated go first.
    const replaced = Math.max(0, outdated.length - removed);
    const count = wanted === undefined ? 0 : Math.max(0, wanted - good);
    if (count > MAX_PLANNED_TASKS) {
      throw invalidArgument(`a plan is for ${MAX_PLANNED_TASKS} new tasks at most, not ${count}`);
    }
    const without = outdated.map(({ id }) => id);
    const { nodes, unplaced, reason = "" } = planPlacement(this.#view(), spec, count, { serviceId, without });
    const staying = new Set(tasks.filter(({ id }) => !without.includes(id)).map(({ nodeId }) => nodeId));
    // In a global service a node that keeps its task gets none.
    const getting = wanted === undefined ? nodes.filter(({ nodeId }) => !staying.has(nodeId)) : nodes;
    return {
      replaced,
      kept: tasks.length - replaced - removed,
      removed,
      nodes: getting.map((node) => ({ nodeId: node.nodeId, tasks: node.tasks })),
      unplaced,
      reason,
    };
  }

  /** Moves are made a few at a time, as the service's updates are: the answer does not wait for them. @throws StatusError */
  async rebalance({ serviceId, dryRun }: RebalanceRequest): Promise<RebalanceResponse> {
    this.#service(serviceId);
    const rebalancer = this.#options.planning()?.rebalancer;
    if (!rebalancer) throw unavailable("this manager has only just begun to lead: try again");
    const { moves, reason = "" } = await rebalancer.plan(serviceId);
    if (!dryRun && moves.length > 0) await rebalancer.start(serviceId);
    return {
      moves: moves.map(({ taskId, slot, from, to }) => ({ taskId, slot, fromNodeId: from, toNodeId: to })),
      reason,
    };
  }

  #service(serviceId: string): Service {
    const service = this.#options.store.view((read) => read.get("service", serviceId));
    if (!service) throw notFound(`service ${serviceId} not found`);
    return service;
  }

  /** The scheduler's own view where it has seen everything; else a new one, which takes longer. */
  #view(): PlacementView {
    const { store, clock, planning } = this.#options;
    const scheduler = planning()?.scheduler;
    if (scheduler?.isUpToDate) return { state: scheduler.state, strategy: scheduler.strategy };
    return store.view((read) => placementView(read, clock.now()));
  }

  /** A job runs anew: none of its tasks stays. */
  #outdated(service: Service, spec: ServiceSpec, tasks: readonly Task[]): readonly Task[] {
    if (isJob(service)) return tasks;
    const check = new DirtyCheck({ ...service, spec, specVersion: undefined });
    return this.#options.store.view((read) =>
      tasks.filter((task) => check.isDirty(task, read.get("node", task.nodeId))),
    );
  }
}

function isAlive(task: Task): boolean {
  return isWanted(task) && !hasEnded(task);
}

/** @returns undefined when it follows from the nodes */
function wantedTasks({ mode }: ServiceSpec): number | undefined {
  switch (mode?.$case) {
    case "replicated":
      return mode.value.replicas;
    case "replicatedJob":
      return Math.min(mode.value.totalCompletions, mode.value.maxConcurrent || mode.value.totalCompletions);
    default:
      return undefined;
  }
}
