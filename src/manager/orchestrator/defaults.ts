/** What a specification means where it says nothing. */
import type { TaskSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import {
  UpdateConfig_FailureAction as FailureAction,
  RestartPolicy_RestartCondition as RestartCondition,
  type RestartPolicy,
  type UpdateConfig,
  UpdateConfig_UpdateOrder as UpdateOrder,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { ProcessSpec } from "../../api/generated/tswarm/v1/process.js";
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

const DEFAULT_STOP_GRACE_MS = 10_000;
const graces = new WeakMap<TaskSpec, number>();

/** How long a task may take to stop, in milliseconds. */
export function stopGraceMs(spec: TaskSpec | undefined): number {
  if (!spec) return DEFAULT_STOP_GRACE_MS;
  let ms = graces.get(spec);
  if (ms === undefined) {
    ms = readStopGraceMs(spec);
    graces.set(spec, ms);
  }
  return ms;
}

function readStopGraceMs({ runtime }: TaskSpec): number {
  if (runtime?.$case === "container") return durationMs(runtime.value.stopGracePeriod, DEFAULT_STOP_GRACE_MS);
  if (runtime?.$case !== "generic" || runtime.value.kind !== "process") return DEFAULT_STOP_GRACE_MS;
  try {
    const { stopGracePeriod } = ProcessSpec.decode(runtime.value.payload?.value ?? new Uint8Array());
    return durationMs(stopGracePeriod, DEFAULT_STOP_GRACE_MS);
  } catch {
    // What cannot be read cannot be run either: its node says so.
    return DEFAULT_STOP_GRACE_MS;
  }
}
