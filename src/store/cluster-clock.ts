/**
 * The time that the cluster's objects are stamped with, and everything that is measured by those stamps. It never goes back, whoever
 * leads and whatever is done to a manager's clock: a leader whose clock is behind the one before would wait for hours for what was to
 * happen in seconds.
 *
 * Where it is ahead of this manager's clock it runs a little slower until that has caught up: what lasts five seconds takes six then.
 */
import type { Clock } from "./clock.js";

const PACE_WHEN_AHEAD = 0.8;
/** Stamps are a microsecond apart at least: where much is written at once they run ahead so far, and that is no time. */
const STAMPS_AHEAD_MS = 20;

export class ClusterClock implements Clock {
  readonly #clock: Clock;
  readonly #stampedMs: () => number;
  /** Of this manager's clock, at the last look. */
  #ownMs: number;
  #nowMs = 0;

  /** @param clock this manager's @param stampedMs the latest stamp in the store */
  constructor(clock: Clock, stampedMs: () => number) {
    this.#clock = clock;
    this.#stampedMs = stampedMs;
    this.#ownMs = clock.now();
  }

  /** Milliseconds since 1970. */
  now(): number {
    const ownMs = this.#clock.now();
    const passedMs = Math.max(0, ownMs - this.#ownMs);
    this.#ownMs = ownMs;
    this.#nowMs = Math.max(ownMs, this.#nowMs + passedMs * PACE_WHEN_AHEAD, this.#stampedMs() - STAMPS_AHEAD_MS);
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    return this.#clock.after(delayMs, action);
  }
}
