/** Gathers what happens within a few milliseconds into one action. Pacing of I/O only: no decision depends on it. */
export class Coalescer {
  readonly #delayMs: number;
  readonly #action: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(delayMs: number, action: () => void) {
    this.#delayMs = delayMs;
    this.#action = action;
  }

  /** Runs the action `delayMs` after the first call since it last ran. */
  trigger(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#action();
    }, this.#delayMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
