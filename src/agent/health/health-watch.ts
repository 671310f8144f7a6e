/**
 * Checks a running task again and again, one check at a time. It says once when the task is healthy for the first time, and once
 * when it is unhealthy; after that it has ended.
 */
import type { Clock } from "../worker/clock.js";
import type { HealthTimes } from "./health-spec.js";
import { afterCheck, type HealthState, pauseMs } from "./health-state.js";
import { type CheckResult, notYetText, unhealthyText } from "./health-text.js";

/** A task's check, as whoever runs the task can do it. */
export interface HealthCheck {
  readonly times: HealthTimes;
  /** How long the task's command has run. */
  runsForMs(): number;
  /**
   * Does one check. Once `over` is aborted, all that the check has started is killed.
   * @throws Error when it could not be done, which counts as a failure
   */
  check(over: AbortSignal): Promise<CheckResult>;
  /** Lets go of what checks need. */
  close(): void;
}

export class HealthWatch {
  /** Resolves when the task is healthy. */
  readonly healthy: Promise<void>;
  /** Resolves with one line when the task is unhealthy. */
  readonly unhealthy: Promise<string>;
  readonly #check: HealthCheck;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  readonly #onNotYet: (reason: string) => void;
  #sayHealthy!: () => void;
  #sayUnhealthy!: (reason: string) => void;

  /**
   * @param phase "healthy" for a task that was found healthy by an earlier agent
   * @param onNotYet is told in one line why a task that was never healthy is not, after each check
   */
  constructor(
    check: HealthCheck,
    clock: Clock,
    phase: "starting" | "healthy",
    onNotYet: (reason: string) => void = () => {},
  ) {
    this.#check = check;
    this.#onNotYet = onNotYet;
    this.#clock = clock;
    this.healthy = new Promise((resolve) => {
      this.#sayHealthy = resolve;
    });
    this.unhealthy = new Promise((resolve) => {
      this.#sayUnhealthy = resolve;
    });
    if (phase === "healthy") this.#sayHealthy();
    void this.#run({ phase, failures: 0 }).finally(() => check.close());
  }

  /** Nothing is said any more; a check under way is broken off. */
  stop(): void {
    this.#stopped.abort();
  }

  async #run(begin: HealthState): Promise<void> {
    const { times } = this.#check;
    const stopped = this.#stopped.signal;
    const startedMs = this.#clock.steady() - this.#check.runsForMs();
    const now = () => this.#clock.steady() - startedMs;
    for (let state = begin; ; ) {
      await this.#clock.pause(pauseMs(state, times, now()), stopped);
      if (stopped.aborted) return;
      const beganMs = now();
      const result = await this.#once();
      if (stopped.aborted) return;
      state = afterCheck(state, times, result.status === 0, beganMs);
      if (state.phase === "healthy") this.#sayHealthy();
      if (state.phase === "starting") this.#onNotYet(notYetText(result, times.timeoutMs));
      if (state.phase === "unhealthy") {
        this.#sayUnhealthy(unhealthyText(state.failures, result, times.timeoutMs));
        return;
      }
    }
  }

  async #once(): Promise<CheckResult> {
    const done = new AbortController();
    const over = new AbortController();
    const stop = () => over.abort();
    this.#stopped.signal.addEventListener("abort", stop, { once: true });
    void this.#clock.pause(this.#check.times.timeoutMs, done.signal).then(() => over.abort());
    try {
      return await this.#check.check(over.signal);
    } catch (error) {
      return { status: CANNOT_RUN, output: (error as Error).message };
    } finally {
      done.abort();
      this.#stopped.signal.removeEventListener("abort", stop);
    }
  }
}

/** As a shell's, of a command that is there and cannot be run. */
const CANNOT_RUN = 126;
