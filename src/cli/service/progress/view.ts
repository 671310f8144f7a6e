import type { Service, Task } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../api/generated/docker/swarmkit/v1/types.js";

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
  /** Of a job: slots that have come to their end in this run. */
  readonly completed?: number;
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

/** How many tasks shall end and have not, as far as it can be seen. */
export function stoppingTasks({ tasks, readyNodes }: Pick<ServiceView, "tasks" | "readyNodes">): number {
  return tasks.filter((task) => isStopping(task) && readyNodes.has(task.nodeId)).length;
}

export function isStopping({ desiredState, status }: Task): boolean {
  return desiredState > TaskState.COMPLETE && (status?.state ?? 0) <= TaskState.RUNNING;
}

/** A slot's number; in a service that is on every node, the node. */
export function slotKey({ slot, nodeId }: Task): string {
  return slot > 0 ? String(slot) : nodeId;
}
