/** The executor of runtime "process". */
import { join } from "node:path";
import type { Task } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import type { Executor, TaskController } from "../executor.js";
import type { CgroupHierarchy } from "./cgroup-hierarchies.js";
import { OutputTrimmer } from "./output-trimmer.js";
import { ProcessController } from "./process-controller.js";
import { readProcessTask } from "./process-task.js";
import { Supervision } from "./supervision.js";
import { readHierarchies } from "./task-cgroup.js";
import { listTaskFolders, TaskFiles } from "./task-files.js";

export interface ProcessExecutorOptions {
  /** Task folders are made in its subfolder `tasks`. */
  readonly stateDir: string;
  readonly nodeId: string;
  readonly log: (line: string) => void;
  /** How much of a task's newest output is kept, each for stdout and stderr. */
  readonly keptOutputBytes?: number;
}

const DEFAULT_KEPT_OUTPUT_BYTES = 8 * 1024 * 1024;

export class ProcessExecutor implements Executor {
  readonly runtime = "process";
  readonly #tasksFolder: string;
  readonly #nodeFolder: string;
  readonly #hierarchies: readonly CgroupHierarchy[];
  readonly #trimmer: OutputTrimmer;

  constructor(options: ProcessExecutorOptions) {
    this.#tasksFolder = join(options.stateDir, "tasks");
    this.#nodeFolder = join("tswarm", options.nodeId.slice(0, 8));
    this.#hierarchies = readHierarchies();
    this.#trimmer = new OutputTrimmer(
      () => this.#outputs(),
      options.keptOutputBytes ?? DEFAULT_KEPT_OUTPUT_BYTES,
      options.log,
    );
  }

  /** Starts to keep output files within bounds. */
  start(): void {
    this.#trimmer.start();
  }

  async stop(): Promise<void> {
    await this.#trimmer.stop();
  }

  /** @throws TaskError for a task that this runtime can never run */
  controller(task: Task): TaskController {
    const facts = readProcessTask(task);
    return new ProcessController(facts, this.#supervision(task.id, facts.label));
  }

  async list(): Promise<readonly string[]> {
    return await listTaskFolders(this.#tasksFolder);
  }

  async purge(taskId: string): Promise<void> {
    await this.#supervision(taskId, taskId).remove();
  }

  /** Where a task's output lies. See {@link OutputTrimmer} for what of it is kept. */
  outputPaths(taskId: string): { readonly stdout: string; readonly stderr: string } {
    return new TaskFiles(this.#tasksFolder, taskId);
  }

  #supervision(taskId: string, label: string): Supervision {
    return new Supervision(this.#tasksFolder, this.#nodeFolder, taskId, label, this.#hierarchies);
  }

  async #outputs(): Promise<readonly string[]> {
    const ids = await this.list();
    return ids.map((id) => this.outputPaths(id)).flatMap(({ stdout, stderr }) => [stdout, stderr]);
  }
}
