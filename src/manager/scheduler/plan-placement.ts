/** Where tasks would go, and why not: a look ahead that changes nothing. */
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ServiceSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreReader } from "../../store/reader.js";
import { newTask } from "../orchestrator/new-task.js";
import { ClusterState, type Place } from "./cluster-state.js";
import { ACCEPTED, explain, FILTERS, FilterSet } from "./filters.js";
import { rulesOf } from "./pending-group.js";
import { GroupPlacement } from "./placement.js";
import { Ranking } from "./ranking.js";
import { requirementsOf } from "./requirements.js";
import { clusterStrategy, type Strategy } from "./strategy.js";
import { WorkBudget } from "./work-budget.js";

/** What a plan looks at. It is left as it was. */
export interface PlacementView {
  readonly state: ClusterState;
  /** The cluster's default. */
  readonly strategy: Strategy;
}

export interface PlacementOptions {
  /** The service, when it exists: what it has running counts. */
  readonly serviceId?: string;
  /** Tasks that will be gone: those that an update replaces. */
  readonly without?: readonly string[];
}

export interface PlannedNode {
  readonly nodeId: string;
  readonly hostname: string;
  readonly tasks: number;
}

export interface PlacementPlan {
  /** Nodes that get tasks, those with most first. */
  readonly nodes: readonly PlannedNode[];
  /** Tasks, or nodes of a global service, that are left over. */
  readonly unplaced: number;
  /** Why. */
  readonly reason?: string;
}

/** A few milliseconds; more tasks than that are not looked ahead for. */
export const MAX_PLANNED_TASKS = 10_000;

/** The view of a store; takes some microseconds for each node and task. A scheduler at work has a view at hand. */
export function placementView(read: StoreReader, nowMs: number): PlacementView {
  const state = new ClusterState();
  for (const node of read.all("node")) state.setNode(node);
  for (const task of read.all("task")) {
    state.seePast(task, nowMs);
    state.see(task, nowMs);
  }
  return { state, strategy: clusterStrategy(read.all("cluster")[0]) };
}

/**
 * @param replicas how many tasks; for a global service it does not count
 * @throws RangeError for more than {@link MAX_PLANNED_TASKS}
 */
export function planPlacement(
  view: PlacementView,
  spec: ServiceSpec,
  replicas: number,
  { serviceId = "", without = [] }: PlacementOptions = {},
): PlacementPlan {
  if (replicas > MAX_PLANNED_TASKS)
    throw new RangeError(`a plan is for ${MAX_PLANNED_TASKS} tasks at most, not ${replicas}`);
  const { state } = view;
  const sample = plannedTask({ id: serviceId, spec });
  const gone = withdraw(state, without);
  try {
    const mode = spec.mode?.$case;
    if (mode === "global" || mode === "globalJob") return planGlobal(view, sample);
    return planReplicas(view, sample, replicas);
  } finally {
    for (const [taskId, place] of gone) state.restore(taskId, place);
  }
}

/** A task as the service's next one would be, its networks apart. */
export function plannedTask(service: Pick<Service, "id" | "spec"> & Partial<Service>): Task {
  const whole: Service = {
    meta: undefined,
    specVersion: undefined,
    previousSpec: undefined,
    previousSpecVersion: undefined,
    endpoint: undefined,
    updateStatus: undefined,
    jobStatus: undefined,
    pendingDelete: false,
    ...service,
  };
  return newTask(whole, { id: "", slot: 1, nodeId: "", desiredState: TaskState.RUNNING }, 0);
}

function withdraw(state: ClusterState, taskIds: readonly string[]): ReadonlyMap<string, Place> {
  const gone = new Map<string, Place>();
  for (const taskId of taskIds) {
    const place = state.place(taskId);
    if (!place) continue;
    gone.set(taskId, place);
    state.forget(taskId);
  }
  return gone;
}

function planReplicas({ state, strategy }: PlacementView, sample: Task, replicas: number): PlacementPlan {
  const rules = rulesOf(sample);
  const ranking = new Ranking(state, requirementsOf(sample, strategy), rules);
  ranking.advance(WorkBudget.unlimited());
  const run = new GroupPlacement(state, ranking, rules, true);
  const made: string[] = [];
  const counts = new Map<string, number>();
  let reason: string | undefined;
  for (let number = 0; number < replicas && reason === undefined; number++) {
    // No object has an id with a space.
    const id = `planned ${number}`;
    const decision = run.place({ ...sample, id });
    if (!decision.entry) {
      reason = decision.reason;
      break;
    }
    made.push(id);
    counts.set(decision.entry.id, (counts.get(decision.entry.id) ?? 0) + 1);
  }
  run.end();
  for (const id of made) state.forget(id);
  return {
    nodes: plannedNodes(state, counts),
    unplaced: replicas - made.length,
    ...(reason === undefined ? {} : { reason }),
  };
}

function planGlobal({ state, strategy }: PlacementView, sample: Task): PlacementPlan {
  const filters = new FilterSet(requirementsOf(sample, strategy));
  const { serviceId, maxReplicas } = rulesOf(sample);
  const refusals = FILTERS.map(() => 0);
  const counts = new Map<string, number>();
  let unplaced = 0;
  for (const entry of state.entries()) {
    if (!entry.node) continue;
    const tasks = state.service(serviceId)?.tasksOn(entry.index) ?? 0;
    // It has its task already.
    const verdict = tasks > 0 ? ACCEPTED : filters.verdict(entry, tasks, maxReplicas);
    if (verdict === ACCEPTED) {
      counts.set(entry.id, 1);
    } else {
      unplaced++;
      refusals[verdict]!++;
    }
  }
  return { nodes: plannedNodes(state, counts), unplaced, ...(unplaced > 0 ? { reason: explain(refusals) } : {}) };
}

function plannedNodes(state: ClusterState, counts: ReadonlyMap<string, number>): readonly PlannedNode[] {
  return [...counts]
    .map(([nodeId, tasks]) => ({
      nodeId,
      hostname: state.entry(nodeId)?.node?.description?.hostname ?? "",
      tasks,
    }))
    .sort((a, b) => b.tasks - a.tasks || (a.hostname < b.hostname ? -1 : a.hostname > b.hostname ? 1 : 0));
}
