import type { Duration } from "../../api/generated/google/protobuf/duration.js";
import { UsageError } from "../failure.js";

const UNIT_NANOS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const NANOS_PER_SECOND = 1_000_000_000n;
/** Go's time.Duration is an int64 of nanoseconds, so servers refuse more. */
const MAX_NANOS = 2n ** 63n - 1n;

/**
 * Reads a duration as Go's time.ParseDuration does: `10s`, `1m30s`, `1.5h`, `0`.
 * @throws UsageError when it is malformed, negative or longer than 292 years
 */
export function parseDuration(text: string, flag: string): Duration {
  const total = text === "0" ? 0n : sumParts(text);
  if (total === undefined || total > MAX_NANOS) {
    throw new UsageError(`${flag}: "${text}" is not a duration: write numbers with units, such as 500ms, 10s or 1m30s`);
  }
  return { seconds: Number(total / NANOS_PER_SECOND), nanos: Number(total % NANOS_PER_SECOND) };
}

function sumParts(text: string): bigint | undefined {
  if (!/^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/u.test(text)) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of text.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/gu)) {
    const nanos = UNIT_NANOS[unit]!;
    total += BigInt(whole || "0") * nanos;
    if (fraction !== "") total += (BigInt(fraction) * nanos) / 10n ** BigInt(fraction.length);
  }
  return total;
}

/** Writes a duration as Go does, `1m30s`. */
export function formatDuration(duration: Duration): string {
  const nanos = BigInt(duration.seconds) * NANOS_PER_SECOND + BigInt(duration.nanos);
  if (nanos === 0n) return "0s";
  if (nanos < NANOS_PER_SECOND) {
    for (const unit of ["ms", "µs"]) {
      if (nanos >= UNIT_NANOS[unit]!) return decimal(nanos, UNIT_NANOS[unit]!) + unit;
    }
    return `${nanos}ns`;
  }
  const hours = nanos / UNIT_NANOS.h!;
  const minutes = (nanos / UNIT_NANOS.m!) % 60n;
  const seconds = nanos % UNIT_NANOS.m!;
  const parts: string[] = [];
  if (hours > 0n) parts.push(`${hours}h`);
  if (minutes > 0n) parts.push(`${minutes}m`);
  if (seconds > 0n) parts.push(`${decimal(seconds, NANOS_PER_SECOND)}s`);
  return parts.join("");
}

/** What was measured, with three digits: "3.89ms", "12.3ms", "1.02s". */
export function formatMeasured({ seconds, nanos }: Duration): string {
  const ms = seconds * 1000 + nanos / 1e6;
  if (ms >= 1000) return `${Number((ms / 1000).toPrecision(3))}s`;
  return ms >= 1 || ms === 0 ? `${Number(ms.toPrecision(3))}ms` : `${Number((ms * 1000).toPrecision(3))}µs`;
}

/** Milliseconds, rounded up. */
export function durationMs(duration: Duration): number {
  return duration.seconds * 1000 + Math.ceil(duration.nanos / 1e6);
}

function decimal(value: bigint, unit: bigint): string {
  const rest = (value % unit)
    .toString()
    .padStart(unit.toString().length - 1, "0")
    .replace(/0+$/, "");
  return rest === "" ? `${value / unit}` : `${value / unit}.${rest}`;
}
