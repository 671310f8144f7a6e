/**
 * The disk as the log needs it: a folder of files. What was written may be lost or torn until a sync of it has ended; names
 * (create, rename, remove) may be lost until the folder is synced.
 */
export interface Disk {
  /** Names in the folder, sorted. */
  list(): Promise<readonly string[]>;
  /** A new file of this size, all zeros and allocated, so that writing into it later changes no metadata. */
  create(name: string, sizeBytes: number): Promise<DiskFile>;
  /** An existing one. @throws DiskError not-found */
  open(name: string): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Makes creates, renames and removes before it durable. */
  syncFolder(): Promise<void>;
}

export interface DiskFile {
  readonly name: string;
  size(): Promise<number>;
  /** Fewer bytes than asked for only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Grows the file when it ends before. Not durable before {@link sync}. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Writes and makes this and all before it durable, in one step where the system has one. */
  writeDurably(offset: number, bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

export type DiskErrorCode = "not-found" | "exists" | "no-space" | "io";

export class DiskError extends Error {
  override readonly name = "DiskError";
  constructor(
    readonly code: DiskErrorCode,
    readonly file: string,
    message: string,
  ) {
    super(message);
  }
}
