/**
 * What the updater must still know of its tasks after another manager took over, noted on the tasks themselves: which update
 * made a task, and whether it failed in the time in which that counts. Everything else follows from states and times.
 */
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { UpdateStatus_UpdateState as UpdateState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { timestampMs } from "../../api/time.js";
import type { Labels } from "./action.js";

const MADE_BY = "tswarm.update";
const FAILED_IN = "tswarm.update.failed";

/** The service's last update, by the moment of its beginning and the version that it brings, whether it is over or not. */
export function lastUpdate({ updateStatus, specVersion }: Service): string | undefined {
  if (!updateStatus?.startedAt) return undefined;
  return `${new Date(timestampMs(updateStatus.startedAt)).toISOString()} ${specVersion?.index ?? 0}`;
}

/** The update that is in progress. */
export function updateInProgress(service: Service): string | undefined {
  const state = service.updateStatus?.state;
  const isOn = state === UpdateState.UPDATING || state === UpdateState.ROLLBACK_STARTED;
  return isOn ? lastUpdate(service) : undefined;
}

export function madeBy(update: string): Labels {
  return { [MADE_BY]: update };
}

export function failedIn(update: string): Labels {
  return { [FAILED_IN]: update };
}

export function isMadeBy(task: Task, update: string): boolean {
  return task.annotations?.labels[MADE_BY] === update;
}

export function hasFailedIn(task: Task, update: string): boolean {
  return task.annotations?.labels[FAILED_IN] === update;
}

/** Made by an update, whichever: it begins anew with its restarts. */
export function isMadeByUpdate(task: Task): boolean {
  return task.annotations?.labels[MADE_BY] !== undefined;
}
