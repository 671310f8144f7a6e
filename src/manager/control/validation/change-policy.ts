/** How a service is updated, rolled back and restarted: what the numbers may be. */
import {
  UpdateConfig_FailureAction as FailureAction,
  RestartPolicy_RestartCondition as RestartCondition,
  type RestartPolicy,
  type UpdateConfig,
  UpdateConfig_UpdateOrder as UpdateOrder,
} from "../../../api/generated/docker/swarmkit/v1/types.js";
import type { Duration } from "../../../api/generated/google/protobuf/duration.js";
import { invalidArgument } from "../../../api/status-error.js";
import { durationMs } from "../../../api/time.js";

const CONDITIONS: readonly number[] = [RestartCondition.NONE, RestartCondition.ON_FAILURE, RestartCondition.ANY];
const ORDERS: readonly number[] = [UpdateOrder.STOP_FIRST, UpdateOrder.START_FIRST];
const UPDATE_ACTIONS: readonly number[] = [FailureAction.PAUSE, FailureAction.CONTINUE, FailureAction.ROLLBACK];
const ROLLBACK_ACTIONS: readonly number[] = [FailureAction.PAUSE, FailureAction.CONTINUE];

/** The rollback's numbers have the update's limits. @throws StatusError (INVALID_ARGUMENT) */
export function checkUpdate(config: UpdateConfig | undefined, name: "update" | "rollback"): void {
  if (!config) return;
  checkDuration(config.delay, `${name}-delay`);
  checkDuration(config.monitor, `${name}-monitor`);
  if (!(config.maxFailureRatio >= 0 && config.maxFailureRatio <= 1)) {
    throw invalidArgument(`TaskSpec: ${name}-maxfailureratio cannot be less than 0 or bigger than 1`);
  }
  if (!ORDERS.includes(config.order)) {
    throw invalidArgument(`TaskSpec: ${name}-order must be stop-first or start-first`);
  }
  const isUpdate = name === "update";
  if (!(isUpdate ? UPDATE_ACTIONS : ROLLBACK_ACTIONS).includes(config.failureAction)) {
    throw invalidArgument(
      `TaskSpec: ${name}-failure-action must be pause${isUpdate ? ", continue or rollback" : " or continue"}`,
    );
  }
}

/** @throws StatusError (INVALID_ARGUMENT) */
export function checkRestart(policy: RestartPolicy | undefined): void {
  if (!policy) return;
  checkDuration(policy.delay, "restart-delay");
  checkDuration(policy.window, "restart-window");
  if (!CONDITIONS.includes(policy.condition)) {
    throw invalidArgument("TaskSpec: restart-condition must be none, on-failure or any");
  }
}

/** @throws StatusError (INVALID_ARGUMENT) */
export function checkDuration(duration: Duration | undefined, name: string): void {
  if (durationMs(duration, 0) < 0) throw invalidArgument(`TaskSpec: ${name} cannot be negative`);
}
