/**
 * A leader that brings nothing through, though others hear it, is a fault that none of the members sees: it hands over. What is applied is
 * both committed and on this member's disk, so a disk that hangs shows as well.
 */
export class Wedge {
  readonly #patienceTicks: number;
  #stuckTicks = 0;
  #ticksSinceHandover = Number.POSITIVE_INFINITY;
  #applied = 0;

  constructor(patienceTicks: number) {
    this.#patienceTicks = patienceTicks;
  }

  /** @returns whether to hand over now */
  tick(isLeading: boolean, applied: number, lastIndex: number): boolean {
    this.#ticksSinceHandover++;
    if (!isLeading || applied !== this.#applied || applied === lastIndex) {
      this.#applied = applied;
      this.#stuckTicks = 0;
      return false;
    }
    this.#stuckTicks++;
    if (this.#stuckTicks < this.#patienceTicks || this.#ticksSinceHandover < 2 * this.#patienceTicks) return false;
    this.#stuckTicks = 0;
    this.#ticksSinceHandover = 0;
    return true;
  }
}
