import type { Task } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { createdMs } from "../../objects.js";
import { type Progress, type ServiceView, type SlotProgress, slotKey, stoppingTasks } from "./view.js";

/** How far the present run of a job is: it has converged when every slot has come to its end. */
export function assessJob(view: ServiceView): Progress {
  const { service, tasks, upToDate } = view;
  const slots = slotsOf(tasks.filter(({ id }) => upToDate.has(id)));
  const countOf = (state: TaskState) => slots.filter((slot) => slot.state === state).length;
  const completed = countOf(TaskState.COMPLETE);
  const mode = service.spec?.mode;
  const slotCount = slots.length > 0 ? slots.length : undefined;
  const wanted = mode?.$case === "replicatedJob" ? mode.value.totalCompletions : slotCount;
  const stopping = stoppingTasks(view);
  return {
    slots,
    running: countOf(TaskState.RUNNING),
    completed,
    wanted,
    stopping,
    converged: wanted !== undefined && completed >= wanted && stopping === 0,
    failure: undefined,
  };
}

/** @param tasks of the present run */
function slotsOf(tasks: readonly Task[]): SlotProgress[] {
  const bySlot = new Map<string, Task[]>();
  for (const task of tasks) {
    if (task.desiredState >= TaskState.REMOVE) continue;
    const key = slotKey(task);
    bySlot.set(key, [...(bySlot.get(key) ?? []), task]);
  }
  return [...bySlot]
    .map(([key, inSlot]) => slotProgress(key, inSlot))
    .sort((a, b) => a.slot - b.slot || (a.key < b.key ? -1 : 1));
}

function slotProgress(key: string, inSlot: readonly Task[]): SlotProgress {
  const newestFirst = [...inSlot].sort((a, b) => createdMs(b) - createdMs(a));
  const current = newestFirst.find(isComplete) ?? newestFirst[0]!;
  const before = newestFirst.find((task) => task !== current && task.status?.err);
  const isWell = isComplete(current) || current.status?.state === TaskState.RUNNING;
  const reason = before && !isWell ? `attempt before: ${before.status!.err}` : "";
  return {
    key,
    slot: current.slot,
    nodeId: current.nodeId,
    state: current.status?.state ?? TaskState.NEW,
    reason: current.status?.err || reason,
  };
}

function isComplete({ status }: Task): boolean {
  return status?.state === TaskState.COMPLETE;
}
