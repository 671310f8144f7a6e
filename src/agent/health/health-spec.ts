/** What a specification says of a health check, with Docker's defaults for what it leaves out. Pure. */
import type { HealthConfig } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Duration } from "../../api/generated/google/protobuf/duration.js";

export interface HealthTimes {
  /** From the end of a check to the next one. */
  readonly intervalMs: number;
  /** A check that takes longer has failed. */
  readonly timeoutMs: number;
  /** So many failures in a row make a task unhealthy. */
  readonly retries: number;
  /** For so long after its start, failures of a task that was never healthy do not count. */
  readonly startPeriodMs: number;
  /** Takes the interval's place within the start period, until the task is healthy. */
  readonly startIntervalMs: number;
}

export interface HealthSpec {
  readonly command: readonly [string, ...string[]];
  readonly times: HealthTimes;
}

const DEFAULTS: HealthTimes = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  retries: 3,
  startPeriodMs: 0,
  startIntervalMs: 5000,
};
/** What setTimeout can hold. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * @param fail called with a reason when there can never be such a check
 * @returns undefined for none, as with the test NONE
 */
export function readHealthSpec(
  config: HealthConfig | undefined,
  fail: (reason: string) => never,
): HealthSpec | undefined {
  const [kind, ...words] = config?.test ?? [];
  if (!config || kind === undefined || kind === "NONE") return undefined;
  const times: HealthTimes = {
    intervalMs: orDefault(config.interval, DEFAULTS.intervalMs),
    timeoutMs: orDefault(config.timeout, DEFAULTS.timeoutMs),
    retries: config.retries || DEFAULTS.retries,
    startPeriodMs: orDefault(config.startPeriod, DEFAULTS.startPeriodMs),
    startIntervalMs: orDefault(config.startInterval, DEFAULTS.startIntervalMs),
  };
  if (Object.values(times).some((value) => value < 0)) fail("a number of the health check is negative");
  if (words.some((word) => word.includes("\0"))) fail("a NUL character in the health check");
  const [program, ...args] = words;
  if (!program) return fail("the health check has no command");
  if (kind === "CMD") return { command: [program, ...args], times };
  if (kind !== "CMD-SHELL") return fail(`a health check begins with CMD, CMD-SHELL or NONE, not ${kind}`);
  if (args.length > 0) fail("a health check of kind CMD-SHELL is one line for the shell");
  return { command: ["/bin/sh", "-c", program], times };
}

/** Zero stands for the default, as in Docker. */
function orDefault(duration: Duration | undefined, defaultMs: number): number {
  const ms = duration ? duration.seconds * 1000 + Math.ceil(duration.nanos / 1e6) : 0;
  return ms === 0 ? defaultMs : Math.min(ms, LONGEST_MS);
}
