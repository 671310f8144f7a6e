/** Ticks at their times. A process that stood still does not make up for it: what others sent meanwhile comes first. */
import type { Clock } from "./clock.js";

/** Ticks at once after a delay, so that small delays do not add up. */
const MAX_CATCH_UP = 2;

export class Ticker {
  readonly #clock: Clock;
  readonly #tick: () => void;
  #tickMs: number;
  #dueAt = 0;
  #cancel: (() => void) | undefined;
  #missed = 0;

  constructor(clock: Clock, tickMs: number, tick: () => void) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#tick = tick;
  }

  /** Ticks that never were, because the process stood still. */
  get missed(): number {
    return this.#missed;
  }

  get tickMs(): number {
    return this.#tickMs;
  }

  start(): void {
    this.#dueAt = this.#clock.now() + this.#tickMs;
    this.#arm();
  }

  setTickMs(tickMs: number): void {
    this.#tickMs = tickMs;
    if (this.#cancel) {
      this.#cancel();
      this.start();
    }
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    // Never longer than one tick, also when the clock was set back.
    const delayMs = Math.min(this.#tickMs, Math.max(0, this.#dueAt - this.#clock.now()));
    this.#cancel = this.#clock.after(delayMs, () => this.#fire());
  }

  #fire(): void {
    const now = this.#clock.now();
    const due = Math.max(1, 1 + Math.floor((now - this.#dueAt) / this.#tickMs));
    const ticks = Math.min(due, MAX_CATCH_UP);
    this.#missed += due - ticks;
    this.#dueAt = due > MAX_CATCH_UP || this.#dueAt > now ? now + this.#tickMs : this.#dueAt + due * this.#tickMs;
    this.#arm();
    for (let i = 0; i < ticks && this.#cancel; i++) this.#tick();
  }
}
