/**
 * Keeps output files within bounds while their writers hold them open.
 *
 * The file keeps its length, so that an offset means the same for ever; what is older than the newest `keptBytes` is punched
 * out of it and takes no more disk. Nothing that is written meanwhile is lost. A reader begins `keptBytes` before the end, at the next
 * line. On a file system that cannot punch holes the file is emptied instead.
 */
import { execFile } from "node:child_process";
import { stat, truncate } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const LOOK_EVERY_MS = 5000;
const BLOCK_BYTES = 4096;

/** The part to punch out: nothing before half of `keptBytes` has gathered, so that not every look has work. */
export function planTrim(sizeBytes: number, allocatedBytes: number, keptBytes: number): number {
  if (allocatedBytes < keptBytes * 1.5) return 0;
  return Math.floor(Math.max(0, sizeBytes - keptBytes) / BLOCK_BYTES) * BLOCK_BYTES;
}

export class OutputTrimmer {
  readonly #outputs: () => Promise<readonly string[]>;
  readonly #keptBytes: number;
  readonly #log: (line: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(outputs: () => Promise<readonly string[]>, keptBytes: number, log: (line: string) => void) {
    this.#outputs = outputs;
    this.#keptBytes = keptBytes;
    this.#log = log;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#round = this.trim()
        .catch((error: Error) => this.#log(`cannot keep task output within bounds: ${error.message}`))
        .then(() => {
          if (this.#timer) this.start();
        });
    }, LOOK_EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#round;
  }

  /** One look at every file. */
  async trim(): Promise<void> {
    for (const path of await this.#outputs()) await this.#trimFile(path);
  }

  async #trimFile(path: string): Promise<void> {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (!found) return;
    const lengthBytes = planTrim(found.size, found.blocks * 512, this.#keptBytes);
    if (lengthBytes === 0) return;
    try {
      await run("fallocate", ["--punch-hole", "--offset", "0", "--length", String(lengthBytes), path]);
    } catch (error) {
      this.#log(`${path}: emptied, because its oldest part could not be cut off: ${(error as Error).message.trim()}`);
      await truncate(path, 0);
    }
  }
}
