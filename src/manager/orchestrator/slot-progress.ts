/** How far one slot is in an update. Pure: it follows from the slot's tasks and their marks. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { hasEnded, isWanted, stateOf } from "../task-life.js";
import { isUp } from "./presence.js";
import { changedMs, createdMs, currentTask, newestTask, type Slot, type Surroundings, upSinceMs } from "./slot.js";
import { hasFailedIn, isMadeBy } from "./task-marks.js";
import type { UpdateSettings } from "./update-settings.js";

export interface SlotProgress {
  readonly phase: /** What the service asks for, and not by this update. */
    | "current"
    /** To be replaced. */
    | "old"
    /** Replaced by this update; its place is not free yet. */
    | "under way"
    /** Replaced by this update, or tried. */
    | "done";
  /** Of an old slot: it has a task that runs. */
  readonly isRunning: boolean;
  /** The task that was to replace it and failed. */
  readonly failedTaskId: string | undefined;
  /** The task that is waited for. */
  readonly awaited: Task | undefined;
  /** Until when a slot that is under way stays so by the update's delay. */
  readonly busyUntilMs: number | undefined;
  /** When its new task came up, or failed: from then on the update is watched for a while before it is done. */
  readonly watchedFromMs: number | undefined;
  /** When the slot's part of the update last went on. */
  readonly progressMs: number;
}

export interface ProgressRules {
  isClean(task: Task): boolean;
  /** The update that is in progress, or was the last. */
  readonly lastUpdate: string | undefined;
  readonly settings: UpdateSettings;
}

const CURRENT: SlotProgress = {
  phase: "current",
  isRunning: false,
  failedTaskId: undefined,
  awaited: undefined,
  busyUntilMs: undefined,
  watchedFromMs: undefined,
  progressMs: 0,
};
const OLD_IDLE: SlotProgress = { ...CURRENT, phase: "old" };
const OLD_RUNNING: SlotProgress = { ...CURRENT, phase: "old", isRunning: true };

export function progressOf(slot: Slot, rules: ProgressRules, around: Surroundings): SlotProgress {
  const { lastUpdate } = rules;
  const made = lastUpdate && slot.tasks.findLast((task) => isMadeBy(task, lastUpdate));
  return made ? progressOfMade(slot, made, lastUpdate, rules, around) : progressOfOther(slot, rules, around);
}

function progressOfOther(slot: Slot, rules: ProgressRules, around: Surroundings): SlotProgress {
  const task = currentTask(slot) ?? newestTask(slot);
  if (!task || rules.isClean(task)) return CURRENT;
  if (slot.tasks.length === 1) return isWanted(task) && isUp(task, around) ? OLD_RUNNING : OLD_IDLE;
  const up = slot.tasks.filter((one) => isWanted(one) && isUp(one, around));
  // As after a rollback: the old task still runs, and is what is asked for.
  if (up.some((one) => rules.isClean(one))) return CURRENT;
  return up.length > 0 ? OLD_RUNNING : OLD_IDLE;
}

function progressOfMade(
  slot: Slot,
  made: Task,
  update: string,
  rules: ProgressRules,
  around: Surroundings,
): SlotProgress {
  const { delayMs } = rules.settings;
  const failed =
    slot.tasks.find((task) => hasFailedIn(task, update)) ?? (isFailure(slot, made, rules) ? made : undefined);
  if (failed) {
    const atMs = changedMs(failed);
    return settled(
      { failedTaskId: failed.id, watchedFromMs: atMs, busyUntilMs: atMs + delayMs, progressMs: atMs },
      around,
    );
  }
  const changed = changedMs(made);
  if (stateOf(made) === TaskState.RUNNING && isWanted(made)) {
    return settled({ watchedFromMs: changed, busyUntilMs: changed + delayMs, progressMs: changed }, around);
  }
  // It ended and has not failed: it was up for longer than it is watched. What comes after it are restarts.
  if (hasEnded(made)) return settled({ busyUntilMs: changed + delayMs, progressMs: changed }, around);
  const awaited = isWanted(made) ? made : slot.tasks.findLast((task) => isWanted(task) && rules.isClean(task));
  const progressMs = createdMs(made);
  if (!awaited || isUp(awaited, around)) return settled({ progressMs }, around);
  return { ...CURRENT, phase: "under way", awaited, progressMs };
}

/** A task that the update made and that ended by itself before it came up, or too soon afterwards. */
export function isFailure(slot: Slot, task: Task, { lastUpdate, settings }: ProgressRules): boolean {
  if (lastUpdate === undefined || !isMadeBy(task, lastUpdate) || !hasEnded(task) || !isWanted(task)) return false;
  // Its node was lost: that says nothing of the task.
  if (stateOf(task) === TaskState.ORPHANED) return false;
  const upMs = upSinceMs(slot, task);
  return upMs === undefined || changedMs(task) - upMs <= settings.monitorMs;
}

function settled(facts: Partial<SlotProgress>, { nowMs }: Surroundings): SlotProgress {
  const isBusy = facts.busyUntilMs !== undefined && facts.busyUntilMs > nowMs;
  return { ...CURRENT, ...facts, phase: isBusy ? "under way" : "done" };
}
