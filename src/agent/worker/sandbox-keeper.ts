/** The network side of one task's life: which of its steps are due, and that none is forgotten. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { TaskSandbox } from "../executor/executor.js";
import { backOffMs } from "./back-off.js";
import type { Clock } from "./clock.js";
import type { TaskNetwork } from "./task-network.js";

export interface SandboxTimes {
  readonly clock: Clock;
  readonly random: () => number;
  readonly lingerMs: number;
  readonly log: (line: string) => void;
}

export class SandboxKeeper {
  readonly #network: TaskNetwork;
  readonly #times: SandboxTimes;
  readonly #taskId: string;
  readonly #label: string;
  #connected = false;
  #released: boolean;
  #adopting = false;
  #over = false;
  #detached = false;
  /** When the task ended by itself in this agent's life. */
  #endedAtMs: number | undefined;
  #releaseFailures = 0;

  /** @param left whether an earlier agent may have left a sandbox behind */
  constructor(network: TaskNetwork, times: SandboxTimes, taskId: string, label: string, left: boolean) {
    this.#network = network;
    this.#times = times;
    this.#taskId = taskId;
    this.#label = label;
    this.#released = !left;
  }

  get connected(): boolean {
    return this.#connected;
  }

  get released(): boolean {
    return this.#released;
  }

  async connect(task: Task): Promise<TaskSandbox> {
    this.#released = false;
    this.#over = false;
    this.#endedAtMs = undefined;
    const sandbox = await this.#network.connect(task);
    this.#connected = true;
    return sandbox;
  }

  async activate(task: Task): Promise<void> {
    await this.#network.activate(task);
  }

  /** Takes over the sandbox of a task that runs since before this agent; tries until it works or the task is over. */
  adopt(task: () => Task): void {
    if (this.#adopting) return;
    this.#adopting = true;
    this.#over = false;
    void this.#adopt(task).finally(() => {
      this.#adopting = false;
    });
  }

  async #adopt(task: () => Task): Promise<void> {
    for (let failures = 0; !this.#over; failures++) {
      try {
        await this.#network.connect(task());
        if (!this.#over) await this.#network.activate(task());
        this.#connected = true;
        break;
      } catch (error) {
        this.#times.log(`${this.#label}: its network cannot be taken over yet: ${(error as Error).message}`);
        await this.#times.clock.pause(backOffMs(failures, this.#times.random()));
      }
    }
    // Its end may have come while the network was still putting it back in.
    if (this.#over && !this.#detached) this.#network.withdraw(this.#taskId);
  }

  /** A task that cannot be taken out of rotation is stopped all the same. */
  async drain(task: Task): Promise<void> {
    try {
      await this.#network.drain(task);
    } catch (error) {
      this.#times.log(`${this.#label}: not drained before it stops: ${(error as Error).message}`);
    }
  }

  /** Whoever let go of the task takes no more part in its network. */
  detach(): void {
    this.#over = true;
    this.#detached = true;
  }

  /** The task ended by itself, or never came up. */
  ended(): void {
    if (this.#released) return;
    this.#over = true;
    this.#endedAtMs ??= this.#times.clock.steady();
    this.#network.withdraw(this.#taskId);
  }

  /** The task was stopped. */
  async stopped(): Promise<void> {
    this.#over = true;
    this.#network.withdraw(this.#taskId);
    await this.#release();
  }

  /** Waits until the sandbox of an ended task has stood long enough, and removes it; returns early when something changed. */
  async release(change: AbortSignal): Promise<void> {
    const { clock, lingerMs, random } = this.#times;
    const waitMs = this.#endedAtMs === undefined ? 0 : this.#endedAtMs + lingerMs - clock.steady();
    if (waitMs > 0) {
      await clock.pause(waitMs, change);
      return;
    }
    await this.#release();
    if (!this.#released) await clock.pause(backOffMs(this.#releaseFailures++, random()), change);
  }

  async #release(): Promise<void> {
    try {
      await this.#network.release(this.#taskId);
      this.#released = true;
      this.#connected = false;
    } catch (error) {
      this.#times.log(`${this.#label}: its sandbox cannot be removed yet: ${(error as Error).message}`);
    }
  }
}
