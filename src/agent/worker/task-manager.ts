/**
 * Drives one task along: asks the machine what is next, has the executor and the network do it, says what became of it.
 *
 * Order: connect → start → healthy, where there is a check → activate → RUNNING is told. To stop: drain → stop signal, grace, kill → withdraw → release. When the task
 * ends by itself: withdraw at once → the end is told → the sandbox stays a while, so that its kernel answers late packets with resets.
 */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { taskLabel } from "../../api/task-label.js";
import { type TaskController, TaskError } from "../executor/executor.js";
import type { HealthWatch } from "../health/health-watch.js";
import { TaskHealth } from "../health/task-health.js";
import { backOffMs } from "./back-off.js";
import type { Clock } from "./clock.js";
import { SandboxKeeper } from "./sandbox-keeper.js";
import type { Slots } from "./slots.js";
import type { TaskNetwork } from "./task-network.js";
import { exitError, type ProcessFacts, processFacts, stepStatus, taskStatus } from "./task-status.js";
import {
  applyOutcome,
  type CallOutcome,
  type ControllerCall,
  nextAction,
  resolveController,
  type StepStatus,
} from "./task-step.js";

export interface TaskSurroundings {
  /** @throws TaskError when nothing here can run the task */
  readonly controllerFor: (task: Task) => TaskController;
  readonly network: TaskNetwork;
  /** Bounds how many tasks are prepared and started at once. */
  readonly starts: Slots;
  readonly clock: Clock;
  readonly random: () => number;
  /** How long the sandbox of a task that ended by itself stays after its end. */
  readonly lingerMs: number;
  /** The task changed: its status, or what the manager says of it. */
  readonly changed: (task: Task, statusChanged: boolean) => void;
  readonly log: (line: string) => void;
}

export class TaskManager {
  readonly #around: TaskSurroundings;
  readonly #label: string;
  readonly #sandbox: SandboxKeeper;
  readonly #health: TaskHealth;
  #task: Task;
  #controller: TaskController | undefined;
  #facts: ProcessFacts | undefined;
  #removing = false;
  #detached = false;
  #change = new AbortController();
  #done: Promise<void> = Promise.resolve();

  /** @param task its status is the last one that this node gave it, or the manager's for a new task */
  constructor(task: Task, around: TaskSurroundings) {
    this.#task = task;
    this.#around = around;
    this.#label = taskLabel(task);
    this.#facts = processFacts(task.status);
    this.#health = new TaskHealth(around.clock, (reason) => this.#notYetHealthy(reason));
    this.#sandbox = new SandboxKeeper(around.network, around, task.id, this.#label, this.#state >= TaskState.STARTING);
  }

  get task(): Task {
    return this.#task;
  }

  /** @param recorded resolves when the next agent would know of the task: nothing is done for it before */
  start(recorded: Promise<void> = Promise.resolve()): void {
    this.#done = recorded.then(() => this.#run());
  }

  /** Takes over what a manager says of the task; the status is the node's own. */
  update(task: Task): void {
    this.#task = { ...task, status: this.#task.status };
    this.#around.changed(this.#task, false);
    this.#wake();
  }

  /** Ends the task and removes its traces. @returns when nothing is left of it, or when it was detached meanwhile */
  async remove(): Promise<void> {
    this.#removing = true;
    this.#wake();
    await this.#done;
  }

  /** Lets go of the task and leaves it as it is; nothing is told of it any more. */
  detach(): void {
    this.#detached = true;
    this.#sandbox.detach();
    this.#health.end();
    this.#controller?.detach();
    this.#wake();
  }

