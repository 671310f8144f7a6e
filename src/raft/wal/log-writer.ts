/**
 * Writes the log: group commit over segments. One durable write at a time; what comes meanwhile goes together with the next one, as one
 * sealed record.
 */
import type { HardState, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { KeyRing } from "../../security/at-rest/key-ring.js";
import type { Disk } from "../disk/disk.js";
import { ActiveSegment, markContinued } from "./active-segment.js";
import { recordBytes } from "./record.js";
import { encodeContent, type Kept, laterKept, type RecordContent } from "./record-content.js";
import type { RecoveredLog, SegmentEnd, SegmentSummary } from "./recovery.js";
import { NO_PREVIOUS } from "./segment-header.js";
import { SegmentPreparer } from "./segment-preparer.js";
import type { SyncTimes } from "./sync-times.js";
import { WriteQueue } from "./write-queue.js";

export interface LogWriterOptions {
  readonly disk: Disk;
  readonly keyRing: KeyRing;
  readonly segmentBytes: number;
  readonly maxGroupBytes: number;
  readonly randomBytes: (size: number) => Uint8Array;
  /** Milliseconds. */
  readonly now: () => number;
  readonly syncTimes: SyncTimes;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #preparer: SegmentPreparer;
  readonly #queue: WriteQueue;
  #active: ActiveSegment | undefined;
  /** Where the log of an earlier life ends, while nothing was written in this one. */
  #end: SegmentEnd | undefined;
  #complete: SegmentSummary[];
  #nextSequence: number;
  #hardState: HardState;
  #identity: Uint8Array | undefined;
  #kept: Kept;
  #lastIndex: number;
  /** While a segment is begun. */
  #nextKeyId: string | undefined;
  #isWriting = false;
  #whenIdle: (() => void)[] = [];
  #failure: Error | undefined;

  constructor(options: LogWriterOptions, { replay, segments, last }: RecoveredLog) {
    this.#options = options;
    this.#preparer = new SegmentPreparer(options.disk, options.segmentBytes);
    this.#queue = new WriteQueue(options.maxGroupBytes, replay.hardState);
    this.#complete = [...segments];
    this.#end = last;
    this.#nextSequence = (last?.position.sequence ?? 0) + 1;
    this.#hardState = replay.hardState;
    this.#identity = replay.identity;
    this.#kept = replay.kept;
    this.#lastIndex = replay.lastIndex;
    this.#preparer.prepare();
  }

  /** Undefined before anything was written in this life. */
  get keyId(): string | undefined {
    return this.#active?.summary().keyId;
  }

  /** Those that sealed what is on the disk, and the one that is about to. */
  keyIds(): readonly string[] {
    return [...this.segments().map(({ keyId }) => keyId), ...(this.#nextKeyId ? [this.#nextKeyId] : [])];
  }

  get kept(): Kept {
    return this.#kept;
  }

  /** Those that are complete; the one that is being written last. */
  segments(): readonly SegmentSummary[] {
    return this.#active ? [...this.#complete, this.#active.summary()] : this.#complete;
  }

  /** Those that are no longer written. */
  completeSegments(): readonly SegmentSummary[] {
    return this.#complete;
  }

  /** @returns resolves when it and all before it are durable; without mustSync, when all before it are */
  write(content: RecordContent, mustSync: boolean): Promise<void> {
    return this.#submit(content, mustSync, false);
  }

  /** What follows is sealed with the current key. */
  beginSegment(): Promise<void> {
    return this.#submit(NOTHING, true, true);
  }

  /** Makes sure that there is a log on the disk, be it empty. */
  async ensureBegun(): Promise<void> {
    if (!this.#active && this.#complete.length === 0) await this.beginSegment();
  }

  /** Forgets the oldest segments: their files are gone. */
  forget(names: ReadonlySet<string>): void {
    this.#complete = this.#complete.filter(({ name }) => !names.has(name));
  }

  /** Writes what was put off, and ends. */
  async close(): Promise<void> {
    try {
      if (!this.#failure && this.#active) await this.write({ entries: [], mark: "closed" }, true);
    } finally {
      this.#failure ??= new Error("the log is closed");
      await this.#idle();
      await this.#active?.close();
      await this.#preparer.close();
    }
  }

  #submit(content: RecordContent, mustSync: boolean, rolls: boolean): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    try {
      const done = this.#queue.add(content, mustSync, rolls);
      if (!this.#isWriting) void this.#writeAll();
      return done;
    } catch (error) {
      this.#fail(error as Error);
      return Promise.reject(error);
    }
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    try {
      for (let group = this.#queue.take(); group; group = this.#queue.take()) {
        if (group.content) await this.#append(group.content);
        if (group.rolls) await this.#roll(0);
        this.#queue.settle();
      }
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      this.#isWriting = false;
      for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  async #append(content: RecordContent): Promise<void> {
    const plain = encodeContent(content);
    const bytes = recordBytes(plain.length);
    if (!this.#active?.fits(bytes)) await this.#roll(bytes);
    const { now, syncTimes } = this.#options;
    const start = now();
    await this.#active!.append(plain, content);
    syncTimes.add(now() - start);
    this.#note(content);
  }

  #note({ restart, entries, hardState, identity, kept }: RecordContent): void {
    if (restart) {
      this.#lastIndex = restart.index;
      this.#kept = { ...this.#kept, snapshot: positionOf(restart) };
    }
    this.#lastIndex = entries.at(-1)?.Index ?? this.#lastIndex;
    if (hardState) this.#hardState = hardState;
    if (identity) this.#identity = identity;
    if (kept) this.#kept = laterKept(this.#kept, kept);
  }

  /** Goes on in a new segment. */
  async #roll(neededBytes: number): Promise<void> {
    const { disk, keyRing, randomBytes } = this.#options;
    const before = this.#active?.end() ?? this.#end;
    const dataKey = keyRing.current;
    this.#nextKeyId = dataKey.id;
    const next = await ActiveSegment.begin(disk, this.#preparer, {
      sequence: this.#nextSequence,
      dataKey,
      randomBytes,
      recordBytes: neededBytes,
      state: {
        previous: before?.position ?? NO_PREVIOUS,
        hardState: this.#hardState,
        identity: this.#identity,
        lastIndex: this.#lastIndex,
        kept: this.#kept,
      },
    });
    if (before) await markContinued(disk, before);
    if (this.#active) {
      this.#complete.push(this.#active.summary());
      await this.#active.close();
    }
    this.#end = undefined;
    this.#active = next;
    this.#nextKeyId = undefined;
    this.#nextSequence++;
    this.#preparer.prepare();
  }

  #fail(cause: Error): void {
    const advice = "the log takes no more writes, because its state on the disk is not known; start again";
    this.#failure = new Error(`${advice}: ${cause.message}`, { cause });
    this.#queue.rejectAll(cause);
  }

  async #idle(): Promise<void> {
    if (this.#isWriting) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }
}

function positionOf({ index, term }: SnapshotMetadata): Kept["snapshot"] {
  return { index, term };
}

const NOTHING: RecordContent = { entries: [] };
