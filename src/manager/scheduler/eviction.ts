/**
 * Takes a task from its node though it runs well: its node does not fit any more, or another is better. What is written is what the task is
 * meant to be, and why; the orchestrator does what it does for every slot that has lost its task. Nobody but the node says what state
 * the task is in.
 */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Transaction } from "../../store/transaction.js";

const EVICTED = "tswarm.evicted";

/** Why the task was taken from its node; undefined when it was not. */
export function evictionReason(task: Task): string | undefined {
  return task.annotations?.labels[EVICTED];
}

export function evict(tx: Transaction, task: Task, reason: string): void {
  if (task.desiredState >= TaskState.SHUTDOWN) return;
  const { annotations, status } = task;
  tx.update("task", {
    ...task,
    desiredState: TaskState.SHUTDOWN,
    annotations: {
      name: annotations?.name ?? "",
      indices: annotations?.indices ?? [],
      labels: { ...annotations?.labels, [EVICTED]: reason },
    },
    ...(status ? { status: { ...status, message: reason } } : {}),
  });
}
