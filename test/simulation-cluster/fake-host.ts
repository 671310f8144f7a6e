/** What a simulated host runs, whoever started it: processes that prepare, start, fail, end, and outlive their agent, but not the power. */
import {
  type Executor,
  type TaskController,
  TaskError,
  type TaskExit,
  type TaskSandbox,
} from "../../src/agent/executor/executor.js";
import type { TaskNetwork } from "../../src/agent/worker/task-network.js";
import type { TaskRecords } from "../../src/agent/worker/task-store.js";
import type { Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import type { SimulatedProcess } from "../simulation/process-host.js";
import type { SeededRandom } from "../simulation/random.js";
import type { VirtualTime } from "../simulation/virtual-time.js";
import type { PlantedInCluster } from "./planted.js";

/** Told of what really happens on a host. */
export interface HostWatch {
  started(nodeId: string, task: Task): void;
  ended(nodeId: string, task: Task): void;
}

interface Run {
  readonly task: Task;
  readonly listeners: ((exit: TaskExit) => void)[];
}

const SANDBOX: TaskSandbox = { namespacePath: "/run/netns/task", hostname: "task", resolvConf: "", hosts: "" };
const POWER_LOSS: TaskExit = { code: 255, message: "the host went down" };

export class FakeHost {
  /** What is on the disk of the agent. */
  readonly records = new Map<string, Task>();
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #watch: HostWatch;
  readonly #flaws: PlantedInCluster;
  readonly #runs = new Map<string, Run>();
  readonly #exits = new Map<string, TaskExit>();
  readonly #traces = new Set<string>();

  constructor(
    readonly nodeId: string,
    time: VirtualTime,
    random: SeededRandom,
    watch: HostWatch,
    flaws: PlantedInCluster,
  ) {
    this.#time = time;
    this.#random = random;
    this.#watch = watch;
    this.#flaws = flaws;
  }

  /** Tasks of which something runs now. */
  running(): readonly Task[] {
    return [...this.#runs.values()].map(({ task }) => task);
  }

  runs(taskId: string): boolean {
    return this.#runs.has(taskId);
  }

  /** Tasks of which something is left here. */
  get traces(): number {
    return this.#traces.size;
  }

  losePower(): void {
    for (const id of [...this.#runs.keys()]) this.#end(id, POWER_LOSS);
  }

  /** The disk as one life of the agent sees it. */
  recordsFor(process: SimulatedProcess): TaskRecords {
    const write = (action: () => void) => {
      if (process.isAlive) action();
    };
    return {
      load: async () => [...this.records.values()],
      save: (task) => write(() => this.records.set(task.id, task)),
      delete: (id) => write(() => this.records.delete(id)),
      flush: () => process.whenDone(this.#random.between(0.1, 3), () => undefined),
    };
  }

  networkFor(process: SimulatedProcess): TaskNetwork {
    const takes = (mostMs: number) => process.whenDone(this.#random.between(0.5, mostMs), () => undefined);
    return {
      connect: async () => {
        await takes(40);
        return SANDBOX;
      },
      activate: () => takes(40),
      drain: () => takes(this.#random.chance(0.1) ? 1500 : 60),
      withdraw: () => undefined,
      release: () => takes(20),
    };
  }

  executorFor(process: SimulatedProcess): Executor {
    return {
      runtime: "container",
      controller: (task) => this.#controller(task, process),
      list: async () => [...this.#traces],
      purge: async (id) => {
        this.#end(id, { code: 137 });
        this.#forget(id);
      },
    };
  }

  #controller(task: Task, process: SimulatedProcess): TaskController {
    const { id } = task;
    const image = task.spec?.runtime?.$case === "container" ? task.spec.runtime.value.image : "";
    const random = this.#random;
    return {
      prepare: () =>
        process.whenDone(random.between(1, random.chance(0.1) ? 3000 : 100), () => {
          this.#traces.add(id);
          if (image.startsWith("missing")) throw new TaskError("there is no such image", true);
          if (random.chance(0.02)) throw new TaskError("not now", false);
        }),
      start: () =>
        process.whenDone(random.between(1, 60), () => {
          if (image.startsWith("broken")) throw new TaskError("it does not start", true);
          if (!this.#runs.has(id)) this.#begin(task, image);
          return { pid: 42 };
        }),
      isRunning: async () => this.#runs.has(id),
      wait: () => this.#wait(id, process),
      shutdown: () =>
        process.whenDone(random.between(1, random.chance(0.1) ? 2500 : 150), () => this.#end(id, { code: 143 })),
      terminate: async () => this.#end(id, { code: 137 }),
      remove: () => process.whenDone(random.between(0.5, 20), () => this.#forget(id)),
      detach: () => undefined,
    };
  }

  #begin(task: Task, image: string): void {
    const run: Run = { task, listeners: [] };
    this.#traces.add(task.id);
    this.#runs.set(task.id, run);
    const endAfter = (delayMs: number, exit: TaskExit) =>
      this.#time.after(delayMs, () => {
        if (this.#runs.get(task.id) === run) this.#end(task.id, exit);
      });
    if (image.startsWith("crashing")) endAfter(this.#random.between(100, 8000), { code: 1, message: "it crashed" });
    else if (task.jobIteration) endAfter(this.#random.between(200, 6000), { code: 0 });
    this.#watch.started(this.nodeId, this.#flaws.run?.(task) ?? task);
  }

  #end(taskId: string, exit: TaskExit): void {
    const run = this.#runs.get(taskId);
    if (!run) return;
    this.#runs.delete(taskId);
    this.#exits.set(taskId, exit);
    this.#watch.ended(this.nodeId, run.task);
    for (const listener of run.listeners) listener(exit);
  }

  #wait(taskId: string, process: SimulatedProcess): Promise<TaskExit> {
    const run = this.#runs.get(taskId);
    if (run) {
      return new Promise((resolve) => run.listeners.push((exit) => process.afterReal(1, () => resolve(exit))));
    }
    const exit = this.#exits.get(taskId);
    return exit ? Promise.resolve(exit) : Promise.reject(new TaskError("nothing is left of it", true));
  }

  #forget(taskId: string): void {
    this.#traces.delete(taskId);
    this.#exits.delete(taskId);
  }
}
