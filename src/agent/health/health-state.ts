/** How healthy a task is, by Docker's rules: what a check makes of it, and when the next one is due. Pure. */
import type { HealthTimes } from "./health-spec.js";

export type HealthState =
  /** Never healthy yet. */
  | { readonly phase: "starting"; readonly failures: number }
  /** With so many failures in a row since. */
  | { readonly phase: "healthy"; readonly failures: number }
  /** For good: such a task is stopped. */
  | { readonly phase: "unhealthy"; readonly failures: number };

/** @param beganMs when the check began, counted from the task's start */
export function afterCheck(
  { phase, failures }: HealthState,
  { retries, startPeriodMs }: HealthTimes,
  isGood: boolean,
  beganMs: number,
): HealthState {
  if (phase === "unhealthy") return { phase, failures };
  if (isGood) return { phase: "healthy", failures: 0 };
  if (phase === "starting" && beganMs < startPeriodMs) return { phase, failures };
  return { phase: failures + 1 >= retries ? "unhealthy" : phase, failures: failures + 1 };
}

/** @param nowMs counted from the task's start @returns how long to wait before the next check */
export function pauseMs({ phase }: HealthState, times: HealthTimes, nowMs: number): number {
  return phase === "starting" && nowMs < times.startPeriodMs ? times.startIntervalMs : times.intervalMs;
}
