/**
 * Writes that were handed out and are not known to be durable. A write proves nothing about what was overwritten after it was
 * handed out, not even when the same entry is written again later: so an overwrite takes back what the writes before it would prove.
 */
export interface PendingWrite {
  readonly sequence: number;
  /** Once it is durable, so is the log up to here. */
  provesUpTo: number;
  /** Index of the snapshot that it holds; 0 without. */
  readonly snapshot: number;
  /** The term in which this member votes for itself with it; 0 when it does not. */
  readonly ownVote: number;
}

export class PendingWrites {
  #queue: PendingWrite[] = [];

  /** @param write of a greater sequence than all before */
  add(write: PendingWrite): void {
    this.#queue.push(write);
  }

  /** What the log has from this index on is replaced. */
  overwrittenFrom(index: number): void {
    for (const write of this.#queue) if (write.provesUpTo >= index) write.provesUpTo = index - 1;
  }

  /** Takes out those up to a sequence, in order. */
  takeUpTo(sequence: number): readonly PendingWrite[] {
    let count = 0;
    while (count < this.#queue.length && this.#queue[count]!.sequence <= sequence) count++;
    if (count === 0) return NONE;
    if (count === this.#queue.length) {
      const all = this.#queue;
      this.#queue = [];
      return all;
    }
    return this.#queue.splice(0, count);
  }
}

const NONE: readonly PendingWrite[] = [];
