import type { Entry, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import { entryBytes, totalBytes } from "./entry-bytes.js";
import { PendingWrites } from "./pending-writes.js";

/**
 * The log in memory. Its cursors:
 * ```
 *   first ≤ … applied ≤ handedOut ≤ committed ≤ last       what the state machine has, is given, may have
 *               persisted ≤ written ≤ last                 what the disk has, is given, will have
 * ```
 * Entries are handed out once they are committed and durable here. Terms that are not known any more are undefined.
 */
export class RaftLog {
  committed: number;
  applied: number;
  readonly writes = new PendingWrites();
  /** The newest one that can be sent to a follower; index 0 without. */
  snapshot: SnapshotMetadata;
  /** A received one that is not durable, or not in the state machine, yet. */
  pendingSnapshot: SnapshotMetadata | undefined;

  #entries: Entry[];
  #first: number;
  /** Of the entry before the first one. */
  #termBefore: number | undefined;
  #bytes: number;
  #handedOut: number;
  #persisted: number;
  #written: number;
  #isSnapshotWritten = true;
  #isSnapshotPersisted = true;
  /** The page that was cut last: several followers mostly want the same one. */
  #page: { first: number; last: number; bytes: number; entries: readonly Entry[]; size: number } | undefined;

  /** @param entries consecutive; old ones may stand before the snapshot @throws RangeError when there is a gap */
  constructor(snapshot: SnapshotMetadata, entries: readonly Entry[], committed: number, applied: number) {
    for (let i = 1; i < entries.length; i++) {
      if (entries[i]!.Index !== entries[0]!.Index + i) {
        throw new RangeError(`the log goes from entry ${entries[i - 1]!.Index} to entry ${entries[i]!.Index}`);
      }
    }
    const start = entries[0]?.Index ?? snapshot.index + 1;
    if (start > snapshot.index + 1) {
      throw new RangeError(`the log begins at entry ${start}, and the snapshot ends at ${snapshot.index}`);
    }
    // Entries that the snapshot contradicts, or that end before it, are what it has replaced.
    const atSnapshot = snapshot.index < start ? undefined : entries[snapshot.index - start];
    const follows = snapshot.index === start - 1 || atSnapshot?.Term === snapshot.term;
    this.#entries = follows ? entries.slice() : [];
    this.#first = follows ? start : snapshot.index + 1;
    this.#termBefore = this.#first - 1 === snapshot.index ? snapshot.term : this.#first === 1 ? 0 : undefined;
    this.#bytes = totalBytes(this.#entries);
    this.snapshot = snapshot;
    this.#persisted = this.last;
    this.#written = this.last;
    if (applied > this.last) throw new RangeError(`entry ${applied} is applied, and the log ends at ${this.last}`);
    this.applied = Math.max(applied, snapshot.index);
    this.#handedOut = this.applied;
    // A commit index is written without waiting for the disk, and a torn write may have taken the entries that it speaks of.
    this.committed = Math.min(Math.max(committed, this.applied), this.last);
  }

  /** Index of the first entry that is here; one more than the last when there is none. */
  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#first + this.#entries.length - 1;
  }

  get lastTerm(): number {
    return this.term(this.last) ?? 0;
  }

  get persisted(): number {
    return this.#persisted;
  }

  get handedOut(): number {
    return this.#handedOut;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Undefined before the log's begin and behind its end. */
  term(index: number): number | undefined {
    const at = index - this.#first;
    if (at >= 0) return this.#entries[at]?.Term;
    return at === -1 ? this.#termBefore : undefined;
  }

  has(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends so has all that this one could have committed (section 5.4.1). */
  isUpToDate(index: number, term: number): boolean {
    const { lastTerm } = this;
    return term > lastTerm || (term === lastTerm && index >= this.last);
  }

  /**
   * Where two logs may still agree: the greatest index, not above the given one, whose term is not above the given one. With the
   * term that it has, 0 when that is not known.
   */
  agreementBefore(index: number, term: number): { readonly index: number; readonly term: number } {
    for (let at = index; at > 0; at--) {
      const own = this.term(at);
      if (own === undefined) return { index: at, term: 0 };
      if (own <= term) return { index: at, term: own };
    }
    return { index: 0, term: 0 };
  }

  at(index: number): Entry | undefined {
    return this.#entries[index - this.#first];
  }

  /** Entries from an index on, at least one when there is one, and no more than so many bytes. Not to be changed. */
  page(from: number, maxBytes: number): readonly Entry[] {
    return this.#cut(from, maxBytes).entries;
  }

  /** Bytes of the page that was cut last. */
  get pageBytes(): number {
    return this.#page?.size ?? 0;
  }

  /** Puts entries behind the last one. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#bytes += entryBytes(entry);
    }
  }

  /** Drops everything from an index on. @throws RangeError when that is committed */
  truncate(from: number): void {
    if (from <= this.committed)
      throw new RangeError(`entry ${from} is to be dropped, and ${this.committed} is committed`);
    if (from > this.last) return;
    const kept = from - this.#first;
    for (let i = kept; i < this.#entries.length; i++) this.#bytes -= entryBytes(this.#entries[i]!);
    this.#entries.length = kept;
    this.#persisted = Math.min(this.#persisted, from - 1);
    this.#written = Math.min(this.#written, from - 1);
    this.writes.overwrittenFrom(from);
    this.#page = undefined;
  }

  /** A received snapshot takes the place of everything. */
  restore(snapshot: SnapshotMetadata): void {
    this.#entries = [];
    this.#first = snapshot.index + 1;
    this.#termBefore = snapshot.term;
    this.#bytes = 0;
    this.#page = undefined;
    this.committed = snapshot.index;
    this.#handedOut = snapshot.index;
    this.#persisted = 0;
    this.#written = snapshot.index;
    this.writes.overwrittenFrom(0);
    this.snapshot = snapshot;
    this.pendingSnapshot = snapshot;
    this.#isSnapshotWritten = false;
    this.#isSnapshotPersisted = false;
  }

  /** The shell has a snapshot; entries before keepFrom are let go of, as far as the snapshot reaches. */
  compact(snapshot: SnapshotMetadata, keepFrom: number): void {
    if (snapshot.index > this.applied) {
      throw new RangeError(`a snapshot of entry ${snapshot.index}, and ${this.applied} is applied`);
    }
    if (snapshot.index > this.snapshot.index) this.snapshot = snapshot;
    const from = Math.min(keepFrom, this.snapshot.index + 1);
    if (from <= this.#first) return;
    this.#termBefore = this.term(from - 1);
    const dropped = from - this.#first;
    for (let i = 0; i < dropped; i++) this.#bytes -= entryBytes(this.#entries[i]!);
    this.#entries = this.#entries.slice(dropped);
    this.#first = from;
    this.#page = undefined;
  }

  get hasUnwritten(): boolean {
    return this.#written < this.last;
  }

  get hasUnwrittenSnapshot(): boolean {
    return !this.#isSnapshotWritten;
  }

  /** What is to be written now; it counts as given to the disk. */
  takeUnwritten(): readonly Entry[] {
    if (this.#written >= this.last) return NONE;
    const entries = this.#cut(this.#written + 1, Number.POSITIVE_INFINITY).entries;
    this.#written = this.last;
    return entries;
  }

  takeUnwrittenSnapshot(): SnapshotMetadata | undefined {
    if (this.#isSnapshotWritten) return undefined;
    this.#isSnapshotWritten = true;
    return this.pendingSnapshot;
  }

  /** The disk has the log up to here. */
  persistedTo(index: number): void {
    if (index > this.#persisted) this.#persisted = index;
  }

  snapshotPersisted(index: number): void {
    if (this.pendingSnapshot?.index !== index) return;
    this.#isSnapshotPersisted = true;
    this.#settleSnapshot();
  }

  get hasNextCommitted(): boolean {
    return this.pendingSnapshot === undefined && this.#handedOut < Math.min(this.committed, this.#persisted);
  }

  /** The next page of what may be applied. */
  takeCommitted(maxBytes: number): readonly Entry[] {
    if (!this.hasNextCommitted) return NONE;
    const from = this.#handedOut + 1;
    const until = Math.min(this.committed, this.#persisted);
    let bytes = 0;
    let to = from;
    for (; to <= until; to++) {
      bytes += entryBytes(this.at(to)!);
      if (bytes > maxBytes && to > from) break;
    }
    this.#handedOut = to - 1;
    return this.#entries.slice(from - this.#first, to - this.#first);
  }

  /** @throws RangeError when that was never handed out */
  appliedTo(index: number): void {
    if (index > this.#handedOut) {
      throw new RangeError(`entry ${index} is said to be applied, and only ${this.#handedOut} was handed out`);
    }
    this.applied = Math.max(this.applied, index);
    this.#settleSnapshot();
  }

  #settleSnapshot(): void {
    if (this.pendingSnapshot === undefined || !this.#isSnapshotPersisted) return;
    if (this.applied >= this.pendingSnapshot.index) this.pendingSnapshot = undefined;
  }

  #cut(from: number, maxBytes: number): { readonly entries: readonly Entry[] } {
    const { last } = this;
    const known = this.#page;
    if (known?.first === from && known.last === last) {
      const reachesEnd = known.entries.length === last - from + 1;
      if (known.bytes === maxBytes || (reachesEnd && known.size <= maxBytes)) return known;
    }
    const start = from - this.#first;
    let end = start;
    let size = 0;
    for (; end < this.#entries.length; end++) {
      const bytes = entryBytes(this.#entries[end]!);
      if (size + bytes > maxBytes && end > start) break;
      size += bytes;
    }
    this.#page = { first: from, last, bytes: maxBytes, entries: this.#entries.slice(start, end), size };
    return this.#page;
  }
}

const NONE: readonly Entry[] = [];
