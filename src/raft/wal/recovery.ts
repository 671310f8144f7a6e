/** From the segments on a disk to the log that they hold. Only reads. */
import type { KeyRing } from "../../security/at-rest/key-ring.js";
import type { Disk } from "../disk/disk.js";
import { LogDamagedError } from "../storage/log-storage.js";
import { isContinuation, type RecordHeader } from "./record.js";
import { INITIAL_HARD_STATE, Replay } from "./replay.js";
import type { PreviousSegment, SegmentState } from "./segment-header.js";
import { parseSegmentName } from "./segment-name.js";
import { type OpenedSegment, openSegment } from "./segment-reader.js";

/** What is known of a segment without its records. */
export interface SegmentSummary {
  readonly name: string;
  readonly sequence: number;
  readonly sizeBytes: number;
  readonly keyId: string;
  /** The highest of its entries; 0 without any. */
  readonly maxIndex: number;
  /** The log was begun anew in it: nothing of the segments before it counts. */
  readonly hasRestart: boolean;
}

export interface RecoveredLog {
  readonly replay: Replay;
  /** From the oldest to the newest. */
  readonly segments: readonly SegmentSummary[];
  /** Undefined when there are no segments. */
  readonly last: SegmentEnd | undefined;
  /** What a write that was cut off left behind the end of the last segment. */
  readonly tornBytes: number;
  /** Segments that do not count any more; a crash has kept them. */
  readonly leftovers: readonly string[];
}

/** Where the newest segment ends: there the next one takes over. */
export interface SegmentEnd {
  readonly name: string;
  readonly key: Uint8Array;
  readonly position: PreviousSegment;
}

interface Named {
  readonly name: string;
  readonly sequence: number;
}

/** @throws LogDamagedError, LogLockedError, DiskError */
export async function recoverLog(
  disk: Disk,
  names: readonly string[],
  keyRing: Pick<KeyRing, "get">,
): Promise<RecoveredLog> {
  const all = segmentsAmong(names);
  // Removed segments may come back one by one after a crash: what counts is the newest row without a gap.
  let start = Math.max(0, all.length - 1);
  while (start > 0 && all[start - 1]!.sequence === all[start]!.sequence - 1) start--;
  const row = all.slice(start);
  const segments: SegmentSummary[] = [];
  let replay: Replay | undefined;
  let last: OpenedSegment | undefined;
  let tornBytes = 0;
  let next = row[0] && (await openSegment(disk, row[0].name, keyRing));
  while (next) {
    const segment: OpenedSegment = next;
    const successor = row[segments.length + 1];
    next = successor && (await openSegment(disk, successor.name, keyRing));
    replay ??= new Replay(segment.state);
    const reading = { segment, replay, maxIndex: 0, hasRestart: false };
    if (next) readComplete(reading, next);
    else tornBytes = readLast(reading);
    const { maxIndex, hasRestart } = reading;
    segments.push({
      name: segment.name,
      sequence: segment.sequence,
      sizeBytes: next ? segment.bytes.length : segment.offset,
      keyId: segment.header.keyId,
      maxIndex,
      hasRestart,
    });
    last = segment;
  }
  replay ??= new Replay(EMPTY);
  if (row[0] && replay.kept.firstSequence < row[0].sequence) {
    throw new LogDamagedError(row[0].name, 0, `segment ${row[0].sequence - 1} before it is missing`);
  }
  return {
    replay,
    segments,
    last: last && {
      name: last.name,
      key: last.key,
      position: { sequence: last.sequence, records: last.number, endOffset: last.offset, digest: last.digest() },
    },
    tornBytes,
    leftovers: all.slice(0, start).map(({ name }) => name),
  };
}

/** In the order of their sequence. @throws LogDamagedError when two claim the same place */
export function segmentsAmong(names: readonly string[]): Named[] {
  const all = names
    .flatMap((name) => {
      const parsed = parseSegmentName(name);
      return parsed ? [{ name, sequence: parsed.sequence }] : [];
    })
    .sort((a, b) => a.sequence - b.sequence);
  for (const [at, { name, sequence }] of all.entries()) {
    if (sequence === all[at - 1]?.sequence) throw new LogDamagedError(name, 0, `there are two segments ${sequence}`);
  }
  return all;
}

interface Reading {
  readonly segment: OpenedSegment;
  readonly replay: Replay;
  maxIndex: number;
  hasRestart: boolean;
}

/** Reads as many records as the next segment says; what follows them is a mark, or zeros, or was cut off. @throws LogDamagedError */
function readComplete(reading: Reading, next: OpenedSegment): void {
  const { segment } = reading;
  const { previous } = next.state;
  while (segment.number < previous.records) {
    const found = segment.look();
    if (found.kind === "damage") throw segment.damaged(found.reason);
    if (found.kind !== "record" || isContinuation(found.header)) {
      throw segment.damaged(`the segment ends after ${segment.number} of ${previous.records} records`);
    }
    takeRecord(reading, found.header);
  }
  if (
    previous.sequence !== segment.sequence ||
    previous.endOffset !== segment.offset ||
    !segment.digest().equals(previous.digest)
  ) {
    throw new LogDamagedError(next.name, 0, `it does not follow ${segment.name}: one of them was replaced`);
  }
}

/** @returns bytes of a torn write at its end @throws LogDamagedError */
function readLast(reading: Reading): number {
  const { segment } = reading;
  for (;;) {
    const found = segment.look();
    if (found.kind === "damage") throw segment.damaged(found.reason);
    if (found.kind === "end") return 0;
    if (found.kind === "torn") return found.bytes;
    if (isContinuation(found.header))
      throw segment.damaged(`segment ${segment.sequence + 1}, which follows, is missing`);
    takeRecord(reading, found.header);
  }
}

function takeRecord(reading: Reading, header: RecordHeader): void {
  const { segment, replay } = reading;
  const { offset } = segment;
  const content = segment.take(header);
  const reason = replay.add(content);
  if (reason) throw new LogDamagedError(segment.name, offset, reason);
  for (const { Index } of content.entries) reading.maxIndex = Math.max(reading.maxIndex, Index);
  reading.hasRestart ||= content.restart !== undefined;
}

const EMPTY: Omit<SegmentState, "previous"> = {
  hardState: INITIAL_HARD_STATE,
  identity: undefined,
  lastIndex: 0,
  kept: { snapshot: { index: 0, term: 0 }, firstSequence: 1 },
};
