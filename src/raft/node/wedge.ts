/**
 * A leader that brings nothing through, though others hear it, is a fault that none of the members sees: it hands over. What is applied is
 * both committed and on this member's disk, so a disk that hangs shows as well.
 */
export class Wedge {
  #stuckTicks = 0;
  #ticksSinceHandover = Number.POSITIVE_INFINITY;
  #applied = 0;

  /** @param patienceTicks so long nothing may happen; it hands over half as often at most @returns whether to do so now */
  tick(patienceTicks: number, isLeading: boolean, applied: number, lastIndex: number): boolean {
    this.#ticksSinceHandover++;
    if (!isLeading || applied !== this.#applied || applied === lastIndex) {
      this.#applied = applied;
      this.#stuckTicks = 0;
      return false;
    }
    this.#stuckTicks++;
    if (this.#stuckTicks < patienceTicks || this.#ticksSinceHandover < 2 * patienceTicks) return false;
    this.#stuckTicks = 0;
    this.#ticksSinceHandover = 0;
    return true;
  }
}
