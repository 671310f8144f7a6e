import { type Disk, DiskError, type DiskFile } from "../../../src/raft/disk/disk.js";
import { MemoryFile } from "./memory-file.js";

type NameChange = readonly [name: string, file: MemoryFile | undefined][];

/**
 * A disk in memory that knows what is durable. It outlives the process that used it: {@link losePower}, then open it anew.
 * Without faults of its own; see FaultyDisk.
 */
export class MemoryDisk implements Disk {
  #names = new Map<string, MemoryFile>();
  #durableNames = new Map<string, MemoryFile>();
  #unsyncedNames: NameChange[] = [];

  async list(): Promise<readonly string[]> {
    return this.names();
  }

  async create(name: string, sizeBytes: number): Promise<DiskFile> {
    return new MemoryDiskFile(name, this.createNow(name, sizeBytes));
  }

  async open(name: string): Promise<DiskFile> {
    return new MemoryDiskFile(name, this.file(name));
  }

  async rename(from: string, to: string): Promise<void> {
    this.renameNow(from, to);
  }

  async remove(name: string): Promise<void> {
    this.removeNow(name);
  }

  async syncFolder(): Promise<void> {
    this.syncNamesNow();
  }

  createNow(name: string, sizeBytes: number): MemoryFile {
    if (this.#names.has(name)) throw new DiskError("exists", name, `${name} exists`);
    const file = new MemoryFile(sizeBytes);
    this.#rename([[name, file]]);
    return file;
  }

  renameNow(from: string, to: string): void {
    const file = this.file(from);
    this.#rename([
      [from, undefined],
      [to, file],
    ]);
  }

  removeNow(name: string): void {
    this.file(name);
    this.#rename([[name, undefined]]);
  }

  syncNamesNow(): void {
    this.#unsyncedNames = [];
    this.#durableNames = new Map(this.#names);
  }

  /** As {@link list}, at once. */
  names(): readonly string[] {
    return [...this.#names.keys()].sort();
  }

  /** @throws DiskError not-found */
  file(name: string): MemoryFile {
    const file = this.#names.get(name);
    if (!file) throw new DiskError("not-found", name, `${name} does not exist`);
    return file;
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    let sum = 0;
    for (const file of this.#names.values()) sum += file.size;
    return sum;
  }

  /**
   * What was not synced is lost in part: of each write every sector, and every change of a name, stays if `keeps` says so.
   * Without it everything is lost.
   */
  losePower(keeps: () => boolean = () => false): void {
    const files = new Set([...this.#names.values(), ...this.#durableNames.values()]);
    for (const change of this.#unsyncedNames) for (const [, file] of change) if (file) files.add(file);
    for (const file of files) file.losePower(keeps);
    for (const change of this.#unsyncedNames) if (keeps()) applyTo(this.#durableNames, change);
    this.#unsyncedNames = [];
    this.#names = new Map(this.#durableNames);
  }

  #rename(change: NameChange): void {
    applyTo(this.#names, change);
    this.#unsyncedNames.push(change);
  }
}

class MemoryDiskFile implements DiskFile {
  readonly #file: MemoryFile;

  constructor(
    readonly name: string,
    file: MemoryFile,
  ) {
    this.#file = file;
  }

  async size(): Promise<number> {
    return this.#file.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.#file.read(offset, length);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.#file.write(offset, bytes);
  }

  async writeDurably(offset: number, bytes: Uint8Array): Promise<void> {
    this.#file.write(offset, bytes);
    this.#file.sync();
  }

  async sync(): Promise<void> {
    this.#file.sync();
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#file.truncate(sizeBytes);
  }

  async close(): Promise<void> {}
}

function applyTo(names: Map<string, MemoryFile>, change: NameChange): void {
  for (const [name, file] of change) {
    if (file) names.set(name, file);
    else names.delete(name);
  }
}
