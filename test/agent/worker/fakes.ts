/** A network, an executor and assignment messages for the worker's tests; every call is written down in one list. */
import { EventEmitter } from "node:events";
import type { Executor, TaskController, TaskExit, TaskSandbox } from "../../../src/agent/executor/executor.js";
import type { HealthCheck } from "../../../src/agent/health/health-watch.js";
import type { Clock } from "../../../src/agent/worker/clock.js";
import type { TaskNetwork } from "../../../src/agent/worker/task-network.js";
import {
  AssignmentChange_AssignmentAction,
  AssignmentsMessage,
  AssignmentsMessage_Type,
} from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState, type TaskStatus } from "../../../src/api/generated/docker/swarmkit/v1/types.js";

/** What happened, in order: "connect one", "start one", "RUNNING one". */
export class Journal {
  readonly lines: string[] = [];
  readonly #changed = new EventEmitter().setMaxListeners(0);

  write(line: string): void {
    this.lines.push(line);
    this.#changed.emit("line");
  }

  async seen(line: string, times = 1): Promise<void> {
    while (this.lines.filter((candidate) => candidate === line).length < times) {
      await new Promise((resolve) => this.#changed.once("line", resolve));
    }
  }

  of(taskId: string): readonly string[] {
    return this.lines.filter((line) => line.endsWith(` ${taskId}`)).map((line) => line.slice(0, -taskId.length - 1));
  }
}

/** Faults to be thrown by the next calls of that name: "connect", "prepare" … */
export interface Faults {
  [call: string]: Error[] | undefined;
}

export class FakeNetwork implements TaskNetwork {
  constructor(
    readonly journal: Journal,
    readonly faults: Faults = {},
  ) {}

  async connect(task: Task): Promise<TaskSandbox> {
    this.#call("connect", task.id);
    return { namespacePath: `/run/netns/${task.id}`, hostname: task.id, resolvConf: "", hosts: "" };
  }
  async activate(task: Task): Promise<void> {
    this.#call("activate", task.id);
  }
  async drain(task: Task): Promise<void> {
    this.#call("drain", task.id);
  }
  withdraw(taskId: string): void {
    this.#call("withdraw", taskId);
  }
  async release(taskId: string): Promise<void> {
    this.#call("release", taskId);
  }
  #call(name: string, taskId: string): void {
    this.journal.write(`${name} ${taskId}`);
    const fault = this.faults[name]?.shift();
    if (fault) throw fault;
  }
}

/** Its tasks live as long as the executor object: an agent that starts again is given the same one. */
export class FakeExecutor implements Executor {
  readonly faults: Faults = {};
  readonly running = new Map<string, { readonly exit: Promise<TaskExit>; readonly end: (exit: TaskExit) => void }>();
  readonly traces = new Set<string>();
  readonly #exits = new Map<string, TaskExit>();
  /** Gives tasks a health check. */
  health: ((task: Task) => HealthCheck | undefined) | undefined;
  starting = 0;
  mostStarting = 0;

  constructor(
    readonly journal: Journal,
    readonly runtime = "process",
  ) {}

  controller(task: Task): TaskController {
    const call = async (name: string) => {
      this.journal.write(`${name} ${task.id}`);
      const fault = this.faults[name]?.shift();
      if (fault) throw fault;
    };
    const end = (exit: TaskExit) => this.running.get(task.id)?.end(exit);
    return {
      prepare: async () => {
        this.traces.add(task.id);
        await call("prepare");
      },
      start: async () => {
        this.mostStarting = Math.max(this.mostStarting, ++this.starting);
        await new Promise((resolve) => setImmediate(resolve));
        this.starting--;
        await call("start");
        this.begin(task.id);
        return { pid: 42 };
      },
      health: () => this.health?.(task),
      isRunning: async () => this.running.has(task.id),
      wait: async () => (await this.running.get(task.id)?.exit) ?? this.#exits.get(task.id) ?? { code: 1 },
      shutdown: async () => {
        await call("shutdown");
        end({ code: 143 });
      },
      terminate: async () => end({ code: 137 }),
      remove: async () => {
        await call("remove");
        this.traces.delete(task.id);
      },
      detach: () => this.journal.write(`detach ${task.id}`),
    };
  }

  begin(taskId: string): void {
    if (this.running.has(taskId)) return;
    this.traces.add(taskId);
    let resolve: (exit: TaskExit) => void = () => {};
    const exit = new Promise<TaskExit>((done) => {
      resolve = done;
    });
    this.running.set(taskId, {
      exit,
      end: (how) => {
        this.running.delete(taskId);
        this.#exits.set(taskId, how);
        resolve(how);
      },
    });
  }

  async list(): Promise<readonly string[]> {
    return [...this.traces];
  }

  async purge(taskId: string): Promise<void> {
    this.journal.write(`purge ${taskId}`);
    const fault = this.faults.purge?.shift();
    if (fault) throw fault;
    this.traces.delete(taskId);
  }
}

/** Pauses end when the test says so, or when they are broken off. */
export class FakeClock implements Clock {
  nowMs = 1_700_000_000_000;
  readonly pauses: { readonly durationMs: number; readonly end: () => void }[] = [];

  now(): number {
    return this.nowMs;
  }

  steady(): number {
    return this.nowMs;
  }

  async pause(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const pause = { durationMs, end: resolve };
      this.pauses.push(pause);
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Lets so much time pass: every pause that is over by then ends. */
  advance(durationMs: number): void {
    this.nowMs += durationMs;
    for (const pause of this.pauses.splice(0)) pause.end();
  }
}

export function assignedTask(id: string, fields: Parameters<typeof Task.fromPartial>[0] = {}): Task {
  return Task.fromPartial({
    id,
    slot: 1,
    serviceAnnotations: { name: "web" },
    desiredState: TaskState.RUNNING,
    status: { state: TaskState.ASSIGNED },
    spec: { runtime: { $case: "generic", value: { kind: "process" } } },
    ...fields,
  });
}

export function complete(tasks: readonly Task[], resultsIn = "1"): AssignmentsMessage {
  return message(AssignmentsMessage_Type.COMPLETE, "0", resultsIn, tasks, []);
}

export function incremental(
  appliesTo: string,
  resultsIn: string,
  updated: readonly Task[],
  removed: readonly Task[] = [],
) {
  return message(AssignmentsMessage_Type.INCREMENTAL, appliesTo, resultsIn, updated, removed);
}

function message(
  type: AssignmentsMessage_Type,
  appliesTo: string,
  resultsIn: string,
  updated: readonly Task[],
  removed: readonly Task[],
): AssignmentsMessage {
  const change = (action: AssignmentChange_AssignmentAction) => (task: Task) => ({
    action,
    assignment: { item: { $case: "task" as const, value: task } },
  });
  return AssignmentsMessage.fromPartial({
    type,
    appliesTo,
    resultsIn,
    changes: [
      ...updated.map(change(AssignmentChange_AssignmentAction.UPDATE)),
      ...removed.map(change(AssignmentChange_AssignmentAction.REMOVE)),
    ],
  });
}

export function stateName(status: TaskStatus): string {
  return TaskState[status.state];
}
