/** A slot: a number in a replicated service, a node in a global one, and the tasks that have had it, one after the other. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { timestampMs } from "../../api/time.js";
import { isWanted, stateOf } from "../task-life.js";

export interface Slot {
  readonly number: number;
  /** Empty in a replicated service. */
  readonly nodeId: string;
  /** Oldest first. */
  readonly tasks: readonly Task[];
  /** When tasks that have ended since had come up, ms since 1970, where this manager saw it. */
  readonly cameUpMs?: ReadonlyMap<string, number> | undefined;
}

/** What the orchestrators see of the cluster besides the service and its tasks. */
export interface Surroundings {
  readonly nowMs: number;
  /** What the service asks of nodes now: a constraint that it has dropped binds its tasks no more. Undefined: what each task asks. */
  readonly constraints?: readonly string[] | undefined;
  node(id: string): Node | undefined;
}

export function wantedTasks(slot: Slot): readonly Task[] {
  const { tasks } = slot;
  if (tasks.length === 1) return isWanted(tasks[0]!) ? tasks : [];
  return tasks.filter(isWanted);
}

/** The task that stands for the slot: the newest that is meant to run. */
export function currentTask(slot: Slot): Task | undefined {
  return slot.tasks.findLast(isWanted);
}

export function newestTask(slot: Slot): Task | undefined {
  return slot.tasks.at(-1);
}

/** Tasks of the slot before this one, oldest first. */
export function predecessors(slot: Slot, task: Task): readonly Task[] {
  return slot.tasks.slice(0, slot.tasks.indexOf(task));
}

/** The slot has not been given up: some of its tasks count. */
export function isOpen(slot: Slot): boolean {
  for (const { desiredState } of slot.tasks) if (desiredState < TaskState.REMOVE) return true;
  return false;
}

export function createdMs(task: Task): number {
  return timestampMs(task.meta?.createdAt);
}

/** When the task got its state, by a manager's clock where there is one: agents' clocks may be wrong. */
export function changedMs({ status }: Task): number {
  return timestampMs(status?.appliedAt ?? status?.timestamp);
}

/** When the task came up; undefined when it did not, or nobody here saw it. */
export function upSinceMs(slot: Slot, task: Task): number | undefined {
  return stateOf(task) === TaskState.RUNNING ? changedMs(task) : slot.cameUpMs?.get(task.id);
}
