import type { Timestamp } from "../../api/generated/google/protobuf/timestamp.js";
import { timestampMs } from "../../api/time.js";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A span of time as people say it: `5 seconds`, `about a minute`, `3 hours`. */
export function humanSpan(spanMs: number): string {
  if (spanMs < SECOND_MS) return "less than a second";
  if (spanMs < 2 * SECOND_MS) return "1 second";
  if (spanMs < MINUTE_MS) return `${Math.floor(spanMs / SECOND_MS)} seconds`;
  if (spanMs < 2 * MINUTE_MS) return "about a minute";
  if (spanMs < HOUR_MS) return `${Math.floor(spanMs / MINUTE_MS)} minutes`;
  if (spanMs < 2 * HOUR_MS) return "about an hour";
  if (spanMs < 2 * DAY_MS) return `${Math.floor(spanMs / HOUR_MS)} hours`;
  if (spanMs < 14 * DAY_MS) return `${Math.floor(spanMs / DAY_MS)} days`;
  if (spanMs < 60 * DAY_MS) return `${Math.floor(spanMs / (7 * DAY_MS))} weeks`;
  if (spanMs < 730 * DAY_MS) return `${Math.floor(spanMs / (30 * DAY_MS))} months`;
  return `${Math.floor(spanMs / (365 * DAY_MS))} years`;
}

/** `5 seconds ago`; empty for a time that was never set. A clock ahead of ours counts as now. */
export function timeAgo(timestamp: Timestamp | undefined, nowMs: number): string {
  if (timestamp === undefined) return "";
  return `${humanSpan(Math.max(0, nowMs - timestampMs(timestamp)))} ago`;
}

/** ISO 8601 in UTC; empty for a time that was never set. */
export function timestampText(timestamp: Timestamp | undefined): string {
  return timestamp === undefined ? "" : new Date(timestampMs(timestamp)).toISOString();
}
