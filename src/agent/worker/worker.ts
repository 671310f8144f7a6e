/**
 * The node's tasks: what managers assign becomes running tasks, and what they take back is removed.
 *
 * Managers need not be there: an agent that starts goes on with what its disk says, and nothing is ended until a manager says so.
 */
import type { AssignmentsMessage } from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { TaskStatus } from "../../api/generated/docker/swarmkit/v1/types.js";
import { taskLabel } from "../../api/task-label.js";
import { type Executor, type TaskController, TaskError } from "../executor/executor.js";
import type { Payloads } from "../executor/payloads.js";
import { AssignmentSet, type Assignments, type TaskChanges } from "./assignment-set.js";
import { backOffMs } from "./back-off.js";
import { type Clock, systemClock } from "./clock.js";
import { Slots } from "./slots.js";
import { TaskManager, type TaskSurroundings } from "./task-manager.js";
import type { TaskNetwork } from "./task-network.js";
import { type TaskRecords, TaskStore } from "./task-store.js";

export interface WorkerOptions {
  readonly stateDir: string;
  /** Default: files in the state folder. */
  readonly records?: TaskRecords;
  readonly executors: readonly Executor[];
  readonly network: TaskNetwork;
  /** A task's status changed: managers should hear of it. */
  readonly report: (taskId: string, status: TaskStatus) => void;
  readonly log: (line: string) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Default 16. */
  readonly startsAtOnce?: number;
  /** Default 3,000. See {@link TaskSurroundings.lingerMs}. */
  readonly lingerMs?: number;
}

const PURGE_ATTEMPTS = 20;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #around: TaskSurroundings;
  readonly #store: TaskRecords;
  readonly #managers = new Map<string, TaskManager>();
  /** Managers of tasks that were taken back, until their traces are gone. */
  readonly #leaving = new Map<string, { readonly manager: TaskManager; readonly gone: Promise<void> }>();
  #assigned = new AssignmentSet();
  readonly #payloads: Payloads = {
    secret: (id) => this.#assigned.current.secrets.get(id)?.spec?.data,
    config: (id) => this.#assigned.current.configs.get(id)?.spec?.data,
    isComplete: () => this.#assigned.isComplete,
  };
  #stopped = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#store = options.records ?? new TaskStore(options.stateDir, options.log);
    this.#around = {
      controllerFor: (task) => this.#controllerFor(task),
      network: options.network,
      starts: new Slots(options.startsAtOnce ?? 16),
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      lingerMs: options.lingerMs ?? 3000,
      changed: (task, statusChanged) => this.#changed(task, statusChanged),
      log: options.log,
    };
  }

  /** Goes on with the tasks of the last run. Traces of tasks that nobody knows are removed in the background. */
  async start(): Promise<void> {
    const tasks = await this.#store.load();
    this.#assigned = new AssignmentSet(tasks);
    const known = new Set(tasks.map((task) => task.id));
    for (const executor of this.#options.executors) {
      for (const id of await executor.list()) if (!known.has(id)) void this.#purge(executor, id);
    }
    for (const task of tasks) this.#manage(task);
  }

  /** Lets go of all tasks; they run on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const manager of this.#managers.values()) manager.detach();
    for (const { manager } of this.#leaving.values()) manager.detach();
    await this.#store.flush();
  }

  /** Call when a stream of assignments begins. */
  streamOpened(): void {
    this.#assigned.streamOpened();
  }

  /** @returns "resync" when a message was lost: a new stream must be opened */
  apply(message: AssignmentsMessage): "applied" | "resync" {
    const result = this.#assigned.apply(message);
    if (result.kind === "applied") this.#follow(result.changes);
    return result.kind;
  }

  /** Tasks, secrets, configs and volumes assigned to this node. Secrets and configs are kept in memory only. */
  get assignments(): Assignments {
    return this.#assigned.current;
  }

  /** The assigned tasks, each with the status that this node gives it. */
  tasks(): readonly Task[] {
    return [...this.#managers.values()].map((manager) => manager.task);
  }

  /** The last status of every task: what a manager that is new to this node has to hear. */
  statuses(): ReadonlyMap<string, TaskStatus> {
    const result = new Map<string, TaskStatus>();
    for (const { id, status } of this.tasks()) if (status) result.set(id, status);
    return result;
  }

  #follow({ updated, removedIds }: TaskChanges): void {
    for (const id of removedIds) this.#remove(id);
    for (const task of updated) {
      const manager = this.#managers.get(task.id);
      if (manager) manager.update(task);
      else this.#accept(task);
    }
  }

  #accept(task: Task): void {
    const leaving = this.#leaving.get(task.id);
    if (leaving) {
      // Taken back and given again: the new life begins when the traces of the old one are gone.
      void leaving.gone.then(() => {
        const wanted = this.#assigned.current.tasks.get(task.id);
        if (wanted && !this.#managers.has(task.id) && !this.#stopped) this.#accept(wanted);
      });
      return;
    }
    this.#store.save(task);
    // A process that is not on record would be taken for a stray one by the next agent.
    this.#manage(task, this.#store.flush());
  }

  #manage(task: Task, recorded?: Promise<void>): void {
    const manager = new TaskManager(task, this.#around);
    this.#managers.set(task.id, manager);
    manager.start(recorded);
  }

  #remove(id: string): void {
    const manager = this.#managers.get(id);
    if (!manager) return;
    this.#managers.delete(id);
    const gone = manager.remove().then(() => {
      this.#leaving.delete(id);
      if (!this.#stopped) this.#store.delete(id);
    });
    this.#leaving.set(id, { manager, gone });
  }

  #changed(task: Task, statusChanged: boolean): void {
    if (this.#stopped) return;
    this.#store.save(task);
    if (statusChanged && task.status && !this.#leaving.has(task.id)) this.#options.report(task.id, task.status);
  }

  #controllerFor(task: Task): TaskController {
    const runtime = runtimeOf(task);
    const executor = this.#options.executors.find((candidate) => candidate.runtime === runtime);
    if (executor) return executor.controller(task, this.#payloads);
    const names = this.#options.executors.map((candidate) => candidate.runtime).join(", ") || "none";
    throw new TaskError(
      `${taskLabel(task)}: this node cannot run tasks of runtime ${runtime} (it has: ${names})`,
      true,
    );
  }

  async #purge(executor: Executor, id: string): Promise<void> {
    const { clock, random, log } = this.#around;
    log(`task ${id} is on this node but nobody knows it: its traces are removed`);
    for (let attempt = 0; attempt < PURGE_ATTEMPTS && !this.#stopped; attempt++) {
      try {
        await executor.purge(id);
        return;
      } catch (error) {
        log(`traces of task ${id} cannot be removed yet: ${(error as Error).message}`);
        await clock.pause(backOffMs(attempt, random()));
      }
    }
  }
}

/** "container", "attachment", or the kind of a generic runtime. */
function runtimeOf(task: Task): string {
  const runtime = task.spec?.runtime;
  if (!runtime) return "none";
  return runtime.$case === "generic" ? runtime.value.kind : runtime.$case;
}
