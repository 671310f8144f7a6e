/** Which tasks need not be kept any more. Pure. */
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { isOver, isWanted } from "../task-life.js";
import { restartRules } from "./defaults.js";
import { newestTask, type Slot } from "./slot.js";

/**
 * @param historyLimit how many tasks a slot keeps, the current one included; negative: all
 * @returns ids of tasks to delete
 */
export function reapableTasks(slots: readonly Slot[], historyLimit: number): readonly string[] {
  return slots.flatMap((slot) => [
    ...slot.tasks.filter((task) => isOver(task) && task.desiredState === TaskState.REMOVE).map(({ id }) => id),
    ...surplusHistory(slot, historyLimit),
  ]);
}

function surplusHistory(slot: Slot, historyLimit: number): readonly string[] {
  const newest = newestTask(slot);
  const { maxAttempts } = restartRules(newest.spec);
  // A limit on restarts is counted in the tasks that are kept.
  const limit = maxAttempts > 0 ? maxAttempts + 1 : historyLimit;
  if (limit < 0 || slot.tasks.length <= limit) return [];
  // Who waits to start looks at whom it follows.
  if (newest.desiredState === TaskState.READY) return [];
  return (
    slot.tasks
      // The newest stays: it says that the slot was served.
      .slice(0, slot.tasks.length - Math.max(limit, 1))
      .filter((task) => isOver(task) && !isWanted(task) && task.desiredState !== TaskState.REMOVE)
      .map(({ id }) => id)
  );
}
