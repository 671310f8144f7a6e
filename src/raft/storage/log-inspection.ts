/** A log that nobody uses at the moment, described item by item: across damage, and without changing anything. */
import type { SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { KeyRing } from "../../security/at-rest/key-ring.js";
import type { Disk } from "../disk/disk.js";
import { parseSnapshotName } from "../snapshot/snapshot-name.js";
import { SnapshotReader } from "../snapshot/snapshot-reader.js";
import { inspectSegment, type SegmentItem, type SegmentPlace } from "../wal/segment-inspection.js";
import { parseSegmentName } from "../wal/segment-name.js";
import { readWhole } from "../wal/segment-reader.js";
import { LogDamagedError, LogLockedError } from "./log-storage.js";

export type LogItem =
  | SegmentItem
  | {
      readonly kind: "snapshot";
      readonly file: string;
      readonly sizeBytes: number;
      readonly keyId: string;
      readonly metadata: SnapshotMetadata;
      /** What was read of it before its end, or before damage. */
      readonly chunks: number;
      readonly contentBytes: number;
    }
  /** Neither a segment nor a snapshot: an unfinished one, or somebody else's. */
  | { readonly kind: "other"; readonly file: string };

/** A key ring that knows no key shows what can be seen without. */
export interface LogFolder {
  /** Only read. */
  readonly disk: Disk;
  readonly keyRing: Pick<KeyRing, "get">;
}

/** Snapshots from the oldest to the newest, then segments in their sequence. @throws DiskError */
export async function* readLogFolder({ disk, keyRing }: LogFolder): AsyncGenerator<LogItem, void, undefined> {
  const names = await disk.list();
  for (const file of names) if (parseSnapshotName(file)) yield* inspectSnapshot(disk, file, keyRing);
  let before: SegmentPlace | undefined;
  for (const file of names) {
    const named = parseSegmentName(file);
    if (!named) continue;
    const place: SegmentPlace | undefined = yield* inspectSegment(file, await readWhole(disk, file), keyRing);
    if (before && place) yield* checkOrder(file, before, place);
    before = place ?? { sequence: named.sequence, previous: undefined, end: undefined };
  }
  for (const file of names) if (!parseSnapshotName(file) && !parseSegmentName(file)) yield { kind: "other", file };
}

function* checkOrder(file: string, before: SegmentPlace, { sequence, previous }: SegmentPlace): Generator<LogItem> {
  const damage = (reason: string) => ({ kind: "damage", file, offset: 0, reason }) as const;
  if (sequence !== before.sequence + 1) {
    const [first, last] = [before.sequence + 1, sequence - 1];
    yield damage(first === last ? `segment ${first} before it is missing` : `segments ${first} to ${last} are missing`);
    return;
  }
  const { end } = before;
  if (!previous || !end) return;
  if (previous.records !== end.records || !Buffer.from(previous.digest).equals(end.digest)) {
    yield damage(`it does not follow segment ${before.sequence}: that one is to have ${previous.records} records`);
  }
}

async function* inspectSnapshot(disk: Disk, file: string, keyRing: LogFolder["keyRing"]): AsyncGenerator<LogItem> {
  let reader: SnapshotReader | undefined;
  let chunks = 0;
  let contentBytes = 0;
  let trouble: LogItem | undefined;
  try {
    reader = await SnapshotReader.open(disk, file, keyRing);
    for await (const chunk of reader.chunks()) {
      chunks++;
      contentBytes += chunk.length;
    }
  } catch (error) {
    trouble = itemOf(error, file);
  } finally {
    await reader?.close();
  }
  if (reader) {
    const { sizeBytes, keyId, metadata } = reader;
    yield { kind: "snapshot", file, sizeBytes, keyId, metadata, chunks, contentBytes };
  }
  if (trouble) yield trouble;
}

function itemOf(error: unknown, file: string): LogItem {
  if (error instanceof LogDamagedError) return { kind: "damage", file, offset: error.offset, reason: error.reason };
  if (error instanceof LogLockedError) return { kind: "locked", file, keyId: error.keyId ?? "" };
  throw error;
}
