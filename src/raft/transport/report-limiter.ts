/** Lets a report through at once, and further ones no more often than once in an interval: the last is never lost. */
import type { TransportClock } from "./limits.js";

export class ReportLimiter {
  readonly #clock: TransportClock;
  readonly #intervalMs: number;
  readonly #report: () => void;
  #stopTimer: (() => void) | undefined;
  #isDue = false;

  constructor(clock: TransportClock, intervalMs: number, report: () => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#report = report;
  }

  report(): void {
    if (this.#stopTimer) {
      this.#isDue = true;
      return;
    }
    this.#stopTimer = this.#clock.after(this.#intervalMs, () => {
      this.#stopTimer = undefined;
      if (!this.#isDue) return;
      this.#isDue = false;
      this.report();
    });
    this.#report();
  }

  stop(): void {
    this.#stopTimer?.();
  }
}
