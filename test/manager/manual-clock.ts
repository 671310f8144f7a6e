/** A clock that stands still until a test moves it. */
import type { Clock } from "../../src/store/clock.js";

interface Alarm {
  readonly at: number;
  readonly action: () => void;
}

export class ManualClock implements Clock {
  #now: number;
  readonly #alarms = new Set<Alarm>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, action: () => void): () => void {
    const alarm: Alarm = { at: this.#now + delayMs, action };
    this.#alarms.add(alarm);
    // What is due already does not wait for the test.
    if (delayMs <= 0) setImmediate(() => this.#ring(alarm));
    return () => this.#alarms.delete(alarm);
  }

  /** Moves on, and rings what is due on the way in its order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#alarms].filter((alarm) => alarm.at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      this.#ring(next);
    }
    this.#now = end;
  }

  /** Time passes in which nothing runs, as when the machine was suspended; then all that is due rings. */
  sleep(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }

  #ring(alarm: Alarm): void {
    if (this.#alarms.delete(alarm)) alarm.action();
  }

  get pending(): number {
    return this.#alarms.size;
  }
}

/** Bytes that repeat for a seed. */
export function seededBytes(seed: number): (count: number) => Uint8Array {
  let state = seed >>> 0;
  return (count) =>
    Uint8Array.from({ length: count }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    });
}
