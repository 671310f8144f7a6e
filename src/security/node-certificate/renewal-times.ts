/** When a certificate is renewed. Pure. As SwarmKit's `ca/renewer.go`. */

/** The part of its lifetime after which, at a random point, it is renewed: not all nodes at once. */
const EARLIEST = 0.5;
const LATEST = 0.8;

const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 3_600_000;

export interface Renewal {
  /** Milliseconds since 1970, as the certificate has it. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random: number;
}

/** @returns milliseconds from now; 0 when that point has passed */
export function nextRenewal({ notBeforeMs, notAfterMs, nowMs, random }: Renewal): number {
  const part = EARLIEST + (LATEST - EARLIEST) * random;
  const atMs = notBeforeMs + Math.max(0, notAfterMs - notBeforeMs) * part;
  return Math.max(0, atMs - nowMs);
}

/**
 * From half of 5 s, 10 s, 20 s … 1 h to the whole.
 * @param failures in a row, at least 1
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function retryDelay(failures: number, random: number): number {
  const most = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
  return most * (0.5 + 0.5 * random);
}
