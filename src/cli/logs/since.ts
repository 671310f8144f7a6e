import type { Timestamp } from "../../api/generated/google/protobuf/timestamp.js";
import { nanosOf, timestampOfNanos } from "../../api/logs/log-time.js";
import { timestampOf } from "../../api/time.js";
import { UsageError } from "../failure.js";
import { parseDuration } from "../values/duration.js";

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(:\d{2})?(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?)?$/;
const UNIX = /^(\d{1,11})(?:\.(\d{1,9}))?$/;

/**
 * Reads a point in time as Docker does: RFC 3339 (also without seconds, time or zone, which then is that of this host), seconds since 1970,
 * or how long ago.
 * @throws UsageError
 */
export function parseSince(text: string, flag: string, nowMs: number): Timestamp {
  const unix = UNIX.exec(text);
  if (unix) return { seconds: Number(unix[1]), nanos: nanosOfFraction(unix[2]) };
  const date = RFC_3339.exec(text);
  if (date) {
    const [, day, minutes = "00:00", seconds = ":00", fraction, zone = ""] = date;
    const ms = Date.parse(`${day}T${minutes}${seconds}${zone}`);
    if (!Number.isNaN(ms) && ms >= 0) return { seconds: Math.floor(ms / 1000), nanos: nanosOfFraction(fraction) };
  } else {
    try {
      const ago = parseDuration(text, flag);
      const nanos = nanosOf(timestampOf(nowMs)) - nanosOf(ago);
      return timestampOfNanos(nanos > 0n ? nanos : 0n);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  }
  throw new UsageError(
    `${flag}: "${text}" is no point in time: write 2026-01-31T12:00:00Z, seconds since 1970, or how long ago, such as 10m`,
  );
}

function nanosOfFraction(fraction: string | undefined): number {
  return Number((fraction ?? "").padEnd(9, "0"));
}
