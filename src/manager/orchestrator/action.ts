/** What orchestrators ask of the store. */
import type { TaskState, UpdateStatus } from "../../api/generated/docker/swarmkit/v1/types.js";

export type Action =
  /** A new task of the service. */
  | {
      readonly kind: "create";
      readonly slot: number;
      /** Given for a global service: the task is for this node. */
      readonly nodeId: string;
      /** READY waits for its start, RUNNING starts as soon as it can. */
      readonly desiredState: TaskState.READY | TaskState.RUNNING;
    }
  | { readonly kind: "desire"; readonly taskId: string; readonly desiredState: TaskState }
  | { readonly kind: "delete"; readonly taskId: string }
  | { readonly kind: "update-status"; readonly status: UpdateStatus };

/** Actions that belong into one transaction. */
export type Step = readonly Action[];

export interface Outcome {
  readonly steps: readonly Step[];
  /** When to look again though nothing changes, in milliseconds since 1970. */
  readonly wakeAtMs?: number;
}

export const NOTHING: Outcome = { steps: [] };

export function merge(outcomes: readonly Outcome[]): Outcome {
  const times = outcomes.flatMap(({ wakeAtMs }) => wakeAtMs ?? []);
  return {
    steps: outcomes.flatMap(({ steps }) => steps),
    ...(times.length > 0 ? { wakeAtMs: Math.min(...times) } : {}),
  };
}

export function desire(taskId: string, desiredState: TaskState): Action {
  return { kind: "desire", taskId, desiredState };
}
