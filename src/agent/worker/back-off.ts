/** Pauses between tries: doubling from 100 ms to 8 s, each drawn between half and the whole of it. */

export const FIRST_PAUSE_MS = 100;
export const LONGEST_PAUSE_MS = 8000;

/**
 * @param attempt 0 for the pause after the first failure
 * @param random between 0 and 1
 */
export function backOffMs(attempt: number, random: number, longestMs = LONGEST_PAUSE_MS): number {
  const upperMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(attempt, 30), longestMs);
  return upperMs * (0.5 + random / 2);
}
