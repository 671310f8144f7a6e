/** What a manager can do at present, and what callers are told of what it cannot. */
import { failedPrecondition, type StatusError, unavailable } from "../../api/status-error.js";

export type Phase =
  /** It reads its log, or asks to be taken in. */
  | "starting"
  /** It waits for the unlock key. */
  | "locked"
  | "running"
  /** It was taken out of the cluster's managers. */
  | "removed"
  | "stopping";

export const LOCKED_TEXT =
  'Swarm is encrypted and needs to be unlocked before it can be used. Please use "tsctl unlock" to unlock it.';

const REFUSALS: Readonly<Record<Exclude<Phase, "running">, StatusError>> = {
  starting: unavailable("this manager is starting: it reads its log, or waits to be taken into the cluster"),
  locked: failedPrecondition(LOCKED_TEXT),
  removed: unavailable("this manager was removed from the cluster"),
  stopping: unavailable("the manager is stopping"),
};

/** @returns undefined while it runs */
export function refusalOf(phase: Phase): StatusError | undefined {
  return phase === "running" ? undefined : REFUSALS[phase];
}
