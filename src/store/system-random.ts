/** The system's randomness, fetched for many ids at once: a request of its own for each costs more than all else of an id. */
import { randomFillSync } from "node:crypto";

const POOL_BYTES = 4096;

const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/** Bytes that nobody had before and nobody gets again; what was handed out does not stay here. */
export function systemRandom(count: number): Uint8Array {
  if (count > POOL_BYTES) return randomFillSync(Buffer.alloc(count));
  if (used + count > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Buffer.from(pool.subarray(used, used + count));
  pool.fill(0, used, used + count);
  used += count;
  return bytes;
}
