import {
  RestartPolicy_RestartCondition as Condition,
  UpdateConfig_FailureAction as FailureAction,
  UpdateConfig_UpdateOrder as Order,
  type ResourceRequirements,
  type Resources,
  type RestartPolicy,
  type UpdateConfig,
} from "../../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../../failure.js";
import type { FlagReader } from "../../flag-reader.js";
import {
  formatCpus,
  formatSize,
  oneOf,
  parseCpus,
  parseMemory,
  parseRatio,
  parseSize,
  parseWhole,
} from "../../values/amount.js";
import { parseDuration } from "../../values/duration.js";
import { readGenericEdit } from "./generic-resource.js";
import { withoutUndefined } from "./runtime.js";

const CONDITIONS = { none: Condition.NONE, "on-failure": Condition.ON_FAILURE, any: Condition.ANY } as const;
const ORDERS = { "stop-first": Order.STOP_FIRST, "start-first": Order.START_FIRST } as const;
const UPDATE_ACTIONS = {
  pause: FailureAction.PAUSE,
  continue: FailureAction.CONTINUE,
  rollback: FailureAction.ROLLBACK,
} as const;
const ROLLBACK_ACTIONS = { pause: FailureAction.PAUSE, continue: FailureAction.CONTINUE } as const;

/** What the cluster takes when a service says nothing; sent as soon as a service says something. */
const DEFAULT_RESTART: RestartPolicy = {
  condition: Condition.ANY,
  delay: { seconds: 5, nanos: 0 },
  maxAttempts: 0,
  window: undefined,
};
const DEFAULT_UPDATE: UpdateConfig = {
  parallelism: 1,
  delay: undefined,
  failureAction: FailureAction.PAUSE,
  monitor: { seconds: 5, nanos: 0 },
  maxFailureRatio: 0,
  order: Order.STOP_FIRST,
};

/** Changes one part of a service; undefined stays undefined when nothing was asked. */
export type Edit<T> = (current: T | undefined) => T | undefined;

/** Reads --restart-*. @throws UsageError */
export function readRestartEdit(flags: FlagReader): Edit<RestartPolicy> {
  const given = withoutUndefined({
    condition: flags.value("--restart-condition", word(CONDITIONS)),
    delay: flags.value("--restart-delay", parseDuration),
    maxAttempts: flags.value("--restart-max-attempts", parseWhole),
    window: flags.value("--restart-window", parseDuration),
  });
  return over(DEFAULT_RESTART, given);
}

/** Reads --update-* or --rollback-*. @throws UsageError */
export function readUpdateEdit(flags: FlagReader, prefix: "update" | "rollback"): Edit<UpdateConfig> {
  const given = withoutUndefined({
    parallelism: flags.value(`--${prefix}-parallelism`, parseWhole),
    delay: flags.value(`--${prefix}-delay`, parseDuration),
    failureAction: flags.value(
      `--${prefix}-failure-action`,
      word<FailureAction>(prefix === "update" ? UPDATE_ACTIONS : ROLLBACK_ACTIONS),
    ),
    monitor: flags.value(`--${prefix}-monitor`, parseDuration),
    maxFailureRatio: flags.value(`--${prefix}-max-failure-ratio`, parseRatio),
    order: flags.value(`--${prefix}-order`, word(ORDERS)),
  });
  return over(DEFAULT_UPDATE, given);
}

/** Reads --limit-*, --reserve-* and --generic-resource*. @throws UsageError */
export function readResourceEdit(flags: FlagReader): Edit<ResourceRequirements> {
  const limits = amounts(flags, "limit");
  const reservations = amounts(flags, "reserve");
  const generic = readGenericEdit(flags);
  const swap = withoutUndefined({
    swapBytes: flags.value("--memory-swap", parseSwap),
    memorySwappiness: flags.value("--memory-swappiness", parseSwappiness),
  });
  const asksForGeneric = GENERIC_FLAGS.some((flag) => flags.has(flag));
  return (current) => {
    const asked = [limits, reservations, swap].some((part) => Object.keys(part).length > 0);
    if (!asked && !asksForGeneric) return current;
    const result: ResourceRequirements = {
      swapBytes: undefined,
      memorySwappiness: undefined,
      ...current,
      ...swap,
      limits: { ...NO_RESOURCES, ...current?.limits, ...limits },
      reservations: {
        ...NO_RESOURCES,
        ...current?.reservations,
        ...reservations,
        generic: generic(current?.reservations?.generic ?? []),
      },
    };
    refuseMoreReservedThanAllowed(result.limits!, result.reservations!);
    if (swap.swapBytes !== undefined && result.limits!.memoryBytes === 0) {
      throw new UsageError("--memory-swap: it comes on top of a memory limit: give --limit-memory too");
    }
    return result;
  };
}

const GENERIC_FLAGS = ["--generic-resource", "--generic-resource-add", "--generic-resource-rm"];
const NO_RESOURCES: Resources = { nanoCpus: 0, memoryBytes: 0, generic: [] };

function amounts(flags: FlagReader, prefix: "limit" | "reserve"): Partial<Resources> {
  return withoutUndefined({
    nanoCpus: flags.value(`--${prefix}-cpu`, orNone(parseCpus)),
    memoryBytes: flags.value(`--${prefix}-memory`, orNone(parseMemory)),
  });
}

function refuseMoreReservedThanAllowed(limits: Resources, reservations: Resources): void {
  if (limits.memoryBytes > 0 && reservations.memoryBytes > limits.memoryBytes) {
    throw new UsageError(
      `--reserve-memory: ${formatSize(reservations.memoryBytes)} is more than the limit of ${formatSize(limits.memoryBytes)}`,
    );
  }
  if (limits.nanoCpus > 0 && reservations.nanoCpus > limits.nanoCpus) {
    throw new UsageError(
      `--reserve-cpu: ${formatCpus(reservations.nanoCpus)} is more than the limit of ${formatCpus(limits.nanoCpus)}`,
    );
  }
}

function parseSwap(text: string, flag: string): number {
  return text === "-1" ? -1 : parseSize(text, flag);
}

function parseSwappiness(text: string, flag: string): number {
  return text === "-1" ? -1 : parseWhole(text, flag, 0, 100);
}

/** 0 takes a limit or reservation away. */
function orNone(parse: (text: string, flag: string) => number): (text: string, flag: string) => number {
  return (text, flag) => (text === "0" ? 0 : parse(text, flag));
}

function word<T>(choices: Readonly<Record<string, T>>): (text: string, flag: string) => T {
  return (text, flag) => choices[oneOf(...Object.keys(choices))(text, flag)]!;
}

function over<T extends object>(defaults: T, given: Partial<T>): Edit<T> {
  return (current) => (Object.keys(given).length === 0 ? current : { ...(current ?? defaults), ...given });
}
