/** How many of a task's newest lines are wanted, as the number that SwarmKit's API has for it. */

/** All of them. */
export const TAIL_ALL = 0;

/** @param lines the newest so many of each task @returns −1 for none, −2 for one, … */
export function tailOf(lines: number): number {
  return -lines - 1;
}

/** @returns undefined for all */
export function linesOfTail(tail: number): number | undefined {
  return tail < 0 ? -tail - 1 : undefined;
}
