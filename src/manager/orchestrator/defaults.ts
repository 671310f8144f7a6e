/** What a specification means where it says nothing. */
import type { TaskSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import {
  UpdateConfig_FailureAction as FailureAction,
  RestartPolicy_RestartCondition as RestartCondition,
  type RestartPolicy,
  type UpdateConfig,
  UpdateConfig_UpdateOrder as UpdateOrder,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { durationMs } from "../../api/time.js";

export const DEFAULT_RESTART: RestartPolicy = {
  condition: RestartCondition.ANY,
  delay: { seconds: 5, nanos: 0 },
  maxAttempts: 0,
  window: undefined,
};

export const DEFAULT_UPDATE: UpdateConfig = {
  parallelism: 1,
  delay: undefined,
  failureAction: FailureAction.PAUSE,
  monitor: { seconds: 5, nanos: 0 },
  maxFailureRatio: 0,
  order: UpdateOrder.STOP_FIRST,
};

/** A restart policy in milliseconds. */
export interface RestartRules {
  readonly condition: RestartCondition;
  readonly delayMs: number;
  /** 0 for no limit. */
  readonly maxAttempts: number;
  /** Attempts count for so long; 0 for ever. */
  readonly windowMs: number;
}

export function restartRules(spec: TaskSpec | undefined): RestartRules {
  const policy = spec?.restart ?? DEFAULT_RESTART;
  return {
    condition: policy.condition,
    delayMs: durationMs(policy.delay, durationMs(DEFAULT_RESTART.delay, 0)),
    maxAttempts: policy.maxAttempts,
    windowMs: durationMs(policy.window, 0),
  };
}
