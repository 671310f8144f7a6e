/** How a service's update, or the rollback that is in progress, is to go. */
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  type UpdateConfig_FailureAction as FailureAction,
  type UpdateConfig_UpdateOrder as UpdateOrder,
  UpdateStatus_UpdateState as UpdateState,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { durationMs } from "../../api/time.js";
import { DEFAULT_UPDATE } from "./defaults.js";
import { progressDeadlineMs } from "./progress-deadline.js";

export interface UpdateSettings {
  /** Slots at a time; infinite for all. */
  readonly parallelism: number;
  /** Pause after a slot, before its place is free for the next. */
  readonly delayMs: number;
  /** So long after it came up a task that ends has failed. */
  readonly monitorMs: number;
  readonly failureAction: FailureAction;
  /** More failed slots than this share of all end the update. */
  readonly maxFailureRatio: number;
  readonly order: UpdateOrder;
  /** So long the update may make no progress; may be infinite. */
  readonly deadlineMs: number;
}

export function updateSettings(service: Service): UpdateSettings {
  const { spec, updateStatus } = service;
  const isRollback =
    updateStatus?.state === UpdateState.ROLLBACK_STARTED || updateStatus?.state === UpdateState.ROLLBACK_PAUSED;
  const config = (isRollback ? spec?.rollback : spec?.update) ?? DEFAULT_UPDATE;
  return {
    parallelism: config.parallelism === 0 ? Number.POSITIVE_INFINITY : config.parallelism,
    delayMs: durationMs(config.delay, 0),
    monitorMs: durationMs(config.monitor, durationMs(DEFAULT_UPDATE.monitor, 0)),
    failureAction: config.failureAction,
    maxFailureRatio: config.maxFailureRatio,
    order: config.order,
    deadlineMs: progressDeadlineMs(service),
  };
}
