/** A slot: a number in a replicated service, a node in a global one, and the tasks that have had it, one after the other. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { timestampMs } from "../../api/time.js";
import { isWanted } from "../task-life.js";

export interface Slot {
  readonly number: number;
  /** Empty in a replicated service. */
  readonly nodeId: string;
  /** Oldest first; at least one. */
  readonly tasks: readonly Task[];
}

/** What the orchestrators see of the cluster besides the service and its tasks. */
export interface Surroundings {
  readonly nowMs: number;
  node(id: string): Node | undefined;
}

/** @param tasks tasks of one service */
export function slotsOf(tasks: readonly Task[]): readonly Slot[] {
  const groups = new Map<number | string, Task[]>();
  for (const task of tasks) {
    const key = task.slot === 0 ? task.nodeId : task.slot;
    const group = groups.get(key);
    if (group) group.push(task);
    else groups.set(key, [task]);
  }
  return [...groups.values()].map((group) => {
    if (group.length > 1) group.sort((a, b) => createdMs(a) - createdMs(b));
    const { slot, nodeId } = group[0]!;
    return { number: slot, nodeId: slot === 0 ? nodeId : "", tasks: group };
  });
}

/** The task that stands for the slot: the newest that is meant to run. */
export function currentTask(slot: Slot): Task | undefined {
  return slot.tasks.findLast(isWanted);
}

export function newestTask(slot: Slot): Task {
  return slot.tasks.at(-1)!;
}

/** Tasks of the slot before this one, oldest first. */
export function predecessors(slot: Slot, task: Task): readonly Task[] {
  return slot.tasks.slice(0, slot.tasks.indexOf(task));
}

export function createdMs(task: Task): number {
  return timestampMs(task.meta?.createdAt);
}
