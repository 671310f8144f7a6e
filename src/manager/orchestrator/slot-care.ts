/** Keeps one slot occupied: replaces what ended, starts what waits, stops what is one too many. Pure. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { hasEnded, isOver, isWanted, stateOf } from "../task-life.js";
import { type Action, desire, type Labels, NOTHING, type Outcome } from "./action.js";
import { isUp, presenceOf } from "./presence.js";
import { mayRestart, startDueMs, startWhenDue, whyNoRestart } from "./restart.js";
import { newestTask, type Slot, type Surroundings, wantedTasks } from "./slot.js";
import { failedIn, isMadeBy, madeBy } from "./task-marks.js";

/** What the care for a slot must know of its service. */
export interface CareRules {
  /** Whether a task is what the service asks for now. */
  isClean(task: Task): boolean;
  /** The update that is in progress. */
  readonly update: string | undefined;
  /** Whether a task that this update made and that has ended counts as failed. */
  isFailure(slot: Slot, task: Task): boolean;
}

/** @returns what keeps the slot occupied; nothing for a slot that its policy leaves as it is */
export function careForSlot(slot: Slot, rules: CareRules, around: Surroundings): Outcome {
  const wanted = wantedTasks(slot);
  const current = wanted.at(-1);
  if (!current) return revive(slot);
  const done = wanted.find(isJobDone);
  if (done) return oneStep(wanted.filter((task) => task !== done).map(stop));
  if (wanted.length === 1) return careForCurrent(slot, current, rules, around);
  const older = wanted.slice(0, -1);
  // What has ended or has to leave counts for nothing any more; what nobody hears of may come back.
  const isCurrentLost = stateOf(current) === TaskState.RUNNING && presenceOf(current, around) === "silent";
  // Of several that nobody hears of the newest stays.
  const standing = older.filter((task) => {
    const presence = presenceOf(task, around);
    return !hasEnded(task) && (presence === "here" || (presence === "silent" && !isCurrentLost));
  });
  const over = older.filter((task) => !standing.includes(task)).map((task) => desire(task.id, TaskState.SHUTDOWN));
  if (isUp(current, around)) return oneStep([...over, ...standing.map(stop)]);
  // The old task is there again, and is what is asked for: nobody needs its replacement.
  const good = standing.findLast((task) => isUp(task, around) && rules.isClean(task));
  if (good) return oneStep([...over, ...standing.filter((task) => task !== good).map(stop), stop(current)]);
  const care = careForCurrent(slot, current, rules, around);
  return over.length > 0 ? { ...care, steps: [over, ...care.steps] } : care;
}

/** Nothing of the slot is meant to run: somebody has taken its task away, or its policy gave it up. */
function revive(slot: Slot): Outcome {
  const newest = newestTask(slot);
  if (!newest || newest.desiredState >= TaskState.REMOVE || !mayRestart(slot, newest)) return NOTHING;
  return { steps: [[replacement(slot, TaskState.READY)]] };
}

function careForCurrent(slot: Slot, current: Task, rules: CareRules, around: Surroundings): Outcome {
  if (hasEnded(current)) {
    // One that failed before its own start was due has not waited yet: without that its successors would follow each other at once.
    if (current.desiredState === TaskState.READY) {
      const dueMs = startDueMs(slot, current, around);
      if (around.nowMs < dueMs) return { steps: [], wakeAtMs: dueMs };
    }
    return replaceEnded(slot, current, rules);
  }
  const presence = presenceOf(current, around);
  // What may run where nobody hears of it stays wanted, so that it is not killed when its node comes back before another runs.
  if (presence === "silent" && stateOf(current) === TaskState.RUNNING) {
    return mayRestart(slot, current) ? oneStep([substitute(slot, current, rules)]) : NOTHING;
  }
  if (presence !== "here") {
    const next = mayRestart(slot, current) ? [replacement(slot, TaskState.READY, heir(current, rules))] : [];
    return oneStep([stop(current), ...next]);
  }
  return current.desiredState === TaskState.READY ? startWhenDue(slot, current, around) : NOTHING;
}

/** For a task that nobody hears of: there is nothing to wait for, unless something else of the slot still stops. */
function substitute(slot: Slot, lost: Task, rules: CareRules): Action {
  const isFree = slot.tasks.every((task) => task === lost || isOver(task));
  const goal = lost.jobIteration ? TaskState.COMPLETE : TaskState.RUNNING;
  return replacement(slot, isFree ? goal : TaskState.READY, heir(lost, rules));
}

function replaceEnded(slot: Slot, current: Task, rules: CareRules): Outcome {
  const { update } = rules;
  const failed = update !== undefined && rules.isFailure(slot, current) ? failedIn(update) : undefined;
  const stopped = desire(current.id, TaskState.SHUTDOWN, failed);
  const reason = whyNoRestart(slot, current);
  if (reason === undefined) {
    const isLost = stateOf(current) === TaskState.ORPHANED;
    return oneStep([stopped, replacement(slot, TaskState.READY, isLost ? heir(current, rules) : undefined)]);
  }
  if (stateOf(current) === TaskState.COMPLETE) return oneStep([stopped]);
  return oneStep([{ ...stopped, message: `not restarted: ${reason}` } as Action]);
}

/** What replaces a task of the update that lost its node is the update's task in its stead. */
function heir(task: Task, { update }: CareRules): Labels | undefined {
  return update !== undefined && isMadeBy(task, update) ? madeBy(update) : undefined;
}

export function replacement(
  slot: Pick<Slot, "number" | "nodeId">,
  desiredState: TaskState.READY | TaskState.RUNNING | TaskState.COMPLETE,
  labels?: Labels,
): Action {
  return { kind: "create", slot: slot.number, nodeId: slot.nodeId, desiredState, ...(labels ? { labels } : {}) };
}

/** Every task of the slot is to stop and then to be forgotten. */
export function removeSlot({ tasks }: Pick<Slot, "tasks">): Outcome {
  const kept = tasks.filter((task) => task.desiredState < TaskState.REMOVE);
  return kept.length > 0 ? oneStep(kept.map(({ id }) => ({ kind: "remove", taskId: id }))) : NOTHING;
}

/** Nothing of the slot is to run; what ran stays in its history. */
export function stopSlot({ tasks }: Pick<Slot, "tasks">): Outcome {
  return oneStep(tasks.filter(isWanted).map(stop));
}

export function stop(task: Task): Action {
  return desire(task.id, TaskState.SHUTDOWN);
}

function oneStep(step: readonly Action[]): Outcome {
  return step.length > 0 ? { steps: [step] } : NOTHING;
}

function isJobDone(task: Task): boolean {
  return task.jobIteration !== undefined && stateOf(task) === TaskState.COMPLETE;
}
