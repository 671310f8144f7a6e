import { type Disk, DiskError, type DiskFile } from "../../../src/raft/disk/disk.js";
import type { MemoryDisk } from "./memory-disk.js";
import { type MemoryFile, SECTOR_BYTES } from "./memory-file.js";

export type DiskOperation =
  | "list"
  | "create"
  | "open"
  | "rename"
  | "remove"
  | "sync-folder"
  | "size"
  | "read"
  | "write"
  | "write-durably"
  | "sync"
  | "truncate"
  | "close";

export interface DiskFaults {
  /** In [0, 1). Everything that is left to chance comes from it, so that a seed replays. Only asked when something is. */
  readonly random: () => number;
  /**
   * The power fails in the operation that comes after so many that change the disk (create, rename, remove, writes, syncs,
   * truncate): it is done in part, or not at all, or wholly, and does not return.
   */
  readonly powerFailsAfter?: number;
  /** As {@link powerFailsAfter}, but only the process ends: what it has written stays. */
  readonly processEndsAfter?: number;
  /** Asked before every operation; it goes on when the promise resolves. Without one, or without a promise, at once. */
  readonly delay?: (operation: DiskOperation, file: string) => Promise<void> | undefined;
  /** Asked before every operation: an error that it fails with, without effect. A failing sync leaves what it was for unsynced. */
  readonly fails?: (operation: DiskOperation, file: string) => DiskError | undefined;
  /** Creating and growing beyond it fails with no-space. */
  readonly capacityBytes?: number;
}

const CHANGING: ReadonlySet<DiskOperation> = new Set([
  "create",
  "rename",
  "remove",
  "sync-folder",
  "write",
  "write-durably",
  "sync",
  "truncate",
] satisfies DiskOperation[]);

/**
 * A {@link MemoryDisk} as one life of a process sees it: with faults. When the life ends ({@link losePower}, {@link kill}, or by
 * itself), every operation under way and every later one fails; the next life gets a FaultyDisk of its own on the same MemoryDisk.
 */
export class FaultyDisk implements Disk {
  readonly #disk: MemoryDisk;
  readonly #faults: DiskFaults;
  /** What a write that has not returned yet may have left behind. */
  readonly #underWay = new Set<() => unknown>();
  #isOver = false;
  #changes = 0;

  constructor(disk: MemoryDisk, faults: DiskFaults) {
    this.#disk = disk;
    this.#faults = faults;
  }

  /** Operations so far that change the disk. */
  get changes(): number {
    return this.#changes;
  }

  /** No power, or no process, any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The power fails now: what is not durable is lost, torn or kept, by sectors and names, as chance has it. */
  losePower(): void {
    if (this.#isOver) return;
    this.#end();
    const mood = this.#faults.random();
    // Everything lost and everything kept are worth more than their share among the mixtures.
    this.#disk.losePower(() => (mood < 0.25 ? false : mood < 0.5 ? true : this.#faults.random() < 0.5));
  }

  /** The process ends now: what it has written stays, durable or not; writes under way may be there. */
  kill(): void {
    if (!this.#isOver) this.#end();
  }

  list(): Promise<readonly string[]> {
    return this.#run("list", "", () => this.#disk.names());
  }

  async create(name: string, sizeBytes: number): Promise<DiskFile> {
    const effect = () => {
      this.#claim(name, sizeBytes);
      return this.#disk.createNow(name, sizeBytes);
    };
    return this.#wrap(name, await this.#run("create", name, effect));
  }

  async open(name: string): Promise<DiskFile> {
    return this.#wrap(name, await this.#run("open", name, () => this.#disk.file(name)));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#run("rename", from, () => this.#disk.renameNow(from, to));
  }

  remove(name: string): Promise<void> {
    return this.#run("remove", name, () => this.#disk.removeNow(name));
  }

  syncFolder(): Promise<void> {
    return this.#run("sync-folder", "", NOTHING, () => this.#disk.syncNamesNow());
  }

  #wrap(name: string, file: MemoryFile): DiskFile {
    const put = (offset: number, bytes: Uint8Array) => () => {
      this.#claim(name, offset + bytes.length - file.size);
      file.write(offset, bytes);
    };
    const sync = () => file.sync();
    return {
      name,
      size: () => this.#run("size", name, () => file.size),
      read: (offset, length) => this.#run("read", name, () => file.read(offset, length)),
      write: (offset, bytes) => this.#run("write", name, put(offset, bytes)),
      writeDurably: (offset, bytes) => this.#run("write-durably", name, put(offset, bytes), sync),
      sync: () => this.#run("sync", name, NOTHING, sync),
      truncate: (sizeBytes) => this.#run("truncate", name, () => file.truncate(sizeBytes)),
      close: () => this.#run("close", name, NOTHING),
    };
  }

  /**
   * @param effect what the operation does, which alone makes nothing durable: it may have happened in part when the life ends meanwhile
   * @param makeDurable at its end
   */
  async #run<Result>(
    operation: DiskOperation,
    file: string,
    effect: () => Result,
    makeDurable: () => void = NOTHING,
  ): Promise<Result> {
    this.#checkAlive(file);
    const failure = this.#faults.fails?.(operation, file);
    if (failure) throw failure;
    const changes = CHANGING.has(operation);
    if (changes) {
      const isLastOfPower = this.#changes === this.#faults.powerFailsAfter;
      const isLastOfProcess = this.#changes === this.#faults.processEndsAfter;
      if ((isLastOfPower || isLastOfProcess) && this.#faults.random() < 0.75) attempt(effect);
      if (isLastOfPower) this.losePower();
      if (isLastOfProcess) this.kill();
      this.#checkAlive(file);
      this.#changes++;
    }
    const delayed = this.#faults.delay?.(operation, file);
    if (delayed) {
      if (changes) this.#underWay.add(effect);
      await delayed;
      this.#underWay.delete(effect);
      this.#checkAlive(file);
    }
    const result = effect();
    makeDurable();
    return result;
  }

  #end(): void {
    this.#isOver = true;
    for (const effect of this.#underWay) if (this.#faults.random() < 0.75) attempt(effect);
    this.#underWay.clear();
  }

  #checkAlive(file: string): void {
    if (this.#isOver) throw new DiskError("io", file, "this life of the process is over");
  }

  #claim(name: string, moreBytes: number): void {
    const { capacityBytes = Number.POSITIVE_INFINITY } = this.#faults;
    if (moreBytes > 0 && this.#disk.usedBytes + moreBytes > capacityBytes) {
      throw new DiskError("no-space", name, `no space for ${moreBytes} bytes more of ${name}`);
    }
  }
}

/** A sector comes back wrong from now on: every bit of it turns. */
export function corruptSector(disk: MemoryDisk, name: string, sector: number): void {
  const file = disk.file(name);
  const offset = sector * SECTOR_BYTES;
  for (let at = offset; at < Math.min(file.size, offset + SECTOR_BYTES); at++) file.flip(at, 0xff);
}

/** One bit turns at rest. */
export function flipBit(disk: MemoryDisk, name: string, bit: number): void {
  disk.file(name).flip(bit >>> 3, 1 << (bit & 7));
}

/** What would have been refused leaves nothing behind. */
function attempt(effect: () => unknown): void {
  try {
    effect();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

const NOTHING = (): undefined => undefined;
