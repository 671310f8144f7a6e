import type { Entry, HardState, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";

/** What a member finds when it starts. */
export interface StoredState {
  /** What {@link LogStorage.setIdentity} stored; undefined when the storage is new. */
  readonly identity: Uint8Array | undefined;
  readonly hardState: HardState;
  /** The newest whole snapshot; index 0 without one. */
  readonly snapshot: SnapshotMetadata;
  /** Consecutive; old ones before the snapshot's index may be among them. */
  readonly entries: readonly Entry[];
  /** What recovery did, a line each, for the operator: "torn tail of 312 bytes dropped: wal/0000000000000003.wal at 81920". */
  readonly notes: readonly string[];
}

export interface AppendBatch {
  /** An entry replaces what the log has at its index and drops what follows it. */
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  /** False: need not be durable when the promise resolves. */
  readonly mustSync: boolean;
}

export interface LogStorageStats {
  readonly segments: number;
  readonly bytes: number;
  readonly snapshotIndex: number;
  readonly snapshotBytes: number;
  /** Of the last syncs; 0 without any. */
  readonly syncP50Ms: number;
  readonly syncP99Ms: number;
  readonly keyId: string;
  /** Keys that sealed something that is still there. */
  readonly keys: number;
}

/** A snapshot that is being received or made. Either of {@link commit} and {@link abort} ends it. */
export interface SnapshotSink {
  /** In order. Resolves when more may be written. */
  write(chunk: Uint8Array): Promise<void>;
  /** Durable and whole under its name once resolved. */
  commit(): Promise<void>;
  /** Leaves nothing behind. */
  abort(): Promise<void>;
}

/**
 * A member's durable log and snapshots. Calls may overlap; appends take effect in the order of the calls, and those that come
 * while a sync runs become durable together with the next one. After a failed write the storage refuses everything: its
 * state is not known any more, and the member must restart.
 */
export interface LogStorage {
  /** Reads everything and repairs a torn tail. Once, before all else. @throws LogDamagedError, LogLockedError */
  load(): Promise<StoredState>;
  /** Stores who the member is (a few hundred bytes), durably; compaction does not touch it. */
  setIdentity(identity: Uint8Array): Promise<void>;
  /** Resolves when durable (with mustSync), after all appends before it. */
  append(batch: AppendBatch): Promise<void>;
  /** A snapshot file of that index. Does not touch the log. Several may be under way. */
  createSnapshot(metadata: SnapshotMetadata): Promise<SnapshotSink>;
  /** Chunks as they were written, whole and verified, of the committed snapshot with this index. @throws LogDamagedError; SnapshotMissingError */
  readSnapshot(index: number): AsyncIterable<Uint8Array>;
  /** After a snapshot was made here: entries before `keepFrom` and all snapshots but the newest `keepSnapshots` may go. */
  compact(snapshot: SnapshotMetadata, keepFrom: number, keepSnapshots: number): Promise<void>;
  /** After a snapshot was received and committed: it replaces the whole log. Ordered like an append; durable once resolved. */
  installSnapshot(snapshot: SnapshotMetadata, hardState: HardState | undefined): Promise<void>;
  stats(): LogStorageStats;
  close(): Promise<void>;
}

/** The disk holds something else than what was written. Says which file and where. */
export class LogDamagedError extends Error {
  override readonly name = "LogDamagedError";
  constructor(
    readonly file: string,
    /** Bytes from the start of the file. */
    readonly offset: number,
    /** "record fails its checksum", "record cannot be opened with key …", "the log goes on after a gap" … */
    readonly reason: string,
  ) {
    super(`${file} is damaged at offset ${offset}: ${reason}`);
  }
}

export { LogLockedError } from "../../security/at-rest/locked-error.js";

export class SnapshotMissingError extends Error {
  override readonly name = "SnapshotMissingError";
}
