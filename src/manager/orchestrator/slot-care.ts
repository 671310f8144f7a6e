/** Keeps one slot occupied: replaces what ended, starts what waits. Pure. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { stateOf } from "../task-life.js";
import { type Action, desire, NOTHING, type Outcome } from "./action.js";
import { mayRestart, startDueMs, startWhenDue } from "./restart.js";
import { currentTask, newestTask, type Slot, type Surroundings } from "./slot.js";

/**
 * @param isLost whether a task that has not ended must be replaced all the same, because of its node
 * @returns what keeps the slot occupied; nothing for a slot that its policy leaves as it is
 */
export function careForSlot(slot: Slot, around: Surroundings, isLost: (task: Task) => boolean): Outcome {
  const current = currentTask(slot);
  if (!current) {
    const newest = newestTask(slot);
    return mayRestart(slot, newest, around.nowMs) ? { steps: [[replacement(slot, TaskState.READY)]] } : NOTHING;
  }
  if (stateOf(current) > TaskState.RUNNING || isLost(current)) {
    // One that failed before its own start was due has not waited yet: without that its successors would follow each other at once.
    if (current.desiredState === TaskState.READY && stateOf(current) > TaskState.RUNNING) {
      const dueMs = startDueMs(slot, current, around);
      if (around.nowMs < dueMs) return { steps: [], wakeAtMs: dueMs };
    }
    const stop = desire(current.id, TaskState.SHUTDOWN);
    return {
      steps: [mayRestart(slot, current, around.nowMs) ? [stop, replacement(slot, TaskState.READY)] : [stop]],
    };
  }
  return current.desiredState === TaskState.READY ? startWhenDue(slot, current, around) : NOTHING;
}

export function replacement(slot: Slot, desiredState: TaskState.READY | TaskState.RUNNING): Action {
  return { kind: "create", slot: slot.number, nodeId: slot.nodeId, desiredState };
}

/** Every task of the slot is to stop and then to be forgotten. */
export function removeSlot(slot: Slot): Outcome {
  const kept = slot.tasks.filter((task) => task.desiredState < TaskState.REMOVE);
  return { steps: kept.length > 0 ? [kept.map((task) => desire(task.id, TaskState.REMOVE))] : [] };
}

/** The slot has been given up: it counts for nothing any more. */
export function isRemoved(slot: Slot): boolean {
  return slot.tasks.every((task) => task.desiredState >= TaskState.REMOVE);
}
