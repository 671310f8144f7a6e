/**
 * Watches the output files of all tasks of this node and keeps, beside them, when they were written: within some ten milliseconds, or a
 * little more where many tasks write all the time. For what is written while no agent runs it knows only the time of the last write.
 */
import { type FSWatcher, watch } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { OutputFile } from "./output-file.js";
import { LookPace, TaskWatch } from "./task-watch.js";

export const STREAMS = ["stdout", "stderr"] as const;
export type StreamName = (typeof STREAMS)[number];

export interface OutputRecorderOptions {
  /** Has a folder for each task, with the files `stdout` and `stderr`. */
  readonly folder: string;
  /** How much of a file's newest output is kept. */
  readonly keptBytes: number;
  readonly log: (line: string) => void;
}

/** In a task's folder. */
const MARKS_FOLDER = "times";
/** Folders come and go; each look costs one listing. */
const LIST_EVERY_MS = 5000;
const LIST_DELAY_MS = 20;

interface TaskRecord {
  readonly files: Readonly<Record<StreamName, OutputFile>>;
  readonly watch: TaskWatch;
}

export class OutputRecorder {
  readonly #options: OutputRecorderOptions;
  readonly #records = new Map<string, TaskRecord>();
  readonly #pace = new LookPace();
  #folderWatcher: FSWatcher | undefined;
  #listing: Promise<void> | undefined;
  #due: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hasComplained = false;
  #isStopped = false;

  constructor(options: OutputRecorderOptions) {
    this.#options = options;
  }

  /** @returns once all that is there is watched */
  async start(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
    this.#timer = setInterval(() => void this.#list(), LIST_EVERY_MS).unref();
    await this.#list();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#due);
    this.#folderWatcher?.close();
    await this.#listing;
    await Promise.all([...this.#records.keys()].map((id) => this.#drop(id)));
  }

  /** @returns undefined while the task has written nothing and has no files */
  file(taskId: string, stream: StreamName): OutputFile | undefined {
    return this.#records.get(taskId)?.files[stream];
  }

  /** Looks for tasks whose files are new. */
  async look(): Promise<void> {
    // One that is under way may have been too early.
    await this.#listing;
    await this.#list();
  }

  #list(): Promise<void> {
    this.#listing ??= this.#listFolder()
      .catch((error: Error) => this.#complain(error))
      .finally(() => {
        this.#listing = undefined;
      });
    return this.#listing;
  }

  async #listFolder(): Promise<void> {
    const { folder } = this.#options;
    this.#watchFolder();
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    // A folder that is about to be removed has a name with a dot.
    const ids = new Set(
      entries.filter((entry) => entry.isDirectory() && !entry.name.includes(".")).map(({ name }) => name),
    );
    const gone = [...this.#records.keys()].filter((id) => !ids.has(id));
    await Promise.all(gone.map((id) => this.#drop(id)));
    const fresh = [...ids].filter((id) => !this.#records.has(id));
    for (const id of fresh) await this.#adopt(id);
  }

  #watchFolder(): void {
    if (this.#folderWatcher || this.#isStopped) return;
    try {
      const watcher = watch(this.#options.folder, { persistent: false }, () => this.#listSoon());
      const lose = () => {
        watcher.close();
        if (this.#folderWatcher === watcher) this.#folderWatcher = undefined;
      };
      watcher.on("error", lose);
      this.#folderWatcher = watcher;
    } catch (error) {
      this.#complain(error as Error);
    }
  }

  #listSoon(): void {
    this.#due ??= setTimeout(() => {
      this.#due = undefined;
      void this.look();
    }, LIST_DELAY_MS).unref();
  }

  async #adopt(id: string): Promise<void> {
    if (this.#isStopped) return;
    const { folder, keptBytes, log } = this.#options;
    const fileOf = (stream: StreamName) =>
      new OutputFile(join(folder, id, stream), join(folder, id, MARKS_FOLDER, stream), keptBytes, log);
    const files = { stdout: fileOf("stdout"), stderr: fileOf("stderr") };
    const watch = new TaskWatch({
      folder: join(folder, id),
      look: async () => (await Promise.all(STREAMS.map((stream) => files[stream].look()))).some(Boolean),
      pace: this.#pace,
      onBlind: (error) => this.#complain(error),
    });
    this.#records.set(id, { files, watch });
    await watch.start();
  }

  async #drop(id: string): Promise<void> {
    const record = this.#records.get(id);
    this.#records.delete(id);
    record?.watch.close();
    await Promise.all(STREAMS.map((stream) => record?.files[stream].close()));
  }

  #complain({ message }: Error): void {
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    this.#options.log(`the kernel does not tell of what tasks write, so times in logs are coarse: ${message}`);
  }
}
