/**
 * Brings the tasks of a service to its newest specification, some slots at a time. Pure: how far an update is follows from
 * the tasks. A slot is under way from the moment its new task is made until that has been RUNNING for the update's delay.
 */
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  TaskState,
  UpdateConfig_UpdateOrder as UpdateOrder,
  UpdateStatus_UpdateState as UpdateState,
  type UpdateStatus,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { durationMs, timestampMs, timestampOf } from "../../api/time.js";
import { isWanted, stateOf } from "../task-life.js";
import { type Action, desire, type Outcome, type Step } from "./action.js";
import { DEFAULT_UPDATE } from "./defaults.js";
import { DirtyCheck } from "./dirty.js";
import { currentTask, newestTask, predecessors, type Slot, type Surroundings } from "./slot.js";
import { replacement } from "./slot-care.js";

export interface UpdateOutcome extends Outcome {
  /** Slots that were handled here: nobody else is to touch them in this round. */
  readonly handled: ReadonlySet<Slot>;
}

const PAUSED: ReadonlySet<UpdateState> = new Set([UpdateState.PAUSED, UpdateState.ROLLBACK_PAUSED]);

export function updateSlots(service: Service, slots: readonly Slot[], around: Surroundings): UpdateOutcome {
  const config = service.spec?.update ?? DEFAULT_UPDATE;
  const check = new DirtyCheck(service);
  const isDirty = (task: Task) => check.isDirty(task, around.node(task.nodeId));
  const handled = new Set<Slot>();
  const steps: Step[] = [];
  const dirty: Slot[] = [];
  let underWay = 0;
  let wakeAtMs: number | undefined;
  for (const slot of slots) {
    const task = currentTask(slot) ?? newestTask(slot);
    if (isDirty(task)) {
      dirty.push(slot);
      continue;
    }
    steps.push(...stopOthers(slot));
    const until = busyUntilMs(slot, task, isDirty, durationMs(config.delay, 0));
    if (until <= around.nowMs) continue;
    underWay++;
    if (Number.isFinite(until)) wakeAtMs = Math.min(wakeAtMs ?? until, until);
  }
  const paused = PAUSED.has(service.updateStatus?.state ?? UpdateState.UNKNOWN);
  const places = config.parallelism === 0 ? Number.POSITIVE_INFINITY : config.parallelism - underWay;
  const next = paused ? [] : dirty.sort(byUrgency).slice(0, Math.max(0, places));
  for (const slot of next) {
    handled.add(slot);
    steps.push(replaceSlot(slot, config.order));
  }
  const status = nextStatus(service.updateStatus, dirty.length, underWay, around.nowMs);
  if (status) steps.push([{ kind: "update-status", status }]);
  return { steps, handled, ...(wakeAtMs === undefined ? {} : { wakeAtMs }) };
}

function replaceSlot(slot: Slot, order: UpdateOrder): Step {
  if (order === UpdateOrder.START_FIRST && currentTask(slot)) return [replacement(slot, TaskState.RUNNING)];
  return [...slot.tasks.filter(isWanted).map(stop), replacement(slot, TaskState.READY)];
}

/** Once the new task runs, what it replaces is stopped: with start-first that is the old one. */
function stopOthers(slot: Slot): readonly Step[] {
  const current = currentTask(slot);
  if (!current || stateOf(current) !== TaskState.RUNNING) return [];
  const others = predecessors(slot, current).filter(isWanted);
  return others.length > 0 ? [others.map(stop)] : [];
}

/**
 * Until when a slot with a task of the newest specification counts as being updated; 0 when it does not.
 * Without an older task in its history it was not updated. A new task that fails keeps its slot under way.
 */
function busyUntilMs(slot: Slot, task: Task, isDirty: (task: Task) => boolean, delayMs: number): number {
  const before = predecessors(slot, task);
  if (!before.some(isDirty)) return 0;
  if (stateOf(task) !== TaskState.RUNNING) return Number.POSITIVE_INFINITY;
  if (!isDirty(before.at(-1)!)) return 0;
  return timestampMs(task.status?.appliedAt ?? task.status?.timestamp) + delayMs;
}

/** Slots without a running task first: to replace them takes nothing away. */
function byUrgency(a: Slot, b: Slot): number {
  const running = (slot: Slot) =>
    Number(slot.tasks.some((task) => stateOf(task) === TaskState.RUNNING && isWanted(task)));
  return running(a) - running(b) || a.number - b.number || (a.nodeId < b.nodeId ? -1 : 1);
}

function stop(task: Task): Action {
  return desire(task.id, TaskState.SHUTDOWN);
}

/** @returns the status to be set; undefined when it is right as it is */
function nextStatus(
  current: UpdateStatus | undefined,
  dirty: number,
  underWay: number,
  nowMs: number,
): UpdateStatus | undefined {
  const state = current?.state ?? UpdateState.UNKNOWN;
  const isRollback = state === UpdateState.ROLLBACK_STARTED;
  if (dirty > 0 && state !== UpdateState.UPDATING && !isRollback && !PAUSED.has(state)) {
    return {
      state: UpdateState.UPDATING,
      startedAt: timestampOf(nowMs),
      completedAt: undefined,
      message: "update in progress",
    };
  }
  if (dirty + underWay > 0 || !(state === UpdateState.UPDATING || isRollback)) return undefined;
  return {
    state: isRollback ? UpdateState.ROLLBACK_COMPLETED : UpdateState.COMPLETED,
    startedAt: current?.startedAt,
    completedAt: timestampOf(nowMs),
    message: isRollback ? "rollback completed" : "update completed",
  };
}
