/** Lines that come from several nodes while they are written: held back for a moment, so that one that took longer finds its place. Pure. */
import type { LogMessage } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import { compareTimes } from "../../api/logs/log-time.js";

export const WINDOW_MS = 200;
/** Beyond it the oldest go out at once. */
const MAX_HELD = 4096;

interface Held {
  readonly message: LogMessage;
  readonly cameAtMs: number;
}

export class ReorderWindow {
  #held: Held[] = [];

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  push(messages: readonly LogMessage[], nowMs: number): void {
    for (const message of messages) this.#held.push({ message, cameAtMs: nowMs });
  }

  /** What has been held long enough, and all that is older by its own time; in the order of their times. */
  take(nowMs: number): LogMessage[] {
    // Sorting is stable: lines of the same time stay as they came.
    this.#held.sort((a, b) => compareTimes(a.message.timestamp, b.message.timestamp));
    let count = Math.max(0, this.#held.length - MAX_HELD);
    this.#held.forEach(({ cameAtMs }, at) => {
      if (cameAtMs <= nowMs - WINDOW_MS) count = Math.max(count, at + 1);
    });
    return this.#held.splice(0, count).map(({ message }) => message);
  }

  /** All that is held. */
  takeAll(): LogMessage[] {
    return this.take(Number.POSITIVE_INFINITY);
  }
}
