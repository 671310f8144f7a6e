/** How much of the log outlives a snapshot: a follower that is a little behind needs no snapshot then. */
import type { FollowerStatus } from "../core/machine.js";
import type { MemberId } from "../core/member-id.js";

export interface RetentionLimits {
  readonly keepEntries: number;
  readonly keepEntriesForFollowers: number;
  readonly keepBytes: number;
}

/** Sizes of the newest applied entries, as far back as any rule may want to keep them. */
export class EntrySizes {
  readonly #limit: number;
  #sizes: number[] = [];
  /** Index of the newest one. */
  #last = 0;

  constructor(limits: RetentionLimits) {
    this.#limit = Math.max(limits.keepEntries, limits.keepEntriesForFollowers);
  }

  /** @param bytes of the entries after those that were added before, up to this index; spread evenly */
  add(index: number, bytes: number): void {
    const count = index - this.#last;
    if (count <= 0) return;
    if (count > this.#limit) this.#sizes = [];
    for (let i = Math.min(count, this.#limit); i > 0; i--) this.#sizes.push(bytes / count);
    this.#last = index;
    // Cut seldom, so that adding stays cheap.
    if (this.#sizes.length > 2 * this.#limit) this.#sizes = this.#sizes.slice(-this.#limit);
  }

  /** The log before is gone. */
  restart(index: number): void {
    this.#sizes = [];
    this.#last = index;
  }

  /** @returns the lowest index from which on the log takes no more than so many bytes */
  lowestWithin(maxBytes: number): number {
    let bytes = 0;
    for (let at = this.#sizes.length - 1; at >= 0; at--) {
      bytes += this.#sizes[at]!;
      if (bytes > maxBytes) return this.#last - (this.#sizes.length - 1 - at) + 1;
    }
    return 1;
  }
}

/**
 * @param followers as the leader sees them; empty elsewhere
 * @param lowestByBytes no entry before this one stays
 * @returns index of the first entry that stays after a snapshot of `snapshotIndex`
 */
export function keepFrom(
  snapshotIndex: number,
  self: MemberId,
  followers: readonly FollowerStatus[],
  limits: RetentionLimits,
  lowestByBytes: number,
): number {
  const always = snapshotIndex - limits.keepEntries + 1;
  const wanted = followers
    .filter(
      ({ id, recentlyActive, match, pendingSnapshot }) => id !== self && recentlyActive && match + pendingSnapshot > 0,
    )
    .map(({ match, pendingSnapshot }) => Math.max(match, pendingSnapshot) + 1);
  const atMost = snapshotIndex - limits.keepEntriesForFollowers + 1;
  const from = Math.max(Math.min(always, ...wanted), Math.min(always, atMost), lowestByBytes);
  return Math.max(1, Math.min(from, snapshotIndex + 1));
}
