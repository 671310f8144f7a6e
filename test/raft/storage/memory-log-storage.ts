import type { Entry, HardState, SnapshotMetadata } from "../../../src/api/generated/raftpb/raft.js";
import {
  type AppendBatch,
  type LogStorage,
  type LogStorageStats,
  SnapshotMissingError,
  type SnapshotSink,
  type StoredState,
} from "../../../src/raft/storage/log-storage.js";

interface Contents {
  identity: Uint8Array | undefined;
  hardState: HardState;
  snapshot: SnapshotMetadata;
  entries: Entry[];
  readonly snapshots: Map<number, { readonly metadata: SnapshotMetadata; readonly chunks: readonly Uint8Array[] }>;
}

/** A log in memory: everything is durable at once, and nothing ever fails. {@link reopened} is the next life of the member. */
export class MemoryLogStorage implements LogStorage {
  readonly #contents: Contents;
  #isClosed = false;

  constructor(contents?: Contents) {
    this.#contents = contents ?? {
      identity: undefined,
      hardState: { term: 0, vote: "0", commit: 0 },
      snapshot: { confState: undefined, index: 0, term: 0 },
      entries: [],
      snapshots: new Map(),
    };
  }

  /** The same log for the next life; this one is over. */
  reopened(): MemoryLogStorage {
    this.#isClosed = true;
    return new MemoryLogStorage(this.#contents);
  }

  async load(): Promise<StoredState> {
    this.#checkOpen();
    const { identity, hardState, entries } = this.#contents;
    const snapshot = this.#counting().at(-1) ?? this.#contents.snapshot;
    for (const index of this.#contents.snapshots.keys()) {
      if (index > snapshot.index) this.#contents.snapshots.delete(index);
    }
    const commit = Math.max(hardState.commit, snapshot.index);
    return { identity, hardState: { ...hardState, commit }, snapshot, entries: [...entries], notes: [] };
  }

  async setIdentity(identity: Uint8Array): Promise<void> {
    this.#checkOpen();
    this.#contents.identity = identity.slice();
  }

  async append({ entries, hardState }: AppendBatch): Promise<void> {
    this.#checkOpen();
    const kept = this.#contents.entries;
    for (const entry of entries) {
      const [first] = kept;
      if (first) kept.length = Math.min(kept.length, Math.max(0, entry.Index - first.Index));
      kept.push(entry);
    }
    if (hardState) this.#contents.hardState = hardState;
  }

  async createSnapshot(metadata: SnapshotMetadata): Promise<SnapshotSink> {
    this.#checkOpen();
    const chunks: Uint8Array[] = [];
    return {
      write: async (chunk) => {
        chunks.push(chunk.slice());
      },
      commit: async () => {
        this.#contents.snapshots.set(metadata.index, { metadata, chunks });
      },
      abort: async () => {
        chunks.length = 0;
      },
    };
  }

  async *readSnapshot(index: number): AsyncGenerator<Uint8Array, void, undefined> {
    const found = this.#contents.snapshots.get(index);
    if (!found) throw new SnapshotMissingError(`there is no snapshot ${index}`);
    yield* found.chunks;
  }

  async compact(snapshot: SnapshotMetadata, keepFrom: number, keepSnapshots: number): Promise<void> {
    this.#checkOpen();
    this.#needSnapshot(snapshot);
    const { entries, snapshots } = this.#contents;
    if (snapshot.index > this.#contents.snapshot.index) this.#contents.snapshot = snapshot;
    const from = Math.min(keepFrom, snapshot.index + 1);
    this.#contents.entries = entries.filter(({ Index }) => Index >= from);
    const old = [...snapshots.keys()].filter((index) => index <= snapshot.index).sort((a, b) => a - b);
    for (const index of old.slice(0, Math.max(0, old.length - Math.max(1, keepSnapshots)))) snapshots.delete(index);
  }

  async installSnapshot(snapshot: SnapshotMetadata, hardState: HardState | undefined): Promise<void> {
    this.#checkOpen();
    this.#needSnapshot(snapshot);
    this.#contents.snapshot = snapshot;
    this.#contents.entries = [];
    if (hardState) this.#contents.hardState = hardState;
  }

  stats(): LogStorageStats {
    const { entries, snapshots } = this.#contents;
    const index = Math.max(0, ...snapshots.keys());
    return {
      segments: 1,
      bytes: entries.reduce((sum, { Data }) => sum + Data.length, 0),
      snapshotIndex: index,
      snapshotBytes: snapshots.get(index)?.chunks.reduce((sum, { length }) => sum + length, 0) ?? 0,
      syncP50Ms: 0,
      syncP99Ms: 0,
      keyId: "none",
      keys: 0,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /** Those that the log knows, from the oldest to the newest. */
  #counting(): SnapshotMetadata[] {
    const { snapshots, snapshot, entries } = this.#contents;
    return [...snapshots.values()]
      .map(({ metadata }) => metadata)
      .filter(
        ({ index, term }) =>
          index <= snapshot.index || entries.some((entry) => entry.Index === index && entry.Term === term),
      )
      .sort((a, b) => a.index - b.index);
  }

  #needSnapshot({ index }: SnapshotMetadata): void {
    if (!this.#contents.snapshots.has(index)) throw new SnapshotMissingError(`there is no snapshot ${index}`);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error("the log is closed");
  }
}
