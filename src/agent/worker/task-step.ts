/**
 * The life of a task on its node as a pure machine: what comes next, and what an outcome makes of the status.
 * States only ever rise; the rules are those of SwarmKit's agent.
 */
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";

export type ControllerCall = "prepare" | "start" | "wait" | "shutdown";

export type NextAction =
  /** Nothing to do until something changes. */
  | { readonly kind: "rest" }
  /** A change of state that needs no work. */
  | { readonly kind: "advance"; readonly state: TaskState; readonly message: string }
  | { readonly kind: "call"; readonly call: ControllerCall };

export type CallOutcome =
  | { readonly kind: "done" }
  /** No new try can help. */
  | { readonly kind: "fatal"; readonly error: string }
  | { readonly kind: "temporary"; readonly error: string }
  /** Broken off, because something else is wanted now or time was up: says nothing about the task. */
  | { readonly kind: "interrupted" };

export interface StepStatus {
  readonly state: TaskState;
  readonly message: string;
  readonly err: string;
}

export interface StepResult {
  /** "retry": the same action is due again, after a pause. */
  readonly result: "advanced" | "retry";
  readonly status: StepStatus;
}

const REST: NextAction = { kind: "rest" };

export function nextAction(desired: TaskState, state: TaskState): NextAction {
  if (state >= TaskState.COMPLETE) return REST;
  if (desired >= TaskState.SHUTDOWN) return { kind: "call", call: "shutdown" };
  if (state < TaskState.ACCEPTED) return { kind: "advance", state: TaskState.ACCEPTED, message: "accepted" };
  if (state < TaskState.PREPARING) return { kind: "advance", state: TaskState.PREPARING, message: "preparing" };
  if (state < TaskState.READY) return { kind: "call", call: "prepare" };
  // A task that is to wait in READY, so that it can take another one's place at once, goes no further by itself.
  if (desired < TaskState.RUNNING) return REST;
  if (state < TaskState.STARTING) return { kind: "advance", state: TaskState.STARTING, message: "starting" };
  return { kind: "call", call: state < TaskState.RUNNING ? "start" : "wait" };
}

const reached: Readonly<Record<ControllerCall, { readonly state: TaskState; readonly message: string }>> = {
  prepare: { state: TaskState.READY, message: "prepared" },
  start: { state: TaskState.RUNNING, message: "started" },
  wait: { state: TaskState.COMPLETE, message: "finished" },
  shutdown: { state: TaskState.SHUTDOWN, message: "shutdown" },
};

export function applyOutcome(status: StepStatus, call: ControllerCall, outcome: CallOutcome): StepResult {
  switch (outcome.kind) {
    case "done":
      return { result: "advanced", status: { ...reached[call], err: "" } };
    case "fatal":
      return { result: "advanced", status: { ...status, state: failureState(status.state), err: outcome.error } };
    case "temporary":
      return { result: "retry", status: { ...status, err: outcome.error } };
    case "interrupted":
      return { result: "retry", status };
  }
}

/** The status of a task for which a controller was sought. @param error why there is none */
export function resolveController(status: StepStatus, error: string | undefined): StepStatus {
  if (error !== undefined) {
    return { state: failureState(status.state), message: "resolving controller failed", err: error };
  }
  if (status.state > TaskState.ASSIGNED) return status;
  return { state: TaskState.ACCEPTED, message: "accepted", err: "" };
}

/** A task that never started is rejected, one that did has failed, one that has ended stays as it ended. */
function failureState(state: TaskState): TaskState {
  if (state >= TaskState.COMPLETE) return state;
  return state < TaskState.STARTING ? TaskState.REJECTED : TaskState.FAILED;
}
