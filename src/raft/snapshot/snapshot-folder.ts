/** The snapshots of a log: whole files under their names, and those that are being written. */
import type { SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { KeyRing } from "../../security/at-rest/key-ring.js";
import { type Disk, DiskError } from "../disk/disk.js";
import { SnapshotMissingError, type SnapshotSink } from "../storage/log-storage.js";
import { UNFINISHED } from "../wal/segment-name.js";
import { type SnapshotId, snapshotName } from "./snapshot-name.js";
import { SnapshotReader } from "./snapshot-reader.js";
import { SnapshotWriter } from "./snapshot-writer.js";

export interface StoredSnapshot extends SnapshotId {
  readonly name: string;
  readonly sizeBytes: number;
  /** Undefined when its header cannot be read. */
  readonly keyId: string | undefined;
}

export interface SnapshotFolderOptions {
  readonly disk: Disk;
  readonly keyRing: KeyRing;
  readonly randomBytes: (size: number) => Uint8Array;
}

export class SnapshotFolder {
  readonly #options: SnapshotFolderOptions;
  /** From the oldest to the newest. */
  #stored: StoredSnapshot[];
  /** Key ids of those that are being written, by temporary name. */
  readonly #beingWritten = new Map<string, string>();
  #made = 0;

  constructor(options: SnapshotFolderOptions, stored: readonly StoredSnapshot[]) {
    this.#options = options;
    this.#stored = [...stored].sort((a, b) => a.index - b.index);
  }

  /** From the oldest to the newest. */
  stored(): readonly StoredSnapshot[] {
    return this.#stored;
  }

  keyIds(): readonly string[] {
    return [...this.#stored.flatMap(({ keyId }) => keyId ?? []), ...this.#beingWritten.values()];
  }

  has({ index, term }: SnapshotId): boolean {
    return this.#stored.some((one) => one.index === index && one.term === term);
  }

  async create(metadata: SnapshotMetadata): Promise<SnapshotSink> {
    const { disk, keyRing, randomBytes } = this.#options;
    const dataKey = keyRing.current;
    this.#made++;
    const name = `snapshot-${this.#made}${UNFINISHED}`;
    this.#beingWritten.set(name, dataKey.id);
    const writer = await SnapshotWriter.create(disk, name, metadata, dataKey, randomBytes).catch((error) => {
      this.#beingWritten.delete(name);
      throw error;
    });
    let isOver = false;
    const finish = () => {
      if (isOver) throw new Error(`snapshot ${metadata.index} was committed or aborted before`);
      isOver = true;
    };
    return {
      write: (chunk) => writer.write(chunk),
      commit: async () => {
        finish();
        try {
          await writer.commit(metadata);
          this.#add({ ...idOf(metadata), name: snapshotName(metadata), sizeBytes: writer.bytes, keyId: dataKey.id });
        } finally {
          this.#beingWritten.delete(name);
        }
      },
      abort: async () => {
        if (isOver) return;
        finish();
        this.#beingWritten.delete(name);
        await writer.abort();
      },
    };
  }

  /** @throws SnapshotMissingError, LogDamagedError */
  async *read(index: number): AsyncGenerator<Uint8Array, void, undefined> {
    const stored = this.#stored.findLast((one) => one.index === index);
    if (!stored) throw new SnapshotMissingError(`there is no snapshot ${index}`);
    const reader = await SnapshotReader.open(this.#options.disk, stored.name, this.#options.keyRing).catch((error) => {
      const isGone = error instanceof DiskError && error.code === "not-found";
      throw isGone ? new SnapshotMissingError(`snapshot ${index} was just removed`) : error;
    });
    try {
      yield* reader.chunks();
    } finally {
      await reader.close();
    }
  }

  /** All up to this index but the newest `keep`, which are one at least. */
  async removeOld(upToIndex: number, keep: number): Promise<void> {
    const candidates = this.#stored.filter(({ index }) => index <= upToIndex);
    for (const { name } of candidates.slice(0, Math.max(0, candidates.length - Math.max(1, keep)))) {
      await this.#options.disk.remove(name);
      this.#stored = this.#stored.filter((one) => one.name !== name);
    }
  }

  #add(snapshot: StoredSnapshot): void {
    this.#stored = [...this.#stored.filter(({ name }) => name !== snapshot.name), snapshot].sort(
      (a, b) => a.index - b.index,
    );
  }
}

function idOf({ index, term }: SnapshotId): SnapshotId {
  return { index, term };
}
