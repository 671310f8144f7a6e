import { HOST, type Place } from "./kernel-objects.js";
import { describeStep, type Step } from "./steps.js";

/** A step that the kernel refused, or that was left out because of one that it had refused. */
export interface StepFailure {
  readonly step: Step;
  readonly place: Place;
  /** Symbolic errno, such as `EEXIST`; absent for a step that was left out. */
  readonly code?: string;
  /** What was tried, on what, where, and what the kernel answered. */
  readonly text: string;
}

export interface ApplyReport {
  /** Steps that were carried out. */
  readonly done: number;
  readonly failures: readonly StepFailure[];
}

export function refusal(step: Step, error: Error, advice = ""): StepFailure {
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return {
    step,
    place: step.place,
    ...(code === undefined ? {} : { code }),
    text: `${describeStep(step)}: ${error.message}${advice}`,
  };
}

export function leftOut(step: Step, cause: string): StepFailure {
  return { step, place: step.place, text: `${describeStep(step)}: left out, because there is no ${cause}` };
}

export function describePlace(place: Place): string {
  return place === HOST ? "the host's namespace" : `namespace ${place}`;
}
