/** Times of log lines, to the nanosecond: protobuf's timestamps compared, and as one number each. */
import type { Timestamp } from "../generated/google/protobuf/timestamp.js";

const NANOS_PER_SECOND = 1_000_000_000n;

/** An absent time comes first. */
export function compareTimes(a: Timestamp | undefined, b: Timestamp | undefined): number {
  return (a?.seconds ?? 0) - (b?.seconds ?? 0) || (a?.nanos ?? 0) - (b?.nanos ?? 0);
}

/** @param nanos since 1970 */
export function timestampOfNanos(nanos: bigint): Timestamp {
  return { seconds: Number(nanos / NANOS_PER_SECOND), nanos: Number(nanos % NANOS_PER_SECOND) };
}

/** Nanoseconds since 1970; 0 for an absent time. */
export function nanosOf(timestamp: Timestamp | undefined): bigint {
  return timestamp ? BigInt(timestamp.seconds) * NANOS_PER_SECOND + BigInt(timestamp.nanos) : 0n;
}
