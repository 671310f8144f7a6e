import type { Service, Task } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState, UpdateStatus_UpdateState as UpdateState } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { createdMs, serviceName } from "../../objects.js";

/** One place for a task of a service: a replica's number, or a node. */
export interface SlotProgress {
  /** Stays the same from look to look. */
  readonly key: string;
  /** Slot number, or 0 for a global service. */
  readonly slot: number;
  readonly nodeId: string;
  /** Undefined while the slot has no task of the new specification. */
  readonly state: TaskState | undefined;
  /** Why it is not running; empty when nothing is known. */
  readonly reason: string;
}

/** How far a service is from what was asked. */
export interface Progress {
  readonly slots: readonly SlotProgress[];
  readonly running: number;
  /** How many tasks shall run; undefined while a global service has none yet. */
  readonly wanted: number | undefined;
  /** Tasks that shall end and have not. */
  readonly stopping: number;
  /** All that was asked for runs, and nothing else. */
  readonly converged: boolean;
  /** The cluster gave up: it will not converge. */
  readonly failure: string | undefined;
}

/** What is known of a service at one moment. */
export interface ServiceView {
  readonly service: Service;
  /** All its tasks. */
  readonly tasks: readonly Task[];
  /** Ids of the tasks that have the service's present specification. */
  readonly upToDate: ReadonlySet<string>;
  /** Ids of nodes that answer; a task cannot be seen to stop elsewhere. */
  readonly readyNodes: ReadonlySet<string>;
  /** The change asked for is itself a rollback. */
  readonly rollbackWanted: boolean;
}

export function assess({ service, tasks, upToDate, readyNodes, rollbackWanted }: ServiceView): Progress {
  const slots = slotsOf(tasks, upToDate);
  const running = slots.filter(({ state }) => state === TaskState.RUNNING).length;
  const mode = service.spec?.mode;
  const wanted = mode?.$case === "replicated" ? mode.value.replicas : slots.length > 0 ? slots.length : undefined;
  const stopping = tasks.filter(
    ({ desiredState, status, nodeId }) =>
      desiredState > TaskState.RUNNING && (status?.state ?? 0) <= TaskState.RUNNING && readyNodes.has(nodeId),
  ).length;
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
    const key = task.slot > 0 ? String(task.slot) : task.nodeId;
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
