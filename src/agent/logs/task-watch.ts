/**
 * Notices that a task writes. While it is quiet the kernel is asked to tell; once it writes its files are looked at at intervals instead,
 * until they stay as they are: a task that writes all the time costs no more than that.
 */
import { type FSWatcher, watch } from "node:fs";

/** How often the files of tasks that write are looked at: the more of them there are, the less. */
export class LookPace {
  #writing = 0;

  /** To be called when a task begins to write (1), and when it is quiet again (−1). */
  add(by: 1 | -1): void {
    this.#writing += by;
  }

  /** Between two looks at the files of one task. */
  get gapMs(): number {
    return Math.min(LONGEST_GAP_MS, Math.max(SHORTEST_GAP_MS, this.#writing * GAP_PER_TASK_MS));
  }
}

const SHORTEST_GAP_MS = 10;
const LONGEST_GAP_MS = 1000;
/** So 250 looks a second in all. */
const GAP_PER_TASK_MS = 4;
/** Where the kernel has no notices left to give. */
const POLL_MS = 1000;

export interface TaskWatchOptions {
  /** The task's. */
  readonly folder: string;
  /** Looks at its files. @returns whether one has grown */
  readonly look: () => Promise<boolean>;
  readonly pace: LookPace;
  /** The kernel gives no notices of this folder. */
  readonly onBlind: (error: Error) => void;
}

export class TaskWatch {
  readonly #options: TaskWatchOptions;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #isClosed = false;

  constructor(options: TaskWatchOptions) {
    this.#options = options;
  }

  /** @returns after the first look */
  async start(): Promise<void> {
    await this.#beQuiet();
  }

  close(): void {
    this.#isClosed = true;
    this.#setWriting(false);
    this.#unwatch();
    clearTimeout(this.#timer);
  }

  async #beQuiet(): Promise<void> {
    const isTold = this.#watch();
    // What was written before the watch stood.
    const hasGrown = await this.#options.look();
    if (this.#isClosed) return;
    if (hasGrown) this.#noticed();
    else {
      this.#setWriting(false);
      if (!isTold) this.#lookIn(POLL_MS);
    }
  }

  #noticed(): void {
    if (this.#isWriting && this.#timer) return;
    this.#unwatch();
    this.#setWriting(true);
    this.#lookIn(0);
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#lookNow(), ms).unref();
  }

  async #lookNow(): Promise<void> {
    const hasGrown = await this.#options.look();
    this.#timer = undefined;
    if (this.#isClosed) return;
    if (hasGrown) {
      this.#setWriting(true);
      this.#lookIn(this.#options.pace.gapMs);
    } else {
      await this.#beQuiet();
    }
  }

  #setWriting(isWriting: boolean): void {
    if (isWriting === this.#isWriting) return;
    this.#isWriting = isWriting;
    this.#options.pace.add(isWriting ? 1 : -1);
  }

  /** @returns false when nothing will be told */
  #watch(): boolean {
    if (this.#watcher || this.#isClosed) return this.#watcher !== undefined;
    const { folder, onBlind } = this.#options;
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (this.#watcher === watcher && OUTPUT_FILES.has(name ?? "")) this.#noticed();
      });
      watcher.on("error", () => this.#unwatch());
      this.#watcher = watcher;
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") onBlind(error as Error);
      return false;
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}

const OUTPUT_FILES: ReadonlySet<string> = new Set(["stdout", "stderr"]);
