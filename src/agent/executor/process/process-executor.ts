/** The executor of runtime "process". */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Task } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import { isUnitProcess } from "../../own-unit.js";
import type { Executor, TaskController } from "../executor.js";
import { NO_PAYLOADS, type Payloads } from "../payloads.js";
import type { CgroupHierarchy } from "./cgroup-hierarchies.js";
import { DirectMounts } from "./direct-mounts.js";
import { Launcher } from "./launcher.js";
import { MountGuard } from "./mount-guard.js";
import { OutputTrimmer } from "./output-trimmer.js";
import { OutsideMounts } from "./outside-mounts.js";
import { ProcessController } from "./process-controller.js";
import { readProcessTask } from "./process-task.js";
import { Starter } from "./starter.js";
import { Supervision } from "./supervision.js";
import { readHierarchies } from "./task-cgroup.js";
import { listTaskFolders, TaskFiles, type TaskFolders } from "./task-files.js";
import { type ChoosePlace, placeChooser } from "./task-place.js";

export interface ProcessExecutorOptions {
  /** Output is kept in its subfolder `tasks`. */
  readonly stateDir: string;
  /** What supervisors read and write goes to its subfolder `tasks`; must outlive the agent. Default: as stateDir. */
  readonly runDir?: string;
  readonly nodeId: string;
  readonly log: (line: string) => void;
  /** Whether systemd starts tasks, each as a unit of its own: needed where the agent is in a sandbox. Default: when it started the agent. */
  readonly units?: boolean;
  /** How much of a task's newest output is kept, each for stdout and stderr. */
  readonly keptOutputBytes?: number;
}

const DEFAULT_KEPT_OUTPUT_BYTES = 8 * 1024 * 1024;

export class ProcessExecutor implements Executor {
  readonly runtime = "process";
  /** How much of a task's newest output is kept, each for stdout and stderr. */
  readonly keptOutputBytes: number;
  readonly #folders: TaskFolders;
  readonly #choosePlace: ChoosePlace;
  readonly #hierarchies: readonly CgroupHierarchy[];
  readonly #trimmer: OutputTrimmer;
  readonly #guard: MountGuard;
  readonly #starter: Starter;
  readonly #launcher = new Launcher();

  constructor(options: ProcessExecutorOptions) {
    const state = join(options.stateDir, "tasks");
    this.#folders = { state, run: options.runDir === undefined ? state : join(options.runDir, "tasks") };
    const units = options.units ?? isUnitProcess();
    const initCgroups = units ? readFileSync("/proc/1/cgroup", "utf8") : undefined;
    this.#choosePlace = placeChooser(join("tswarm", options.nodeId.slice(0, 8)), initCgroups);
    this.#hierarchies = readHierarchies();
    this.#starter = new Starter(options.log);
    this.#guard = new MountGuard(
      () => this.#supervisions(),
      units ? new OutsideMounts(options.runDir ?? options.stateDir, this.#starter) : new DirectMounts(this.#starter),
      options.log,
    );
    this.keptOutputBytes = options.keptOutputBytes ?? DEFAULT_KEPT_OUTPUT_BYTES;
    this.#trimmer = new OutputTrimmer(() => this.#outputs(), this.keptOutputBytes, options.log);
  }

  /** Starts to keep output files within bounds, and the tasks' own files of /etc in their place. */
  start(): void {
    this.#trimmer.start();
    this.#guard.start();
  }

  async stop(): Promise<void> {
    await this.#guard.stop();
    await this.#trimmer.stop();
    this.#starter.stop();
    this.#launcher.stop();
  }

  /** @throws TaskError for a task that this runtime can never run */
  controller(task: Task, payloads: Payloads = NO_PAYLOADS): TaskController {
    const facts = readProcessTask(task);
    const starters = { systemd: this.#starter, direct: this.#launcher };
    return new ProcessController(facts, this.#supervision(task.id, facts.label), starters, payloads);
  }

  async list(): Promise<readonly string[]> {
    return await listTaskFolders(this.#folders);
  }

  async purge(taskId: string): Promise<void> {
    await this.#supervision(taskId, taskId).remove();
  }

  /** Has a folder for the output of each task. */
  get outputFolder(): string {
    return this.#folders.state;
  }

  /** Where a task's output lies. See {@link OutputTrimmer} for what of it is kept. */
  outputPaths(taskId: string): { readonly stdout: string; readonly stderr: string } {
    return new TaskFiles(this.#folders, taskId);
  }

  #supervision(taskId: string, label: string): Supervision {
    return new Supervision(this.#folders, this.#choosePlace, taskId, label, this.#hierarchies, this.#starter);
  }

  async #supervisions(): Promise<readonly Supervision[]> {
    return (await this.list()).map((id) => this.#supervision(id, id));
  }

  async #outputs(): Promise<readonly string[]> {
    const ids = await this.list();
    return ids.map((id) => this.outputPaths(id)).flatMap(({ stdout, stderr }) => [stdout, stderr]);
  }
}
