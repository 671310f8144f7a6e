/** What orchestrators ask of the store. */
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { TaskState, UpdateStatus } from "../../api/generated/docker/swarmkit/v1/types.js";

/** What is noted on a task beside its state; see task-marks.ts. */
export type Labels = Readonly<Record<string, string>>;

export type Action =
  /** A new task of the service, as its specification is then. */
  | {
      readonly kind: "create";
      readonly slot: number;
      /** Given for a global service: the task is for this node. */
      readonly nodeId: string;
      /** READY waits for its start; RUNNING, or COMPLETE for a job, starts as soon as it can. */
      readonly desiredState: TaskState.READY | TaskState.RUNNING | TaskState.COMPLETE;
      readonly labels?: Labels;
    }
  /** A desired state only ever rises. */
  | {
      readonly kind: "desire";
      readonly taskId: string;
      readonly desiredState: TaskState;
      readonly labels?: Labels;
      /** For people: takes the place of the status message. */
      readonly message?: string;
    }
  /** The task is to stop and to be forgotten; one of which nothing runs is forgotten at once. */
  | { readonly kind: "remove"; readonly taskId: string }
  | { readonly kind: "delete"; readonly taskId: string }
  /** Why a task waits, for people. */
  | { readonly kind: "explain"; readonly taskId: string; readonly message: string }
  /** Void when the service has got another specification or status since it was looked at. */
  | { readonly kind: "update-status"; readonly status: UpdateStatus; readonly of: Service }
  /** The same, and the service gets its previous specification back. */
  | { readonly kind: "roll-back"; readonly status: UpdateStatus; readonly of: Service };

/** Actions that belong into one transaction. */
export type Step = readonly Action[];

export interface Outcome {
  readonly steps: readonly Step[];
  /** When to look again though nothing changes, in milliseconds since 1970. */
  readonly wakeAtMs?: number;
}

export const NOTHING: Outcome = { steps: [] };

export function desire(taskId: string, desiredState: TaskState, labels?: Labels): Action {
  return { kind: "desire", taskId, desiredState, ...(labels ? { labels } : {}) };
}
