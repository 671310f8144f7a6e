/** One timer for many deadlines. */
import type { Clock } from "../../store/clock.js";

/** Timers hold no more than some weeks. */
const MAX_SLEEP_MS = 3_600_000;

export class WakeUp {
  readonly #clock: Clock;
  readonly #action: (nowMs: number, lateMs: number) => void;
  #atMs: number | undefined;
  #cancel: () => void = () => {};

  /** @param action gets the time, and by how much it comes too late: a machine that slept, or was held up, calls late */
  constructor(clock: Clock, action: (nowMs: number, lateMs: number) => void) {
    this.#clock = clock;
    this.#action = action;
  }

  /** @param atMs undefined: not at all */
  set(atMs: number | undefined): void {
    if (atMs === this.#atMs) return;
    this.#cancel();
    this.#atMs = atMs;
    if (atMs === undefined) return;
    const delayMs = Math.min(Math.max(0, atMs - this.#clock.now()), MAX_SLEEP_MS);
    const wakeMs = this.#clock.now() + delayMs;
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#atMs = undefined;
      this.#cancel = () => {};
      const nowMs = this.#clock.now();
      this.#action(nowMs, nowMs - wakeMs);
    });
  }

  stop(): void {
    this.#cancel();
    this.#cancel = () => {};
    this.#atMs = undefined;
  }
}
