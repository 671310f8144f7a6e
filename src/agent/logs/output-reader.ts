/** Reads the lines of one output file, each with the time when it was written, while the file grows and its oldest part goes. */
import { type FileHandle, open } from "node:fs/promises";
import type { OutputFile } from "./output-file.js";
import { type Mark, offsetSince, timeOf } from "./time-marks.js";

/** Longer ones come in pieces: those that do not end in a line break go on in the next. */
export const LONGEST_LINE_BYTES = 16 * 1024;
const CHUNK_BYTES = 32 * 1024;
const SEARCH_BYTES = 64 * 1024;
const LINE_BREAK = 10;

export interface OutputLine {
  /** With its line break, unless it goes on. */
  readonly data: Buffer;
  readonly nanos: bigint;
}

export interface ReadFrom {
  /** The newest so many lines; undefined for all. */
  readonly lines: number | undefined;
  /** None that was written before. */
  readonly sinceNanos: bigint;
}

export class OutputReader {
  readonly #file: OutputFile;
  readonly #handle: FileHandle;
  #sinceNanos = 0n;
  /** Those that were read last from the disk. */
  #marks: readonly Mark[] = [];
  /** What of the line that begins at the position minus its length has been read. */
  #begun: Buffer = Buffer.alloc(0);
  #position = 0;
  /** The file is read from the middle of a line: what is left of that is left out. */
  #isInLine = false;
  /** Output that was dropped before it could be read, in bytes; whoever reads sets it back. */
  lostBytes = 0;

  private constructor(file: OutputFile, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  /** @returns undefined when there is no such file @throws Error of the file system */
  static async open(file: OutputFile, from: ReadFrom): Promise<OutputReader | undefined> {
    const handle = await open(file.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (!handle) return undefined;
    const reader = new OutputReader(file, handle);
    try {
      await reader.look();
      await reader.#seek(from);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return reader;
  }

  /** How long the file is by now, also when it has no name any more. */
  async look(): Promise<void> {
    await this.#file.seen(await this.#handle.stat({ bigint: true }));
  }

  /** Whether the file has more than was read, as far as it was looked at. */
  hasMore(untilOffset = this.#file.sizeBytes): boolean {
    return this.#position < untilOffset || this.#file.sizeBytes < this.#position;
  }

  /**
   * The next lines: some kilobytes of them.
   * @param untilOffset where to stop
   * @returns none at the end, and also when the file had none in its next part: see {@link hasMore}
   */
  async next(untilOffset = this.#file.sizeBytes): Promise<readonly OutputLine[]> {
    if (this.#file.sizeBytes < this.#position) this.#jump(0, false);
    const length = Math.min(CHUNK_BYTES, Math.min(untilOffset, this.#file.sizeBytes) - this.#position);
    if (length <= 0) return [];
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#handle.read(buffer, 0, length, this.#position);
    if (bytesRead === 0) return [];
    const { keptFrom } = this.#file;
    if (this.#position < keptFrom && buffer[0] === 0) {
      this.lostBytes += keptFrom - this.#position;
      this.#jump(keptFrom, true);
      return [];
    }
    return await this.#split(buffer.subarray(0, bytesRead));
  }

  /** What stands after the last line break: it will not go on. */
  async rest(): Promise<OutputLine | undefined> {
    const data = this.#begun;
    this.#begun = Buffer.alloc(0);
    if (data.length === 0 || this.#isInLine) return undefined;
    const nanos = timeOf(await this.#marksFor(this.#position - data.length, this.#position), this.#position);
    return nanos < this.#sinceNanos ? undefined : { data, nanos };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #marksFor(start: number, end: number): Promise<readonly Mark[]> {
    if (start >= this.#file.recentFrom) return await this.#file.marks(start);
    if ((this.#marks.at(-1)?.offset ?? 0) < end) this.#marks = await this.#file.marks(start);
    return this.#marks;
  }

  #jump(position: number, isInLine: boolean): void {
    this.#position = position;
    this.#begun = Buffer.alloc(0);
    this.#isInLine = isInLine;
  }

  async #split(read: Buffer): Promise<readonly OutputLine[]> {
    const start = this.#position - this.#begun.length;
    const bytes = this.#begun.length > 0 ? Buffer.concat([this.#begun, read]) : read;
    const marks = await this.#marksFor(start, start + bytes.length);
    const lines: OutputLine[] = [];
    let from = 0;
    const add = (to: number) => {
      if (this.#isInLine) {
        this.#isInLine = bytes[to - 1] !== LINE_BREAK;
      } else {
        const nanos = timeOf(marks, start + to);
        if (nanos >= this.#sinceNanos) lines.push({ data: bytes.subarray(from, to), nanos });
      }
      from = to;
    };
    for (;;) {
      const found = bytes.indexOf(LINE_BREAK, from);
      const end = found < 0 ? bytes.length : found + 1;
      while (end - from > LONGEST_LINE_BYTES) add(from + LONGEST_LINE_BYTES);
      if (found < 0) break;
      add(end);
    }
    this.#position += read.length;
    // A copy: a few bytes of it shall not hold the whole.
    this.#begun = Buffer.from(bytes.subarray(from));
    return lines;
  }

  async #seek({ lines, sinceNanos }: ReadFrom): Promise<void> {
    const { keptFrom } = this.#file;
    const end = this.#file.sizeBytes;
    this.#sinceNanos = sinceNanos;
    let position = keptFrom;
    if (lines !== undefined) position = Math.max(position, await this.#lastLines(lines, keptFrom, end));
    if (sinceNanos > 0n) {
      const since = offsetSince(await this.#file.marks(keptFrom), sinceNanos);
      if (since > position) position = Math.max(position, await this.#lineStart(since));
    }
    this.#jump(position, position === keptFrom && position > 0 && !(await this.#endsLine(position)));
  }

  /** Where the newest so many lines begin; what follows the last line break is one. */
  async #lastLines(count: number, from: number, end: number): Promise<number> {
    if (count === 0) return end;
    let left = count;
    for (let to = end; to > from; to -= SEARCH_BYTES) {
      const at = Math.max(from, to - SEARCH_BYTES);
      const block = await this.#readAt(at, to - at);
      let found = block.length;
      while (found > 0) {
        found = block.lastIndexOf(LINE_BREAK, found - 1);
        if (found < 0) break;
        // The very last byte ends a line and begins none.
        if (at + found + 1 < end && --left === 0) return at + found + 1;
      }
    }
    return from;
  }

  async #lineStart(offset: number): Promise<number> {
    const at = Math.max(0, offset - LONGEST_LINE_BYTES);
    const block = await this.#readAt(at, offset - at);
    return at + block.lastIndexOf(LINE_BREAK) + 1;
  }

  async #endsLine(offset: number): Promise<boolean> {
    return (await this.#readAt(offset - 1, 1))[0] === LINE_BREAK;
  }

  async #readAt(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await this.#handle.read(buffer, 0, length, position);
    return buffer.subarray(0, bytesRead);
  }
}
