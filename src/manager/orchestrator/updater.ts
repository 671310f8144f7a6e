/**
 * Brings the tasks of a service to its newest specification, some slots at a time. Pure: how far an update is follows from the
 * tasks (slot-progress.ts), what is to be done next from the sum (update-tally.ts). States and texts are SwarmKit's; the progress
 * deadline is our own.
 */
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  UpdateConfig_FailureAction as FailureAction,
  TaskState,
  UpdateConfig_UpdateOrder as UpdateOrder,
  UpdateStatus_UpdateState as UpdateState,
  type UpdateStatus,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { timestampMs, timestampOf } from "../../api/time.js";
import type { Action, Step } from "./action.js";
import { isUp } from "./presence.js";
import { deadlineText } from "./progress-deadline.js";
import { type Slot, type Surroundings, wantedTasks } from "./slot.js";
import { replacement, stop } from "./slot-care.js";
import { madeBy } from "./task-marks.js";
import type { UpdateSettings } from "./update-settings.js";
import type { UpdateTally } from "./update-tally.js";

export interface UpdateDecision {
  /** How many old slots are to be replaced now. */
  readonly start: number;
  /** What becomes of the service. */
  readonly change?: Action;
  /** When to decide again though nothing changes, ms since 1970. */
  readonly wakeAtMs?: number;
}

const REST: UpdateDecision = { start: 0 };

export function decideUpdate(
  service: Service,
  settings: UpdateSettings,
  tally: UpdateTally,
  nowMs: number,
): UpdateDecision {
  const status = service.updateStatus;
  switch (status?.state ?? UpdateState.UNKNOWN) {
    case UpdateState.PAUSED:
    case UpdateState.ROLLBACK_PAUSED:
      return REST;
    case UpdateState.UPDATING:
    case UpdateState.ROLLBACK_STARTED:
      return goOn(service, settings, tally, nowMs);
    default:
      return tally.old === 0 ? REST : { start: 0, change: begin(service, nowMs) };
  }
}

function begin(service: Service, nowMs: number): Action {
  return setStatus(service, {
    state: UpdateState.UPDATING,
    startedAt: timestampOf(nowMs),
    completedAt: undefined,
    message: "update in progress",
  });
}

function goOn(service: Service, settings: UpdateSettings, tally: UpdateTally, nowMs: number): UpdateDecision {
  const { failureAction, maxFailureRatio, deadlineMs, delayMs } = settings;
  const isWatched = failureAction !== FailureAction.CONTINUE;
  // A ratio is a float on the wire.
  if (isWatched && tally.failed > 0 && Math.fround(tally.failed / tally.total) > maxFailureRatio) {
    const reason = `due to failure or early termination of task ${tally.lastFailure}`;
    return { start: 0, change: fail(service, settings, reason, nowMs) };
  }
  if (tally.old === 0 && tally.underWay === 0) {
    const monitorMs = delayMs >= settings.monitorMs ? delayMs + 1000 : settings.monitorMs;
    const doneMs = isWatched && tally.watchedFromMs > 0 ? tally.watchedFromMs + monitorMs : 0;
    return nowMs < doneMs ? { start: 0, wakeAtMs: doneMs } : { start: 0, change: complete(service, nowMs) };
  }
  const start = Math.min(tally.old, Math.max(0, settings.parallelism - tally.underWay));
  const { awaited } = tally;
  if (!awaited || deadlineMs === Number.POSITIVE_INFINITY) return { start };
  const lateMs = Math.max(tally.lastProgressMs, timestampMs(service.updateStatus?.startedAt)) + deadlineMs;
  if (nowMs < lateMs) return { start, wakeAtMs: lateMs };
  const reason = `for lack of progress in ${deadlineText(deadlineMs)}: ${whatKeeps(awaited)}`;
  return { start: 0, change: fail(service, settings, reason, nowMs) };
}

/** One line that says why a task is not up. */
function whatKeeps({ id, status, desiredState }: Task): string {
  const state = TaskState[status?.state ?? TaskState.NEW]!.toLowerCase();
  const why = status?.err || status?.message;
  const held = desiredState === TaskState.READY ? ", held in ready" : "";
  return `task ${id} is ${state}${held}${why ? ` (${why})` : ""}`;
}

/** @param reason follows "update paused" */
function fail(service: Service, { failureAction }: UpdateSettings, reason: string, nowMs: number): Action {
  const status = service.updateStatus!;
  if (status.state === UpdateState.ROLLBACK_STARTED) {
    // A rollback is never rolled back.
    return setStatus(service, { ...status, state: UpdateState.ROLLBACK_PAUSED, message: `rollback paused ${reason}` });
  }
  const paused = { ...status, state: UpdateState.PAUSED, message: `update paused ${reason}` };
  if (failureAction !== FailureAction.ROLLBACK) return setStatus(service, paused);
  if (!service.previousSpec) {
    return setStatus(service, { ...paused, message: `${paused.message}; there is no previous spec to roll back to` });
  }
  return {
    kind: "roll-back",
    of: service,
    status: {
      state: UpdateState.ROLLBACK_STARTED,
      startedAt: timestampOf(nowMs),
      completedAt: undefined,
      message: `update rolled back ${reason}`,
    },
  };
}

function complete(service: Service, nowMs: number): Action {
  const status = service.updateStatus!;
  const isRollback = status.state === UpdateState.ROLLBACK_STARTED;
  return setStatus(service, {
    ...status,
    state: isRollback ? UpdateState.ROLLBACK_COMPLETED : UpdateState.COMPLETED,
    completedAt: timestampOf(nowMs),
    message: isRollback ? "rollback completed" : "update completed",
  });
}

function setStatus(service: Service, status: UpdateStatus): Action {
  return { kind: "update-status", of: service, status };
}

/**
 * Replaces what is in a slot. Stop-first: the new task is prepared while the old one stops, and starts when that is over. Start-first:
 * the old task runs until the new one is up; where none is up there is nothing to wait for.
 * @param update see updateInProgress
 */
export function replaceSlot(slot: Slot, order: UpdateOrder, update: string, around: Surroundings): Step {
  const wanted = wantedTasks(slot);
  const kept = order === UpdateOrder.START_FIRST ? wanted.findLast((task) => isUp(task, around)) : undefined;
  const stopped = wanted.filter((task) => task !== kept).map(stop);
  const next = replacement(slot, kept ? TaskState.RUNNING : TaskState.READY, madeBy(update));
  return [...stopped, next];
}
