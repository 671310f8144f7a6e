/** Makes snapshots of the state, one at a time, part by part beside all else. */
import type { SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { LogStorage, SnapshotSink } from "../storage/log-storage.js";
import type { Clock } from "./clock.js";
import { stopped } from "./errors.js";
import { Pace } from "./stored-snapshot.js";

/** The state at a moment: taken hold of, not encoded yet. */
export interface HeldState {
  readonly metadata: SnapshotMetadata;
  readonly parts: Iterable<Uint8Array>;
}

export interface SnapshotResult {
  readonly index: number;
  readonly bytes: number;
  readonly tookMs: number;
}

export class SnapshotMaker {
  readonly #storage: LogStorage;
  readonly #clock: Clock;
  readonly #sliceMs: number;
  #current: Promise<SnapshotResult> | undefined;
  #ended = false;
  /** A state that came from elsewhere took the place of the one that is being written. */
  #superseded = false;

  constructor(storage: LogStorage, clock: Clock, sliceMs: number) {
    this.#storage = storage;
    this.#clock = clock;
    this.#sliceMs = sliceMs;
  }

  get isBusy(): boolean {
    return this.#current !== undefined;
  }

  /**
   * @param compact drops what the snapshot makes needless, once it is durable
   * @returns once that is done; of the one that is under way when there is one
   */
  make(hold: () => HeldState, compact: (metadata: SnapshotMetadata) => Promise<void>): Promise<SnapshotResult> {
    if (this.#ended) return Promise.reject(stopped());
    this.#current ??= this.#make(hold(), compact).finally(() => {
      this.#current = undefined;
    });
    return this.#current;
  }

  supersede(): void {
    this.#superseded = true;
  }

  /** Resolves when nothing is written any more; what was half done leaves nothing. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#current?.catch(() => undefined);
  }

  async #make(
    { metadata, parts }: HeldState,
    compact: (metadata: SnapshotMetadata) => Promise<void>,
  ): Promise<SnapshotResult> {
    const startedAt = this.#clock.now();
    this.#superseded = false;
    const sink = await this.#storage.createSnapshot(metadata);
    const bytes = await this.#write(sink, parts);
    await sink.commit();
    await compact(metadata);
    return { index: metadata.index, bytes, tookMs: this.#clock.now() - startedAt };
  }

  async #write(sink: SnapshotSink, parts: Iterable<Uint8Array>): Promise<number> {
    const pace = new Pace(this.#clock, this.#sliceMs);
    let bytes = 0;
    try {
      for (const part of parts) {
        bytes += part.length;
        await sink.write(part);
        if (this.#ended) throw stopped();
        if (this.#superseded) throw new Error("a newer state came from the leader meanwhile");
        await pace.rest();
      }
      return bytes;
    } catch (error) {
      await sink.abort();
      throw error;
    }
  }
}
