import { randomBytes } from "node:crypto";
import type { SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { KeyRing } from "../../security/at-rest/key-ring.js";
import type { Disk } from "../disk/disk.js";
import { SnapshotFolder } from "../snapshot/snapshot-folder.js";
import type { SnapshotId } from "../snapshot/snapshot-name.js";
import { LogWriter } from "../wal/log-writer.js";
import { SyncTimes } from "../wal/sync-times.js";
import {
  type AppendBatch,
  type LogStorage,
  type LogStorageStats,
  SnapshotMissingError,
  type SnapshotSink,
  type StoredState,
} from "./log-storage.js";
import { type Recovered, recover } from "./recovery.js";

export interface LogStorageOptions {
  /** Nobody else's while this one uses it. */
  readonly disk: Disk;
  readonly keyRing: KeyRing;
  /** Of one segment of the log; default 16 MiB. */
  readonly segmentBytes?: number;
  /** What goes together in one write, about; default 1 MiB. */
  readonly maxGroupBytes?: number;
  /** Of good quality: salts of keys come from it. */
  readonly randomBytes?: (size: number) => Uint8Array;
  /** Milliseconds, for the statistics alone. */
  readonly now?: () => number;
}

/** A log storage whose key can be changed while it runs. */
export interface SealedLogStorage extends LogStorage {
  /**
   * From now on everything is sealed with the key ring's current key: a new segment begins. What is there stays readable, and
   * its keys are kept, until compaction has removed it. Resolves when durable.
   */
  rotateKey(): Promise<void>;
}

const SEGMENT_BYTES = 16 << 20;
const GROUP_BYTES = 1 << 20;
/** It stands in the header of each segment. */
const MAX_IDENTITY_BYTES = 64 << 10;

/** Reads nothing before {@link LogStorage.load}. */
export function openLogStorage(options: LogStorageOptions): SealedLogStorage {
  return new DiskLogStorage(options);
}

class DiskLogStorage implements SealedLogStorage {
  readonly #options: LogStorageOptions;
  readonly #random: (size: number) => Uint8Array;
  readonly #syncTimes = new SyncTimes();
  #writer: LogWriter | undefined;
  #snapshots: SnapshotFolder | undefined;
  /** What removes files goes one after the other. */
  #chores: Promise<unknown> = Promise.resolve();

  constructor(options: LogStorageOptions) {
    this.#options = options;
    this.#random = options.randomBytes ?? randomBytes;
  }

  async load(): Promise<StoredState> {
    if (this.#writer) throw new Error("the log was loaded before");
    const { disk, keyRing } = this.#options;
    const recovered = await recover(disk, keyRing);
    await this.#repair(recovered);
    this.#writer = new LogWriter(
      {
        disk,
        keyRing,
        segmentBytes: this.#options.segmentBytes ?? SEGMENT_BYTES,
        maxGroupBytes: this.#options.maxGroupBytes ?? GROUP_BYTES,
        randomBytes: this.#random,
        now: this.#options.now ?? (() => performance.now()),
        syncTimes: this.#syncTimes,
      },
      recovered.log,
    );
    this.#snapshots = new SnapshotFolder({ disk, keyRing, randomBytes: this.#random }, recovered.snapshots);
    return recovered.state;
  }

  async setIdentity(identity: Uint8Array): Promise<void> {
    if (identity.length > MAX_IDENTITY_BYTES)
      throw new RangeError(`an identity of ${identity.length} bytes is too long`);
    return this.#log.write({ entries: [], identity: identity.slice() }, true);
  }

  append({ entries, hardState, mustSync }: AppendBatch): Promise<void> {
    return this.#log.write({ entries, hardState }, mustSync);
  }

  async createSnapshot(metadata: SnapshotMetadata): Promise<SnapshotSink> {
    // So that a snapshot without a log is always damage, and never a folder whose first segment was not durable yet.
    await this.#log.ensureBegun();
    return this.#folder.create(metadata);
  }

  readSnapshot(index: number): AsyncIterable<Uint8Array> {
    return this.#folder.read(index);
  }

  compact(snapshot: SnapshotMetadata, keepFrom: number, keepSnapshots: number): Promise<void> {
    return this.#chore(async () => {
      this.#needSnapshot(snapshot);
      const { index, term } = snapshot;
      await this.#drop(Math.min(keepFrom, index + 1), { index, term });
      await this.#folder.removeOld(index, keepSnapshots);
      await this.#options.disk.syncFolder();
      await this.#retireKeys();
    });
  }

  async installSnapshot(snapshot: SnapshotMetadata, hardState: AppendBatch["hardState"]): Promise<void> {
    this.#needSnapshot(snapshot);
    const { index, term } = snapshot;
    await this.#log.write({ entries: [], restart: snapshot, hardState }, true);
    await this.#chore(async () => {
      await this.#drop(0, { index, term });
      await this.#options.disk.syncFolder();
      await this.#retireKeys();
    });
  }

  async rotateKey(): Promise<void> {
    await this.#log.beginSegment();
    await this.#chore(() => this.#retireKeys());
  }

  stats(): LogStorageStats {
    const segments = this.#log.segments();
    const snapshot = this.#folder.stored().at(-1);
    return {
      segments: segments.length,
      bytes: segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      snapshotIndex: snapshot?.index ?? 0,
      snapshotBytes: snapshot?.sizeBytes ?? 0,
      syncP50Ms: this.#syncTimes.percentile(0.5),
      syncP99Ms: this.#syncTimes.percentile(0.99),
      keyId: this.#log.keyId ?? this.#options.keyRing.current.id,
      keys: this.#keysInUse().size,
    };
  }

  async close(): Promise<void> {
    await this.#chores.catch(() => undefined);
    await this.#writer?.close();
  }

  /** What recovery has seen becomes durable before anybody acts on it: the process may have ended without the power having failed. */
  async #repair({ log, leftovers }: Recovered): Promise<void> {
    const { disk } = this.#options;
    if (log.last) {
      const file = await disk.open(log.last.name);
      try {
        await file.truncate(log.last.position.endOffset);
        await file.sync();
      } finally {
        await file.close();
      }
    }
    for (const name of leftovers) await disk.remove(name);
    await disk.syncFolder();
  }

  /** Removes the oldest segments, those with no entry from `keepFrom` on and those before a restart, after the log says that they do not count. */
  async #drop(keepFrom: number, snapshot: SnapshotId): Promise<void> {
    const segments = this.#log.segments();
    const lastRestart = segments.findLastIndex(({ hasRestart }) => hasRestart);
    const firstKept = segments.findIndex(({ maxIndex }, at) => at >= lastRestart && maxIndex >= keepFrom);
    const complete = this.#log.completeSegments();
    const doomed = complete.slice(0, firstKept < 0 ? complete.length : firstKept);
    const last = doomed.at(-1);
    const firstSequence = last ? last.sequence + 1 : this.#log.kept.firstSequence;
    await this.#log.write({ entries: [], kept: { snapshot, firstSequence } }, true);
    for (const { name } of doomed) await this.#options.disk.remove(name);
    this.#log.forget(new Set(doomed.map(({ name }) => name)));
  }

  #retireKeys(): Promise<void> {
    return this.#options.keyRing.retain(() => this.#keysInUse());
  }

  #keysInUse(): ReadonlySet<string> {
    return new Set([...this.#log.keyIds(), ...this.#folder.keyIds()]);
  }

  #needSnapshot(snapshot: SnapshotMetadata): void {
    if (this.#folder.has(snapshot)) return;
    throw new SnapshotMissingError(`there is no snapshot ${snapshot.index} of term ${snapshot.term}`);
  }

  #chore(action: () => Promise<void>): Promise<void> {
    const done = this.#chores.then(action, action);
    this.#chores = done.catch(() => undefined);
    return done;
  }

  get #log(): LogWriter {
    if (!this.#writer) throw new Error("the log was not loaded");
    return this.#writer;
  }

  get #folder(): SnapshotFolder {
    if (!this.#snapshots) throw new Error("the log was not loaded");
    return this.#snapshots;
  }
}