  get #state(): TaskState {
    return this.#task.status?.state ?? TaskState.NEW;
  }

  get #desired(): TaskState {
    return this.#removing ? TaskState.REMOVE : this.#task.desiredState;
  }

  async #run(): Promise<void> {
    this.#resolve();
    for (let failures = 0; !this.#detached; ) {
      const change = this.#change.signal;
      const action = nextAction(this.#desired, this.#state);
      if (action.kind === "advance") {
        this.#setStatus({ state: action.state, message: action.message, err: "" });
      } else if (action.kind === "call") {
        const outcome = await this.#attempt(action.call, change);
        this.#setStatus(applyOutcome(stepStatus(this.#task.status), action.call, outcome).status);
        if (outcome.kind === "temporary") await this.#backOff(failures++, change);
        else failures = 0;
      } else if (await this.#rest(change)) {
        return;
      }
    }
  }

  #resolve(): void {
    let reason: string | undefined;
    try {
      this.#controller = this.#around.controllerFor(this.#task);
    } catch (error) {
      reason = (error as Error).message;
    }
    this.#setStatus(resolveController(stepStatus(this.#task.status), reason));
  }

  async #attempt(call: ControllerCall, change: AbortSignal): Promise<CallOutcome> {
    // Without a controller the status is final and no call is ever due.
    const controller = this.#controller!;
    try {
      switch (call) {
        case "prepare":
          await this.#around.starts.run(() => controller.prepare());
          return { kind: "done" };
        case "start":
          if (!this.#health.isWatched) await this.#around.starts.run(() => this.#start(controller));
          return await this.#comeUp(controller, change);
        case "wait":
          return await this.#wait(controller, change);
        case "shutdown":
          await this.#shutdown(controller);
          return { kind: "done" };
      }
    } catch (error) {
      const { message } = error as Error;
      this.#around.log(`task ${this.#task.id}: ${call} failed: ${message}`);
      return { kind: error instanceof TaskError && error.fatal ? "fatal" : "temporary", error: message };
    }
  }

  async #start(controller: TaskController): Promise<void> {
    const sandbox = await this.#sandbox.connect(this.#task);
    try {
      const { pid } = await controller.start(sandbox);
      this.#facts = { pid, exitCode: 0 };
    } catch (error) {
      this.#sandbox.ended();
      throw error;
    }
  }

  /** A task that has a health check gets no traffic, and does not count as running, before it is healthy. */
  async #comeUp(controller: TaskController, change: AbortSignal): Promise<CallOutcome> {
    const watch = this.#health.watch(controller, "starting");
    if (watch) {
      const outcome = await this.#untilOver(controller, watch, change, watch.healthy);
      if (outcome) return outcome;
    }
    // It may end while the network waits for it to serve; that is told by the wait which comes next.
    const ended = controller.wait().then(ignore, ignore);
    await Promise.race([this.#sandbox.activate(this.#task), ended]);
    return { kind: "done" };
  }

  async #wait(controller: TaskController, change: AbortSignal): Promise<CallOutcome> {
    if (!this.#sandbox.connected && (await controller.isRunning())) this.#sandbox.adopt(() => this.#task);
    return (await this.#untilOver(controller, this.#health.watch(controller, "healthy"), change)) ?? INTERRUPTED;
  }

  /**
   * Waits for the end of a task: by itself, or because it is unhealthy and therefore stopped.
   * @param up resolves when that is not waited for any more @returns undefined then
   */
  async #untilOver(
    controller: TaskController,
    watch: HealthWatch | undefined,
    change: AbortSignal,
    up?: Promise<void>,
  ): Promise<CallOutcome | undefined> {
    const how = await Promise.race([
      controller.wait(),
      aborted(change).then(() => null),
      ...(watch ? [watch.unhealthy] : []),
      ...(up ? [up.then(() => undefined)] : []),
    ]).catch((error: unknown) => {
      this.#health.end();
      this.#sandbox.ended();
      throw error;
    });
    if (how === undefined) return undefined;
    if (how === null) return INTERRUPTED;
    const isUnhealthy = typeof how === "string";
    if (isUnhealthy) {
      this.#around.log(`${this.#label}: ${how}`);
      await this.#stop(controller);
    }
    this.#health.end();
    this.#sandbox.ended();
    const exit = isUnhealthy ? await controller.wait() : how;
    this.#facts = { pid: this.#facts?.pid ?? 0, exitCode: exit.code };
    const error = isUnhealthy ? how : exitError(exit);
    return error === undefined ? { kind: "done" } : { kind: "fatal", error };
  }

  async #stop(controller: TaskController): Promise<void> {
    this.#health.end();
    if (this.#state === TaskState.RUNNING) await this.#sandbox.drain(this.#task);
    await controller.shutdown();
  }

  async #shutdown(controller: TaskController): Promise<void> {
    await this.#stop(controller);
    if (this.#state >= TaskState.STARTING) await this.#sandbox.stopped();
  }

  /** @returns whether the task is over and done with */
  async #rest(change: AbortSignal): Promise<boolean> {
    if (this.#state >= TaskState.COMPLETE && this.#desired >= TaskState.SHUTDOWN && !this.#sandbox.released) {
      await this.#sandbox.release(change);
      return false;
    }
    if (!this.#removing) {
      await aborted(change);
      return false;
    }
    try {
      await this.#controller?.remove();
      return true;
    } catch (error) {
      this.#around.log(`${this.#label}: cannot be removed yet: ${(error as Error).message}`);
      await this.#backOff(LATE_ATTEMPT, change);
      return false;
    }
  }

  async #backOff(attempt: number, change: AbortSignal): Promise<void> {
    await this.#around.clock.pause(backOffMs(attempt, this.#around.random()), change);
  }

  /** Told while it lasts. */
  #notYetHealthy(reason: string): void {
    const now = stepStatus(this.#task.status);
    if (now.state === TaskState.STARTING) this.#setStatus({ ...now, err: reason });
  }

  #setStatus(step: StepStatus): void {
    if (this.#detached) return;
    const before = this.#task.status;
    const old = stepStatus(before);
    if (old.state === step.state && old.message === step.message && old.err === step.err) return;
    const ports = this.#around.network.portStatus?.(this.#task);
    const status = taskStatus(step, before, this.#facts, ports, this.#around.clock.now());
    this.#task = { ...this.#task, status };
    this.#around.changed(this.#task, true);
  }

  #wake(): void {
    const before = this.#change;
    this.#change = new AbortController();
    before.abort(CHANGED);
  }
}

/** One for all: to make an error each time costs more than all else of a change. */
const CHANGED = new Error("something else is wanted of the task");
/** What is being removed may be busy for a while: no use in asking every 100 ms. */
const LATE_ATTEMPT = 4;

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
}

function ignore(): void {}

const INTERRUPTED: CallOutcome = { kind: "interrupted" };
