/** How many moves of a service are under way, which of its tasks may move, and what a move writes. */
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  TaskState,
  UpdateConfig_UpdateOrder as UpdateOrder,
  UpdateStatus_UpdateState as UpdateState,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { durationMs, timestampMs } from "../../api/time.js";
import { newObjectId, type RandomBytes } from "../../store/object-id.js";
import type { Transaction } from "../../store/transaction.js";
import { DEFAULT_UPDATE } from "../orchestrator/defaults.js";
import { defaultLogDriver, newTask } from "../orchestrator/new-task.js";
import { isWanted, stateOf } from "../task-life.js";
import { evict } from "./eviction.js";
import type { Move } from "./rebalance.js";
import { type Strategy, strategyOf } from "./strategy.js";

/** On a service: "auto" evens it out whenever nodes come. */
export const REBALANCE_LABEL = "tswarm.rebalance";
/** On a task: the node that it was moved away from. */
const MOVED_FROM = "tswarm.moved-from";

export const UPDATING = "an update is in progress";
export const UPDATE_PAUSED = "its update is paused";

export interface RebalanceStatus {
  /** Tasks that run, in slots in which nothing else is under way. */
  readonly movable: readonly Task[];
  /** Slots in which something is under way, whatever it is. */
  readonly busy: number;
  /** Moves at once: the update's parallelism. */
  readonly parallelism: number;
  /** When the pause after the last move is over, ms since 1970; undefined when none is. */
  readonly pauseEndsMs: number | undefined;
  /** A task that was moved and did not stay up: to move more would not help. */
  readonly failedTaskId: string | undefined;
}

/** @returns why tasks of the service are not moved; undefined when they may be */
export function whyNotRebalanced(service: Service, clusterDefault: Strategy): string | undefined {
  if (service.spec?.mode?.$case !== "replicated") return "only replicated services are spread over nodes";
  if (service.pendingDelete) return "the service is being removed";
  if (strategyOf(service.spec.annotations, clusterDefault) === "binpack") {
    return "the service is packed onto few nodes, not spread (tswarm.placement.strategy)";
  }
  if (service.spec.update?.order === UpdateOrder.START_FIRST) {
    return "its updates start the new task first (order start-first), and a move stops the old one first";
  }
  switch (service.updateStatus?.state) {
    case UpdateState.UPDATING:
    case UpdateState.ROLLBACK_STARTED:
      return UPDATING;
    case UpdateState.PAUSED:
    case UpdateState.ROLLBACK_PAUSED:
      return UPDATE_PAUSED;
    default:
      return undefined;
  }
}

export function isAutomatic({ spec }: Service): boolean {
  return spec?.annotations?.labels[REBALANCE_LABEL] === "auto";
}

/** @param tasks of the service @param sinceMs when the rebalancing began */
export function rebalanceStatus(
  service: Service,
  tasks: readonly Task[],
  sinceMs: number,
  nowMs: number,
): RebalanceStatus {
  const update = service.spec?.update ?? DEFAULT_UPDATE;
  const delayMs = durationMs(update.delay, 0);
  const slots = new Map<number, Task[]>();
  let failedTaskId: string | undefined;
  for (const task of tasks) {
    const state = stateOf(task);
    const hasFailed = state === TaskState.FAILED || state === TaskState.REJECTED;
    if (hasFailed && wasMoved(task, sinceMs)) failedTaskId = task.id;
    if (!isWanted(task) && state > TaskState.RUNNING) continue;
    const slot = slots.get(task.slot);
    if (slot) slot.push(task);
    else slots.set(task.slot, [task]);
  }
  const movable: Task[] = [];
  let busy = 0;
  let pauseEndsMs: number | undefined;
  for (const [task, ...others] of slots.values()) {
    if (others.length > 0 || !isSteady(task!)) {
      busy++;
      continue;
    }
    const endsMs = wasMoved(task!, sinceMs)
      ? timestampMs(task!.status?.appliedAt ?? task!.status?.timestamp) + delayMs
      : 0;
    if (endsMs > nowMs) {
      busy++;
      pauseEndsMs = Math.min(pauseEndsMs ?? endsMs, endsMs);
    } else {
      movable.push(task!);
    }
  }
  const parallelism = update.parallelism === 0 ? Number.POSITIVE_INFINITY : update.parallelism;
  return { movable, busy, parallelism, pauseEndsMs, failedTaskId };
}

function isSteady(task: Task): boolean {
  return stateOf(task) === TaskState.RUNNING && task.desiredState === TaskState.RUNNING;
}

function wasMoved({ annotations, meta }: Task, sinceMs: number): boolean {
  return annotations?.labels[MOVED_FROM] !== undefined && timestampMs(meta?.createdAt) >= sinceMs;
}

/**
 * The task is to stop, and another waits in its slot to start when it has: as an update that stops first does it.
 * Void when either of them is not what it was.
 */
export function writeMove(tx: Transaction, move: Move, service: Service, random: RandomBytes, nowMs: number): void {
  const task = tx.get("task", move.taskId);
  const current = tx.get("service", service.id);
  if (!task || !current || current.spec !== service.spec || current.updateStatus !== service.updateStatus) return;
  if (!isSteady(task) || task.nodeId !== move.from) return;
  evict(tx, task, `moved so that the service is spread evenly again: node ${move.to} has fewer of its tasks`);
  const place = { id: newObjectId(random), slot: task.slot, nodeId: "", desiredState: TaskState.READY };
  tx.create(
    "task",
    newTask(current, { ...place, labels: { [MOVED_FROM]: move.from }, logDriver: defaultLogDriver(tx) }, nowMs),
  );
}
