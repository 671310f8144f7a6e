/** Which tasks need not be kept any more. Pure. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { isOver, isWanted, stateOf } from "../task-life.js";
import { restartRules } from "./defaults.js";
import { restarts } from "./restart.js";
import { newestTask, type Slot } from "./slot.js";
import { hasFailedIn, isMadeBy } from "./task-marks.js";

const NONE: readonly string[] = [];

/**
 * @param historyLimit how many tasks a slot keeps, the current one included; negative: all
 * @param update the update that is in progress: what it counts stays
 * @returns ids of tasks to delete
 */
export function reapableTasks(slot: Slot, historyLimit: number, update: string | undefined): readonly string[] {
  const { tasks } = slot;
  if (tasks.length === 1 && tasks[0]!.desiredState < TaskState.REMOVE) return NONE;
  const removed = tasks.filter((task) => isOver(task) && task.desiredState === TaskState.REMOVE).map(({ id }) => id);
  const surplus = surplusHistory(slot, historyLimit, update);
  return surplus.length > 0 ? [...removed, ...surplus] : removed;
}

function surplusHistory(slot: Slot, historyLimit: number, update: string | undefined): readonly string[] {
  const newest = newestTask(slot)!;
  const { maxAttempts } = restartRules(newest.spec);
  // A limit on restarts is counted in the tasks that are kept.
  const limit = maxAttempts > 0 ? maxAttempts + 1 : historyLimit;
  // The newest stays: it says that the slot was served. While it waits to start, so does the one that it follows.
  const least = newest.desiredState === TaskState.READY ? 2 : 1;
  if (limit < 0 || slot.tasks.length <= Math.max(limit, least)) return NONE;
  // Tasks that were moved, or lost their nodes, lie between those that count.
  const attempts = maxAttempts > 0 ? restarts(slot, newest).slice(-maxAttempts) : [];
  const counted = new Set(attempts.map(({ ended }) => ended));
  return slot.tasks
    .slice(0, slot.tasks.length - Math.max(limit, least))
    .filter((task) => isOver(task) && isPast(task) && task.desiredState !== TaskState.REMOVE && !counted.has(task))
    .filter((task) => update === undefined || !(isMadeBy(task, update) || hasFailedIn(task, update)))
    .map(({ id }) => id);
}

/** Of a job what is done is past as well: nobody asks for more of it. */
function isPast(task: Task): boolean {
  return !isWanted(task) || task.jobIteration !== undefined;
}

/** A task that is no service's: it is nobody's to care for, and goes when it is over and its node does not ask for it any more. */
export function isStray(task: Task): boolean {
  const isForgotten = task.desiredState >= TaskState.SHUTDOWN || stateOf(task) === TaskState.ORPHANED;
  return task.serviceId === "" && isOver(task) && isForgotten;
}
