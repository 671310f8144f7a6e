/** When the next snapshot is due, and what of the log stays after it. */
import type { Entry, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { FollowerStatus } from "../core/machine.js";
import type { MemberId } from "../core/member-id.js";
import { EntrySizes, keepFrom } from "./retention.js";
import type { RaftSettings } from "./settings.js";

/** Ticks until a snapshot that failed is tried again. */
const REST_TICKS = 100;

export class SnapshotSchedule {
  readonly #settings: RaftSettings;
  readonly #sizes: EntrySizes;
  #newest: SnapshotMetadata;
  #bytesSince = 0;
  #restTicks = 0;

  /** @param entries all that the log has: those up to the snapshot are kept for others */
  constructor(settings: RaftSettings, newest: SnapshotMetadata, entries: readonly Entry[]) {
    this.#settings = settings;
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
  replaced(newest: SnapshotMetadata): void {
    this.#newest = newest;
    this.#bytesSince = 0;
    this.#sizes.restart(newest.index);
  }

  /** @param bytesBefore what was applied when its state was taken hold of */
  made(newest: SnapshotMetadata, bytesBefore: number): void {
    this.#newest = newest;
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
    return applied - this.#newest.index >= snapshotEntries || this.#bytesSince >= snapshotBytes;
  }

  keepFrom(snapshotIndex: number, self: MemberId, followers: readonly FollowerStatus[]): number {
    const lowest = this.#sizes.lowestWithin(this.#settings.keepBytes);
    return keepFrom(snapshotIndex, self, followers, this.#settings, lowest);
  }
}
