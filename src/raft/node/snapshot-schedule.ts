/** When the next snapshot is due, and what of the log stays after it. */
import type { Entry, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { FollowerStatus } from "../core/machine.js";
import type { MemberId } from "../core/member-id.js";
import { EntrySizes, keepFrom } from "./retention.js";
import type { RaftSettings } from "./settings.js";

/** Ticks until a snapshot that failed is tried again. */
const REST_TICKS = 100;
/**
 * What is written to a snapshot is at most so many times what was written to the log since the last one: a large state that
 * changes fast is not written over and over.
 */
const SNAPSHOT_BYTES_PER_LOG_BYTE = 2;

export class SnapshotSchedule {
  readonly #settings: RaftSettings;
  readonly #sizes: EntrySizes;
  #newest: SnapshotMetadata;
  #newestBytes: number;
  #bytesSince = 0;
  #restTicks = 0;

  /**
   * @param newestBytes size of the newest snapshot
   * @param entries all that the log has: those up to the snapshot are kept for others
   */
  constructor(settings: RaftSettings, newest: SnapshotMetadata, newestBytes: number, entries: readonly Entry[]) {
    this.#settings = settings;
    this.#newestBytes = newestBytes;
    this.#sizes = new EntrySizes(settings);
    this.#newest = newest;
    const old = entries.filter(({ Index }) => Index <= newest.index);
    this.#sizes.restart((old[0]?.Index ?? newest.index + 1) - 1);
    for (const { Index, Data } of old) this.#sizes.add(Index, Data.length);
  }

  /** Index 0 without one. */
  get newest(): SnapshotMetadata {
    return this.#newest;
  }

  applied(index: number, bytes: number): void {
    this.#bytesSince += bytes;
    this.#sizes.add(index, bytes);
  }

  /** A snapshot from elsewhere has replaced the log. */
  replaced(newest: SnapshotMetadata, newestBytes: number): void {
    this.#newest = newest;
    this.#newestBytes = newestBytes;
    this.#bytesSince = 0;
    this.#sizes.restart(newest.index);
  }

  /** @param bytesBefore what was applied when its state was taken hold of */
  made(newest: SnapshotMetadata, newestBytes: number, bytesBefore: number): void {
    this.#newest = newest;
    this.#newestBytes = newestBytes;
    this.#bytesSince -= bytesBefore;
  }

  get bytesSince(): number {
    return this.#bytesSince;
  }

  failed(): void {
    this.#restTicks = REST_TICKS;
  }

  tick(): void {
    this.#restTicks--;
  }

  isDue(applied: number): boolean {
    if (this.#restTicks > 0) return false;
    const { snapshotEntries, snapshotBytes } = this.#settings;
    if (this.#bytesSince >= snapshotBytes) return true;
    const isLongAgo = applied - this.#newest.index >= snapshotEntries;
    return isLongAgo && this.#bytesSince * SNAPSHOT_BYTES_PER_LOG_BYTE >= this.#newestBytes;
  }

  keepFrom(snapshotIndex: number, self: MemberId, followers: readonly FollowerStatus[]): number {
    const lowest = this.#sizes.lowestWithin(this.#settings.keepBytes);
    return keepFrom(snapshotIndex, self, followers, this.#settings, lowest);
  }
}
