import type { Service, Task } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState, UpdateStatus_UpdateState as UpdateState } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { createdMs, serviceName } from "../../objects.js";
import { isJob } from "../spec/mode.js";
import { assessJob } from "./assess-job.js";
import { type Progress, type ServiceView, type SlotProgress, slotKey, stoppingTasks } from "./view.js";

export function assess(view: ServiceView): Progress {
  const { service, tasks, upToDate, rollbackWanted } = view;
  if (service.spec !== undefined && isJob(service.spec)) return assessJob(view);
  const slots = slotsOf(tasks, upToDate);
  const running = slots.filter(({ state }) => state === TaskState.RUNNING).length;
  const mode = service.spec?.mode;
  const wanted = mode?.$case === "replicated" ? mode.value.replicas : slots.length > 0 ? slots.length : undefined;
  const stopping = stoppingTasks(view);
  const state = service.updateStatus?.state ?? UpdateState.UNKNOWN;
  const busy = state === UpdateState.UPDATING || state === UpdateState.ROLLBACK_STARTED;
  return {
    slots,
    running,
    wanted,
    stopping,
    converged: !busy && running === wanted && slots.length === wanted && stopping === 0,
    failure: failureOf(service, rollbackWanted),
  };
}

function failureOf(service: Service, rollbackWanted: boolean): string | undefined {
  const name = serviceName(service);
  const status = service.updateStatus;
  const why = status?.message ? `: ${status.message}` : "";
  switch (status?.state) {
    case UpdateState.PAUSED:
      return `the update of service ${name} is paused${why}`;
    case UpdateState.ROLLBACK_PAUSED:
      return `the rollback of service ${name} is paused${why}`;
    case UpdateState.ROLLBACK_COMPLETED:
      return rollbackWanted ? undefined : `the update of service ${name} failed and was rolled back${why}`;
    default:
      return undefined;
  }
}

function slotsOf(tasks: readonly Task[], upToDate: ReadonlySet<string>): SlotProgress[] {
  const bySlot = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = slotKey(task);
    bySlot.set(key, [...(bySlot.get(key) ?? []), task]);
  }
  const slots: SlotProgress[] = [];
  for (const [key, inSlot] of bySlot) {
    const active = inSlot.filter(({ desiredState }) => desiredState <= TaskState.RUNNING);
    if (active.length === 0) continue;
    const current = active
      .filter(({ id }) => upToDate.has(id))
      .sort((a, b) => b.desiredState - a.desiredState || createdMs(b) - createdMs(a))[0];
    slots.push({
      key,
      slot: active[0]!.slot,
      nodeId: (current ?? active[0]!).nodeId,
      state: current?.status?.state ?? (current ? TaskState.NEW : undefined),
      reason: current ? reasonOf(current, inSlot, upToDate) : "",
    });
  }
  return slots.sort((a, b) => a.slot - b.slot || (a.key < b.key ? -1 : 1));
}

/** The error of the task; while it has none and is not running, that of the attempt before it. */
function reasonOf(current: Task, inSlot: readonly Task[], upToDate: ReadonlySet<string>): string {
  if (current.status?.err) return current.status.err;
  if (current.status?.state === TaskState.RUNNING) return "";
  const failed = inSlot
    .filter((task) => task.id !== current.id && upToDate.has(task.id) && task.status?.err)
    .sort((a, b) => createdMs(b) - createdMs(a))[0];
  return failed ? `attempt before: ${failed.status!.err}` : "";
}
