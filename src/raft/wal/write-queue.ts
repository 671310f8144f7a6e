/** What waits to be written, and how much of it goes together. */
import type { Entry, HardState } from "../../api/generated/raftpb/raft.js";
import { laterKept, type RecordContent } from "./record-content.js";

/** Far beyond what a member takes on: more means that the disk stands still. */
const MAX_WAITING_BYTES = 1 << 30;
/** Of an entry, beside its data. */
const ENTRY_OVERHEAD_BYTES = 32;

interface Waiting {
  readonly content: RecordContent;
  readonly bytes: number;
  readonly mustSync: boolean;
  /** A new segment begins after it. */
  readonly rolls: boolean;
  /** Of the last part of a batch alone. */
  readonly outcome: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
}

export interface WriteGroup {
  /** Undefined when nothing of it has to be written now. */
  readonly content: RecordContent | undefined;
  readonly rolls: boolean;
}

export class WriteQueue {
  readonly #maxGroupBytes: number;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Given out and not settled yet. */
  #taken: Waiting[] = [];
  /** As of what was given out. */
  #hardState: HardState;
  /** {@link #hardState} was not worth a write of its own: it rides along with the next one. */
  #isPutOff = false;

  constructor(maxGroupBytes: number, hardState: HardState) {
    this.#maxGroupBytes = maxGroupBytes;
    this.#hardState = hardState;
  }

  /** @throws RangeError when too much waits */
  add(content: RecordContent, mustSync: boolean, rolls: boolean): Promise<void> {
    let bytes = 0;
    for (const { Data } of content.entries) bytes += Data.length + ENTRY_OVERHEAD_BYTES;
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      throw new RangeError(`${this.#waitingBytes} bytes wait for the disk: it does not keep up`);
    }
    this.#waitingBytes += bytes;
    return new Promise((resolve, reject) => {
      const outcome = { resolve, reject };
      const needsWrite = mustSync || content.entries.length > 0;
      if (bytes <= this.#maxGroupBytes) {
        this.#waiting.push({ content, bytes, mustSync: needsWrite, rolls, outcome });
      } else {
        this.#addInParts(content, rolls, outcome);
      }
    });
  }

  /** What goes next; undefined when nothing waits. {@link settle} or {@link rejectAll} follows. */
  take(): WriteGroup | undefined {
    let count = 0;
    let bytes = 0;
    let mustSync = false;
    let rolls = false;
    for (const next of this.#waiting) {
      if (count > 0 && (bytes + next.bytes > this.#maxGroupBytes || next.content.restart)) break;
      count++;
      bytes += next.bytes;
      mustSync ||= next.mustSync && !next.rolls;
      rolls = next.rolls;
      if (rolls || next.content.mark) break;
    }
    if (count === 0) return undefined;
    this.#taken = this.#waiting.splice(0, count);
    this.#waitingBytes -= bytes;
    const merged = this.#merge(this.#taken);
    if (mustSync) {
      const content = this.#isPutOff ? { hardState: this.#hardState, ...merged } : merged;
      this.#isPutOff = false;
      return { content, rolls };
    }
    if (merged.hardState) this.#isPutOff = true;
    return { content: undefined, rolls };
  }

  /** What was taken is done. */
  settle(): void {
    const taken = this.#taken;
    this.#taken = [];
    for (const { outcome } of taken) outcome?.resolve();
  }

  rejectAll(error: Error): void {
    const all = [...this.#taken, ...this.#waiting];
    this.#taken = [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const { outcome } of all) outcome?.reject(error);
  }

  /** The first part has the term and the vote, so that no entry stands there of a term that the member does not know; the last one the commit index. */
  #addInParts({ entries, hardState, ...rest }: RecordContent, rolls: boolean, outcome: Waiting["outcome"]): void {
    const parts = split(entries, this.#maxGroupBytes);
    const early = hardState && { ...hardState, commit: EARLIER_COMMIT };
    for (const [at, part] of parts.entries()) {
      const isLast = at === parts.length - 1;
      this.#waiting.push({
        content: isLast ? { ...rest, entries: part.entries, hardState } : { entries: part.entries, hardState: early },
        bytes: part.bytes,
        mustSync: true,
        rolls: isLast && rolls,
        outcome: isLast ? outcome : undefined,
      });
    }
  }

  #merge(taken: readonly Waiting[]): RecordContent {
    let merged: RecordContent | undefined;
    for (const { content } of taken) {
      const { hardState } = content;
      if (hardState) {
        const commit = hardState.commit === EARLIER_COMMIT ? this.#hardState.commit : hardState.commit;
        this.#hardState = { ...hardState, commit };
      }
      merged = merged ? join(merged, content) : content;
    }
    return merged?.hardState ? { ...merged, hardState: this.#hardState } : merged!;
  }
}

/** Stands for the commit index as it was before. */
const EARLIER_COMMIT = -1;

function join(a: RecordContent, b: RecordContent): RecordContent {
  return {
    restart: a.restart,
    entries: b.entries.length === 0 ? a.entries : a.entries.length === 0 ? b.entries : a.entries.concat(b.entries),
    hardState: b.hardState ?? a.hardState,
    identity: b.identity ?? a.identity,
    kept: a.kept && b.kept ? laterKept(a.kept, b.kept) : (b.kept ?? a.kept),
    mark: b.mark,
  };
}

function split(entries: readonly Entry[], maxBytes: number): { readonly entries: Entry[]; readonly bytes: number }[] {
  const parts: { entries: Entry[]; bytes: number }[] = [];
  for (const entry of entries) {
    const bytes = entry.Data.length + ENTRY_OVERHEAD_BYTES;
    const last = parts.at(-1);
    if (last && last.bytes + bytes <= maxBytes) {
      last.entries.push(entry);
      last.bytes += bytes;
    } else {
      parts.push({ entries: [entry], bytes });
    }
  }
  return parts;
}
