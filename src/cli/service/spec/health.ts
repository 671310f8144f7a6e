/** Health checks as flags say them, as docker's do. */
import type { HealthConfig } from "../../../api/generated/docker/swarmkit/v1/types.js";
import type { Duration } from "../../../api/generated/google/protobuf/duration.js";
import { UsageError } from "../../failure.js";
import { type FlagReader, nonEmpty } from "../../flag-reader.js";
import { parseWhole } from "../../values/amount.js";
import { formatDuration, parseDuration } from "../../values/duration.js";

const FLAGS = ["cmd", "interval", "timeout", "retries", "start-period", "start-interval"].map(
  (name) => `--health-${name}`,
);
const MOST_RETRIES = 2 ** 31 - 1;
const NONE: HealthConfig = {
  test: ["NONE"],
  interval: undefined,
  timeout: undefined,
  retries: 0,
  startPeriod: undefined,
  startInterval: undefined,
};

/** @param hasImage whether the test may be the image's */
export type HealthEdit = (current: HealthConfig | undefined, hasImage: boolean) => HealthConfig | undefined;

/** Reads --health-* and --no-healthcheck. @returns undefined when none was given @throws UsageError */
export function readHealthEdit(flags: FlagReader): HealthEdit | undefined {
  const given = FLAGS.find((flag) => flags.has(flag));
  if (flags.isFalse("--healthcheck")) {
    if (given) throw new UsageError(`--no-healthcheck: ${given} asks for a health check: leave one of them out`);
    return (_, hasImage) => (hasImage ? NONE : undefined);
  }
  if (given === undefined) return undefined;
  const command = flags.value("--health-cmd", nonEmpty);
  const asked = {
    ...(command === undefined ? {} : { test: ["CMD-SHELL", command] }),
    ...part("interval", flags.value("--health-interval", parseTime)),
    ...part("timeout", flags.value("--health-timeout", parseTime)),
    ...part("retries", flags.value("--health-retries", parseRetries)),
    ...part("startPeriod", flags.value("--health-start-period", parseTime)),
    ...part("startInterval", flags.value("--health-start-interval", parseTime)),
  };
  return (current, hasImage) => {
    const before = current?.test[0] === "NONE" ? { ...current, test: [] } : current;
    const health = { ...NONE, test: [], ...before, ...asked };
    if (health.test.length === 0 && !hasImage) {
      throw new UsageError(`${given}: the service has no health check: give --health-cmd too`);
    }
    return health;
  };
}

/** `curl -f localhost every 30s, …`; empty for none. */
export function healthText(health: HealthConfig | undefined): string {
  if (!health) return "";
  const [kind, ...words] = health.test;
  if (kind === "NONE") return "none";
  const times = (
    [
      ["every", health.interval],
      ["timeout", health.timeout],
      ["start period", health.startPeriod],
      ["start interval", health.startInterval],
    ] as const
  ).flatMap(([name, duration]) => (duration ? [`${name} ${formatDuration(duration)}`] : []));
  const retries = health.retries > 0 ? [`${health.retries} retries`] : [];
  return [kind === undefined ? "the image's" : words.join(" "), ...times, ...retries].join(", ");
}

function part<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [key in K]?: V };
}

/** The cluster takes no less than a millisecond, other than 0 for the default. */
function parseTime(text: string, flag: string): Duration {
  const duration = parseDuration(text, flag);
  if (duration.seconds === 0 && duration.nanos > 0 && duration.nanos < 1_000_000) {
    throw new UsageError(`${flag}: "${text}" is too short: it takes at least 1ms, or 0 for the default`);
  }
  return duration;
}

function parseRetries(text: string, flag: string): number {
  return parseWhole(text, flag, 0, MOST_RETRIES);
}
