/**
 * The node's tasks on disk, one file each: the task as assigned, with the status that the node gave it last. From them an agent that
 * starts knows what to go on with before any manager is in reach.
 *
 * Writes never hold anybody up: a changed task is marked, and written by a few writers in the background; of several changes only the last one is
 * written. A file is replaced as a whole. A status that a crash swallowed is found again by asking the executor.
 */
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";

const SUFFIX = ".task";
const WRITERS = 2;

export class TaskStore {
  readonly #folder: string;
  readonly #log: (line: string) => void;
  /** Undefined: to be deleted. */
  readonly #dirty = new Map<string, Task | undefined>();
  readonly #writers = new Set<Promise<void>>();
  /** Ids being written now: one writer per file. */
  readonly #busy = new Set<string>();

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
    this.#dirty.set(task.id, task);
    this.#wake();
  }

  delete(taskId: string): void {
    this.#dirty.set(taskId, undefined);
    this.#wake();
  }

  /** Resolves when all that was marked before is on disk. */
  async flush(): Promise<void> {
    while (this.#writers.size > 0) await Promise.all(this.#writers);
  }

  #wake(): void {
    if (this.#writers.size >= WRITERS) return;
    const writer = this.#drain().finally(() => {
      this.#writers.delete(writer);
      if (this.#nextId() !== undefined) this.#wake();
    });
    this.#writers.add(writer);
  }

  #nextId(): string | undefined {
    for (const id of this.#dirty.keys()) if (!this.#busy.has(id)) return id;
    return undefined;
  }

  async #drain(): Promise<void> {
    for (let id = this.#nextId(); id !== undefined; id = this.#nextId()) {
      const task = this.#dirty.get(id);
      this.#dirty.delete(id);
      this.#busy.add(id);
      try {
        await this.#write(id, task);
      } catch (error) {
        this.#log(`cannot write the state of task ${id}: ${(error as Error).message}`);
      } finally {
        this.#busy.delete(id);
      }
    }
  }

  async #write(id: string, task: Task | undefined): Promise<void> {
    const path = join(this.#folder, `${id}${SUFFIX}`);
    if (!task) {
      await rm(path, { force: true });
      return;
    }
    const file = await open(`${path}.new`, "w", 0o600);
    try {
      await file.writeFile(Task.encode(task).finish());
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  }
}

function decode(bytes: Uint8Array): Task | undefined {
  try {
    return Task.decode(bytes);
  } catch {
    return undefined;
  }
}
