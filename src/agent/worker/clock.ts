/** Time, as the agent's parts are given it. */
import { setTimeout as sleep } from "node:timers/promises";

export interface Clock {
  /** Milliseconds since 1970, for people and other nodes: somebody may set it back, or far ahead. */
  now(): number;
  /** Milliseconds that only grow, as time passes; differences alone mean something. For all that waits or counts. */
  steady(): number;
  /** Resolves after so long, or as soon as the signal is aborted. */
  pause(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  async pause(durationMs, signal) {
    try {
      await sleep(durationMs, undefined, { signal });
    } catch (error) {
      if ((error as Error).name !== "AbortError") throw error;
    }
  },
};
