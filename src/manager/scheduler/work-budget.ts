/**
 * How much one slice of work may do before others have their turn, in units of roughly 0.1 µs: counted, not timed, so that decisions
 * do not depend on how fast the machine is.
 */
export class WorkBudget {
  #left: number;

  constructor(units: number) {
    this.#left = units;
  }

  static unlimited(): WorkBudget {
    return new WorkBudget(Number.POSITIVE_INFINITY);
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /** @returns whether there was anything left to spend from */
  spend(units: number): boolean {
    if (this.#left <= 0) return false;
    this.#left -= units;
    return true;
  }
}
