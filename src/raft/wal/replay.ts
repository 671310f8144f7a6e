/** The state of a log, as its records make it one after the other. */
import type { Entry, HardState } from "../../api/generated/raftpb/raft.js";
import { type Kept, laterKept, type RecordContent } from "./record-content.js";
import type { SegmentState } from "./segment-header.js";

export const INITIAL_HARD_STATE: HardState = { term: 0, vote: "0", commit: 0 };

export class Replay {
  hardState: HardState;
  identity: Uint8Array | undefined;
  kept: Kept;
  lastIndex: number;
  /** Consecutive, up to {@link lastIndex}. */
  entries: Entry[] = [];

  /** @param start as the header of the first segment says */
  constructor(start: Omit<SegmentState, "previous">) {
    ({ hardState: this.hardState, identity: this.identity, kept: this.kept, lastIndex: this.lastIndex } = start);
  }

  /** @returns a reason why the record cannot follow those before it */
  add({ restart, entries, hardState, identity, kept }: RecordContent): string | undefined {
    if (restart) {
      this.entries = [];
      this.lastIndex = restart.index;
      this.kept = { ...this.kept, snapshot: { index: restart.index, term: restart.term } };
    }
    for (const entry of entries) {
      if (entry.Index > this.lastIndex + 1) {
        return `the log goes on at index ${entry.Index} after a gap: ${this.lastIndex} was the last`;
      }
      const [first] = this.entries;
      const keep = first ? entry.Index - first.Index : 0;
      if (keep < this.entries.length) this.entries.length = Math.max(0, keep);
      this.entries.push(entry);
      this.lastIndex = entry.Index;
    }
    if (hardState) this.hardState = hardState;
    if (identity) this.identity = identity;
    if (kept) this.kept = laterKept(this.kept, kept);
    return undefined;
  }

  /** The term of an entry that is in memory. */
  termAt(index: number): number | undefined {
    const [first] = this.entries;
    return first && this.entries[index - first.Index]?.Term;
  }
}
