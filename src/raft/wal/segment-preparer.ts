import type { Disk, DiskFile } from "../disk/disk.js";
import { UNFINISHED } from "./segment-name.js";

export interface PreparedFile {
  readonly name: string;
  readonly file: DiskFile;
  readonly sizeBytes: number;
}

/** Keeps one empty file ready, so that going on to the next segment does not wait for a file of zeros. */
export class SegmentPreparer {
  readonly #disk: Disk;
  readonly #sizeBytes: number;
  #made = 0;
  #ready: Promise<PreparedFile> | undefined;

  constructor(disk: Disk, sizeBytes: number) {
    this.#disk = disk;
    this.#sizeBytes = sizeBytes;
  }

  /** In the background. A failure shows when the file is taken. */
  prepare(): void {
    this.#ready ??= this.#create(this.#sizeBytes);
    this.#ready.catch(() => undefined);
  }

  /** @param neededBytes more than usual for a record that is longer @throws DiskError */
  async take(neededBytes: number): Promise<PreparedFile> {
    if (neededBytes > this.#sizeBytes) return this.#create(neededBytes);
    const ready = this.#ready;
    this.#ready = undefined;
    // What has failed in the background may succeed now: space comes back.
    return (await ready?.catch(() => undefined)) ?? this.#create(this.#sizeBytes);
  }

  /** Removes what was prepared and not taken. */
  async close(): Promise<void> {
    const prepared = await this.#ready?.catch(() => undefined);
    this.#ready = undefined;
    if (!prepared) return;
    await prepared.file.close();
    await this.#disk.remove(prepared.name);
  }

  async #create(sizeBytes: number): Promise<PreparedFile> {
    this.#made++;
    const name = `segment-${this.#made}${UNFINISHED}`;
    return { name, file: await this.#disk.create(name, sizeBytes), sizeBytes };
  }
}
