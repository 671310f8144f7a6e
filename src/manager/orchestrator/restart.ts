/**
 * When a task is replaced, and when its replacement starts. All of it follows from the tasks that the store keeps: how often
 * a slot was restarted is how many tasks of the same version it has had.
 */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  RestartPolicy_RestartCondition as RestartCondition,
  TaskState,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { isDrained, isNodeLost, isOver, isWanted, stateOf } from "../task-life.js";
import { desire, NOTHING, type Outcome } from "./action.js";
import { restartRules } from "./defaults.js";
import { sameMake } from "./dirty.js";
import { createdMs, predecessors, type Slot, type Surroundings } from "./slot.js";

/** A replacement waits no longer than this for its predecessor to stop. */
const OLD_TASK_TIMEOUT_MS = 60_000;

/** Whether the policy of a task that ended (or lost its node) lets another take its place. */
export function mayRestart(slot: Slot, task: Task, nowMs: number): boolean {
  const { condition, maxAttempts, windowMs } = restartRules(task.spec);
  if (condition === RestartCondition.NONE) return false;
  if (condition === RestartCondition.ON_FAILURE && stateOf(task) === TaskState.COMPLETE) return false;
  if (maxAttempts === 0) return true;
  const [, ...restarts] = slot.tasks.filter((one) => one.specVersion?.index === task.specVersion?.index);
  const since = windowMs > 0 ? nowMs - windowMs : Number.NEGATIVE_INFINITY;
  return restarts.filter((one) => createdMs(one) > since).length < maxAttempts;
}

/** Starts a task that waits in READY, once its time has come and its predecessors have stopped. */
export function startWhenDue(slot: Slot, task: Task, around: Surroundings): Outcome {
  const earliestMs = startDueMs(slot, task, around);
  if (around.nowMs < earliestMs) return { steps: [], wakeAtMs: earliestMs };
  const latestMs = earliestMs + OLD_TASK_TIMEOUT_MS;
  const stopped = predecessors(slot, task).every(
    // One that is still meant to run is not waited for: with start-first both run for a while.
    (old) => isOver(old) || isWanted(old) || (old.nodeId !== "" && isUnreachable(old, around)),
  );
  if (!stopped && around.nowMs < latestMs) return { steps: [], wakeAtMs: latestMs };
  return { ...NOTHING, steps: [[desire(task.id, TaskState.RUNNING)]] };
}

/** When a task in READY may start, ms since 1970. */
export function startDueMs(slot: Slot, task: Task, around: Surroundings): number {
  // Creation times differ by microseconds even within a millisecond: that is not to be waited for.
  return Math.floor(createdMs(task)) + startDelayMs(slot, task, around);
}

/** A task that takes the place of a failed one waits; one that follows a new specification or leaves a drained node does not. */
function startDelayMs(slot: Slot, task: Task, around: Surroundings): number {
  const before = predecessors(slot, task).at(-1);
  if (before && (!sameMake(before, task) || isDrained(around.node(before.nodeId)))) return 0;
  return restartRules(task.spec).delayMs;
}

/** Nobody will tell when the task stops. */
function isUnreachable(task: Task, around: Surroundings): boolean {
  const node = around.node(task.nodeId);
  return isNodeLost(node) && !isDrained(node);
}
