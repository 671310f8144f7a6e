/** Protobuf's times and durations as milliseconds. */
import type { Duration } from "./generated/google/protobuf/duration.js";
import type { Timestamp } from "./generated/google/protobuf/timestamp.js";

/** @param ms milliseconds since 1970 */
export function timestampOf(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.min(Math.round((ms - seconds * 1000) * 1e6), LAST_NANO) };
}

const LAST_NANO = 999_999_999;

/** Milliseconds since 1970; 0 for an absent time. */
export function timestampMs(timestamp: Timestamp | undefined): number {
  return timestamp === undefined ? 0 : timestamp.seconds * 1000 + timestamp.nanos / 1e6;
}

export function durationOf(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export function durationMs(duration: Duration | undefined, absentMs: number): number {
  return duration === undefined ? absentMs : duration.seconds * 1000 + duration.nanos / 1e6;
}
