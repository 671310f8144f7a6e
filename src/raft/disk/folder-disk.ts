/** A folder of the file system. What it makes only its owner can read. */
import { close, constants, fdatasync, fstat, ftruncate, open, read, write } from "node:fs";
import { readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeFolder, syncFolder } from "../../security/at-rest/durable-folder.js";
import { type Disk, DiskError, type DiskErrorCode, type DiskFile } from "./disk.js";

const openFile = promisify(open);
const closeFile = promisify(close);
const syncData = promisify(fdatasync);
const statFile = promisify(fstat);
const truncateFile = promisify(ftruncate);

const FILE_MODE = 0o600;
/** At a time, each made durable by itself: a durable write of another file in between waits for one of them at most. */
const ZEROS = Buffer.alloc(256 << 10);

export interface FolderDiskOptions {
  /** Opens for reading alone; everything that would change the folder is refused. */
  readonly readOnly?: boolean;
}

export class FolderDisk implements Disk {
  readonly #folder: string;
  readonly #readOnly: boolean;

  /** The folder is made by {@link list} when it is missing, unless it is only read. */
  constructor(folder: string, options: FolderDiskOptions = {}) {
    this.#folder = folder;
    this.#readOnly = options.readOnly ?? false;
  }

  async list(): Promise<readonly string[]> {
    return this.#attempt("list", "", async () => {
      if (!this.#readOnly) await makeFolder(this.#folder);
      return (await readdir(this.#folder)).sort();
    });
  }

  async create(name: string, sizeBytes: number): Promise<DiskFile> {
    this.#refuseChange(name);
    const path = join(this.#folder, name);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
    const descriptor = await this.#attempt("create", name, () => openFile(path, flags, FILE_MODE));
    const file = new FolderFile(name, path, descriptor);
    try {
      for (let offset = 0; offset < sizeBytes; offset += ZEROS.length) {
        await file.writeDurably(offset, ZEROS.subarray(0, Math.min(ZEROS.length, sizeBytes - offset)));
      }
      await file.sync();
      return file;
    } catch (error) {
      await file.close();
      await unlink(path);
      throw error;
    }
  }

  async open(name: string): Promise<DiskFile> {
    const path = join(this.#folder, name);
    const flags = this.#readOnly ? constants.O_RDONLY : constants.O_RDWR;
    return new FolderFile(name, path, await this.#attempt("open", name, () => openFile(path, flags)));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#refuseChange(from);
    await this.#attempt("rename", from, () => rename(join(this.#folder, from), join(this.#folder, to)));
  }

  async remove(name: string): Promise<void> {
    this.#refuseChange(name);
    await this.#attempt("remove", name, () => unlink(join(this.#folder, name)));
  }

  async syncFolder(): Promise<void> {
    this.#refuseChange("");
    await this.#attempt("sync", "", () => syncFolder(this.#folder));
  }

  #refuseChange(name: string): void {
    if (this.#readOnly) throw new DiskError("io", name, `${join(this.#folder, name)} is opened for reading alone`);
  }

  #attempt<Result>(what: string, name: string, action: () => Promise<Result>): Promise<Result> {
    return action().catch((error) => {
      throw diskError(what, name, join(this.#folder, name), error);
    });
  }
}

class FolderFile implements DiskFile {
  readonly #path: string;
  readonly #descriptor: number;
  /** Opened at the first durable write. */
  #durable: Promise<number> | undefined;
  /** Written through {@link #descriptor} since the last sync: a durable write of another range does not cover it. */
  #hasUnsynced = false;

  constructor(
    readonly name: string,
    path: string,
    descriptor: number,
  ) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  async size(): Promise<number> {
    return this.#attempt("stat", async () => (await statFile(this.#descriptor)).size);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.#attempt("read", async () => {
      const bytes = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const count = await readAt(this.#descriptor, bytes, done, length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
      return bytes.subarray(0, done);
    });
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.#hasUnsynced = true;
    await this.#attempt("write", () => writeAll(this.#descriptor, bytes, offset));
  }

  /** One call of a thread: a write through a descriptor with O_DSYNC ends when the data is safe. */
  async writeDurably(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#attempt("write", async () => {
      // By the descriptor, not by the path: the file may have been renamed.
      this.#durable ??= openFile(`/proc/self/fd/${this.#descriptor}`, constants.O_WRONLY | constants.O_DSYNC);
      await writeAll(await this.#durable, bytes, offset);
    });
    if (this.#hasUnsynced) await this.sync();
  }

  async sync(): Promise<void> {
    // What is written from here on may miss this sync.
    this.#hasUnsynced = false;
    await this.#attempt("sync", () => syncData(this.#descriptor));
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#hasUnsynced = true;
    await this.#attempt("truncate", () => truncateFile(this.#descriptor, sizeBytes));
  }

  async close(): Promise<void> {
    const durable = this.#durable;
    this.#durable = undefined;
    await this.#attempt("close", async () => {
      if (durable) await closeFile(await durable);
      await closeFile(this.#descriptor);
    });
  }

  #attempt<Result>(what: string, action: () => Promise<Result>): Promise<Result> {
    return action().catch((error) => {
      throw diskError(what, this.name, this.#path, error);
    });
  }
}

function readAt(descriptor: number, into: Buffer, at: number, length: number, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, into, at, length, offset, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

function writeAll(descriptor: number, bytes: Uint8Array, offset: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (done: number): void => {
      write(descriptor, bytes, done, bytes.length - done, offset + done, (error, count) => {
        if (error) reject(error);
        else if (done + count < bytes.length) next(done + count);
        else resolve();
      });
    };
    next(0);
  });
}

const CODES: Readonly<Record<string, DiskErrorCode>> = {
  ENOENT: "not-found",
  EEXIST: "exists",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
};

function diskError(what: string, name: string, path: string, cause: NodeJS.ErrnoException): DiskError {
  if (cause instanceof DiskError) return cause;
  const code = CODES[cause.code ?? ""] ?? "io";
  const advice = code === "no-space" ? ": free some space, then start again" : "";
  return new DiskError(code, name, `cannot ${what} ${path} (${cause.code ?? cause.message})${advice}`);
}
