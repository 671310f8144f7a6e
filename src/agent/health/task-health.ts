/** The health of one task on this node: watched from its start, or from when this agent found it, until it ends. */
import type { TaskController } from "../executor/executor.js";
import type { Clock } from "../worker/clock.js";
import { HealthWatch } from "./health-watch.js";

export class TaskHealth {
  readonly #clock: Clock;
  readonly #onNotYet: (reason: string) => void;
  #watch: HealthWatch | undefined;

  /** @param onNotYet see {@link HealthWatch} */
  constructor(clock: Clock, onNotYet: (reason: string) => void) {
    this.#clock = clock;
    this.#onNotYet = onNotYet;
  }

  /** Whether checks are under way: the task was started by this agent, or found. */
  get isWatched(): boolean {
    return this.#watch !== undefined;
  }

  /** @param phase of a task that is not watched yet @returns undefined for a task without checks */
  watch(controller: TaskController, phase: "starting" | "healthy"): HealthWatch | undefined {
    if (this.#watch) return this.#watch;
    const check = controller.health?.();
    if (check) this.#watch = new HealthWatch(check, this.#clock, phase, this.#onNotYet);
    return this.#watch;
  }

  /** No check is done any more. */
  end(): void {
    this.#watch?.stop();
    this.#watch = undefined;
  }
}
