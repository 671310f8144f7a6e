/**
 * The node's tasks on disk, one file each: the task as assigned, with the status that the node gave it last. From them an agent that
 * starts knows what to go on with before any manager is in reach.
 *
 * Writes hold nobody up: a changed task is marked, and written a moment later, only as it is by then. A file is replaced as a
 * whole. It is not forced to the disk: what runs does not outlive the machine's power either, and a status that a crash of
 * the agent swallowed is found again by asking the executor.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";

const SUFFIX = ".task";
/** Gathers the changes of a task that comes up, and of all that come up with it. */
const GATHER_MS = 200;
const WRITES_AT_ONCE = 4;

/** Where a node's tasks stand while no agent runs. */
export interface TaskRecords {
  load(): Promise<readonly Task[]>;
  save(task: Task): void;
  delete(taskId: string): void;
  /** Resolves when all that was marked before is written, or has been reported as impossible to write. */
  flush(): Promise<void>;
}

export class TaskStore implements TaskRecords {
  readonly #folder: string;
  readonly #log: (line: string) => void;
  /** What is to be written; undefined: to be deleted. */
  readonly #dirty = new Map<string, Task | undefined>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** The round after the one under way: it takes all that is marked until it begins. */
  #next: Promise<void> | undefined;

  constructor(stateDir: string, log: (line: string) => void) {
    this.#folder = join(stateDir, "worker");
    this.#log = log;
  }

  /** All tasks on disk. A file that cannot be read is reported and removed: its task counts as unknown. */
  async load(): Promise<readonly Task[]> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const tasks: Task[] = [];
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const task = name.endsWith(SUFFIX) ? decode(await readFile(path)) : undefined;
      if (task && `${task.id}${SUFFIX}` === name) {
        tasks.push(task);
        continue;
      }
      if (name.endsWith(SUFFIX)) this.#log(`${path} holds no task: removed`);
      await rm(path, { force: true });
    }
    return tasks;
  }

  save(task: Task): void {
    this.#mark(task.id, task);
  }

  delete(taskId: string): void {
    this.#mark(taskId, undefined);
  }

  /** Resolves when all that was marked before is written, or has been reported as impossible to write. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined;
      this.#writing = this.#writeAll();
      return this.#writing;
    });
    return this.#next;
  }

  #mark(taskId: string, task: Task | undefined): void {
    this.#dirty.set(taskId, task);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, GATHER_MS);
  }

  async #writeAll(): Promise<void> {
    const batch = [...this.#dirty];
    this.#dirty.clear();
    const writer = async () => {
      for (let entry = batch.pop(); entry; entry = batch.pop()) await this.#write(...entry);
    };
    await Promise.all(Array.from({ length: WRITES_AT_ONCE }, writer));
  }

  async #write(id: string, task: Task | undefined): Promise<void> {
    const path = join(this.#folder, `${id}${SUFFIX}`);
    try {
      if (!task) return await rm(path, { force: true });
      await writeFile(`${path}.new`, Task.encode(task).finish(), { mode: 0o600 });
      await rename(`${path}.new`, path);
    } catch (error) {
      this.#log(`cannot write the state of task ${id}: ${(error as Error).message}`);
    }
  }
}

function decode(bytes: Uint8Array): Task | undefined {
  try {
    return Task.decode(bytes);
  } catch {
    // The caller reports it, with its path.
    return undefined;
  }
}
