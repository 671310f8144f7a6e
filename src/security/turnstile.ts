/**
 * Lets those who come in a crowd go on a few at a time: so many in each turn of the event loop, in the order in which they came. A turn
 * with all of them would be long, and whatever else this process has to do, as beating for the others' leader, would come too late.
 */
export class Turnstile<T> {
  readonly #perTurn: number;
  readonly #pass: (one: T) => void;
  #waiting: T[] = [];
  /** Of those who wait, the first. */
  #next = 0;

  /** @param pass must not throw */
  constructor(perTurn: number, pass: (one: T) => void) {
    this.#perTurn = perTurn;
    this.#pass = pass;
  }

  /** Those who wait. */
  get size(): number {
    return this.#waiting.length - this.#next;
  }

  enter(one: T): void {
    this.#waiting.push(one);
    if (this.#waiting.length === 1) setImmediate(() => this.#turn());
  }

  #turn(): void {
    const end = Math.min(this.#next + this.#perTurn, this.#waiting.length);
    while (this.#next < end) this.#pass(this.#waiting[this.#next++]!);
    if (this.#next < this.#waiting.length) {
      setImmediate(() => this.#turn());
      return;
    }
    this.#waiting = [];
    this.#next = 0;
  }
}
