import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";

/** On a task that was taken from its node though it ran well: why. */
export const EVICTED_LABEL = "tswarm.evicted";

/** Messages that say nothing which the state does not say. */
const PLAIN: ReadonlySet<string> = new Set(["", "created", "started", "waits for a node"]);

/**
 * Why a task is not where it shall be: its error; why it was taken from its node; else what it waits for, while it is with no node.
 * Empty when all is well.
 */
export function taskTrouble({ status, annotations, desiredState }: Task): string {
  const state = status?.state ?? TaskState.NEW;
  if (status?.err) return status.err;
  const evicted = annotations?.labels[EVICTED_LABEL];
  if (evicted) return evicted;
  const message = status?.message ?? "";
  const waits = state < TaskState.ASSIGNED && desiredState <= TaskState.COMPLETE;
  return waits && !PLAIN.has(message) ? message : "";
}
