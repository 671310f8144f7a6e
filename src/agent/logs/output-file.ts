/** One output file of a task, and the marks beside it that say when what of it was written. */
import { type BigIntStats, statSync } from "node:fs";
import { appendFile, mkdir, open, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { decodeMarks, encodeMarks, MARK_BYTES, type Mark, thinMarks } from "./time-marks.js";

const WRITE_DELAY_MS = 1000;
const MAX_UNWRITTEN = 256;
/** A quarter of a megabyte of them. */
const MAX_MARKS = 16_384;
/** In memory, for each file. */
const MAX_RECENT = 64;

export class OutputFile {
  readonly path: string;
  readonly #marksPath: string;
  readonly #keptBytes: number;
  readonly #log: (line: string) => void;
  readonly #listeners = new Set<() => void>();
  /** The newest marks, in order. */
  #recent: Mark[] = [];
  #recentFrom = 0;
  #unwritten: Mark[] = [];
  #written = 0;
  #isLoaded = false;
  #hasComplained = false;
  #sizeBytes = 0;
  #turn: Promise<void> = Promise.resolve();
  #writing: NodeJS.Timeout | undefined;

  /** @param keptBytes how much of the newest output is kept */
  constructor(path: string, marksPath: string, keptBytes: number, log: (line: string) => void) {
    this.path = path;
    this.#marksPath = marksPath;
    this.#keptBytes = keptBytes;
    this.#log = log;
  }

  /** As far as there are marks. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Before this offset output may be gone. */
  get keptFrom(): number {
    return Math.max(0, this.#sizeBytes - this.#keptBytes);
  }

  /**
   * How long it is now, and since when. Errors are logged: what is not marked now is with the next look.
   * @returns whether it has grown
   */
  async look(): Promise<boolean> {
    const before = this.#sizeBytes;
    await this.#inTurn(async () => {
      // Some microseconds on a disk of this host; by way of the thread pool it is many times that, and there are hundreds a second.
      const found = statSync(this.path, { bigint: true, throwIfNoEntry: false });
      if (found) await this.#note(found);
    });
    return this.#sizeBytes !== before;
  }

  /** The same from somebody who holds the file open: it may be unlinked. */
  seen(found: BigIntStats): Promise<void> {
    return this.#inTurn(() => this.#note(found));
  }

  /** Calls back whenever it has grown. @returns a function that ends that */
  onGrowth(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What is behind this offset has its marks in memory. */
  get recentFrom(): number {
    return this.#recentFrom;
  }

  /**
   * Marks for what is behind an offset, as long as the file is not longer than now. They are on record: the next agent gives the same times.
   * @throws Error of the file system
   */
  async marks(from: number): Promise<readonly Mark[]> {
    if (this.#unwritten.length > 0) await this.#inTurn(() => this.#write());
    if (from >= this.#recentFrom) return this.#recent;
    let marks: readonly Mark[] = [];
    await this.#inTurn(async () => {
      marks = await this.#read();
    });
    return marks;
  }

  /** Writes down what is not yet. */
  async close(): Promise<void> {
    clearTimeout(this.#writing);
    await this.#inTurn(() => this.#write());
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (!this.#isLoaded) await this.#load();
      await work();
    });
    this.#turn = this.#turn.catch((error: Error) => this.#complain(error));
    return this.#turn;
  }

  #complain({ message }: Error): void {
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    this.#log(`${this.path}: when it was written cannot be kept: ${message}`);
  }

  /** Of what an earlier agent wrote down the end alone is read. */
  async #load(): Promise<void> {
    this.#isLoaded = true;
    const handle = await open(this.#marksPath).catch(unlessMissing);
    if (!handle) return;
    let marks: readonly Mark[];
    try {
      const { size } = await handle.stat();
      const length = Math.min(size, (MAX_RECENT + 1) * MARK_BYTES);
      const bytes = Buffer.alloc(length);
      await handle.read(bytes, 0, length, size - length);
      this.#written = Math.floor(size / MARK_BYTES);
      marks = size % MARK_BYTES === 0 ? decodeMarks(bytes) : [];
      if (marks.length * MARK_BYTES !== length) marks = await this.#read();
    } finally {
      await handle.close();
    }
    this.#sizeBytes = marks.at(-1)?.offset ?? 0;
    this.#setRecent(marks, this.#written <= marks.length);
  }

  async #read(): Promise<Mark[]> {
    const bytes = await readFile(this.#marksPath).catch(unlessMissing);
    if (!bytes) return [];
    const marks = decodeMarks(bytes);
    // What follows a torn mark would not be found again.
    if (marks.length * MARK_BYTES !== bytes.length) await writeFile(this.#marksPath, encodeMarks(marks));
    return marks;
  }

  async #note({ size, mtimeNs }: BigIntStats): Promise<void> {
    const sizeBytes = Number(size);
    if (sizeBytes < this.#sizeBytes) await this.#emptied();
    if (sizeBytes <= this.#sizeBytes) return;
    const last = this.#recent.at(-1)?.nanos ?? 0n;
    const mark = { offset: sizeBytes, nanos: mtimeNs > last ? mtimeNs : last };
    this.#sizeBytes = sizeBytes;
    this.#recent.push(mark);
    if (this.#recent.length > 2 * MAX_RECENT) this.#setRecent(this.#recent, false);
    this.#unwritten.push(mark);
    if (this.#unwritten.length >= MAX_UNWRITTEN) await this.#write();
    else this.#writing ??= setTimeout(() => void this.#inTurn(() => this.#write()), WRITE_DELAY_MS).unref();
    for (const listener of this.#listeners) listener();
  }

  /** @param isAll none are before these */
  #setRecent(marks: readonly Mark[], isAll: boolean): void {
    // What is behind the first is known only where the one before it is.
    const count = Math.min(MAX_RECENT, isAll ? marks.length : marks.length - 1);
    this.#recent = marks.slice(marks.length - count);
    this.#recentFrom = marks[marks.length - count - 1]?.offset ?? 0;
  }

  /** The file began anew: where holes cannot be punched, that is how it is kept within bounds. */
  async #emptied(): Promise<void> {
    this.#unwritten = [];
    this.#written = 0;
    this.#sizeBytes = 0;
    this.#setRecent([], true);
    await writeFile(this.#marksPath, "").catch(unlessMissing);
  }

  async #write(): Promise<void> {
    clearTimeout(this.#writing);
    this.#writing = undefined;
    const marks = this.#unwritten.splice(0);
    if (marks.length === 0) return;
    const bytes = encodeMarks(marks);
    try {
      await appendFile(this.#marksPath, bytes, { mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // Not the folders above: the task may just have been removed.
      await mkdir(dirname(this.#marksPath), { mode: 0o700 }).catch(unlessMissing);
      await appendFile(this.#marksPath, bytes, { mode: 0o600 }).catch(unlessMissing);
    }
    this.#written += marks.length;
    if (this.#written > MAX_MARKS) await this.#thin();
  }

  async #thin(): Promise<void> {
    const marks = thinMarks(await this.#read(), this.keptFrom, MAX_MARKS / 2);
    const temporary = `${this.#marksPath}.new`;
    await writeFile(temporary, encodeMarks(marks), { mode: 0o600 });
    await rename(temporary, this.#marksPath);
    this.#written = marks.length;
  }
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "EEXIST") return undefined;
  throw error;
}
