/** What a folder holds: reads and judges everything, changes nothing. */
import type { SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { KeyRing } from "../../security/at-rest/key-ring.js";
import type { Disk } from "../disk/disk.js";
import type { StoredSnapshot } from "../snapshot/snapshot-folder.js";
import { parseSnapshotName, type SnapshotId, snapshotName } from "../snapshot/snapshot-name.js";
import { SnapshotReader } from "../snapshot/snapshot-reader.js";
import { type RecoveredLog, recoverLog } from "../wal/recovery.js";
import type { Replay } from "../wal/replay.js";
import { UNFINISHED } from "../wal/segment-name.js";
import { LogDamagedError, type StoredState } from "./log-storage.js";

export interface Recovered {
  readonly log: RecoveredLog;
  readonly snapshots: readonly StoredSnapshot[];
  readonly state: StoredState;
  /** To be removed. */
  readonly leftovers: readonly string[];
}

const NO_SNAPSHOT: SnapshotMetadata = { confState: undefined, index: 0, term: 0 };

/** @throws LogDamagedError, LogLockedError, DiskError */
export async function recover(disk: Disk, keyRing: Pick<KeyRing, "get">): Promise<Recovered> {
  const names = await disk.list();
  const log = await recoverLog(disk, names, keyRing);
  const { replay } = log;
  const found = names.flatMap((name) => {
    const id = parseSnapshotName(name);
    return id ? [{ name, ...id }] : [];
  });
  if (found[0] && log.segments.length === 0) {
    throw new LogDamagedError(found[0].name, 0, "it is a snapshot without a log: the segments are missing");
  }
  // A snapshot counts when the log says so, or knows its last entry. Another one came from a leader, and was not installed.
  const counting = found
    .filter((id) => id.index <= replay.kept.snapshot.index || replay.termAt(id.index) === id.term)
    .sort((a, b) => a.index - b.index);
  const unnamed = found.filter((id) => !counting.includes(id)).map(({ name }) => name);
  const newest = counting.at(-1);
  checkNewest(newest, replay.kept.snapshot);
  const notes: string[] = [];
  const snapshots: StoredSnapshot[] = [];
  let snapshot = NO_SNAPSHOT;
  for (const id of counting) {
    const read = await readSnapshot(disk, id, keyRing, id === newest, notes);
    snapshots.push(read.stored);
    if (read.metadata) snapshot = read.metadata;
  }
  checkConnected(log, snapshot);
  if (log.tornBytes > 0) {
    const { name, position } = log.last!;
    notes.push(`torn tail of ${log.tornBytes} bytes dropped: ${name} at ${position.endOffset}`);
  }
  for (const name of unnamed) notes.push(`snapshot that was never installed removed: ${name}`);
  for (const name of log.leftovers) notes.push(`segment that was compacted away removed: ${name}`);
  const { identity, hardState, entries } = replay;
  return {
    log,
    snapshots,
    leftovers: [...names.filter((name) => name.endsWith(UNFINISHED)), ...unnamed, ...log.leftovers],
    state: {
      identity,
      hardState: { ...hardState, commit: Math.max(hardState.commit, snapshot.index) },
      snapshot,
      entries,
      notes,
    },
  };
}

function checkNewest(newest: SnapshotId | undefined, needed: SnapshotId): void {
  if (needed.index === 0 || (newest && newest.index > needed.index)) return;
  if (newest?.index === needed.index && newest.term === needed.term) return;
  throw new LogDamagedError(snapshotName(needed), 0, "the snapshot that the log leans on is missing");
}

/** The newest one is read to its end. Of older ones, which nothing needs, damage is only noted. */
async function readSnapshot(
  disk: Disk,
  { name, index, term }: SnapshotId & { readonly name: string },
  keyRing: Pick<KeyRing, "get">,
  isNewest: boolean,
  notes: string[],
): Promise<{ readonly stored: StoredSnapshot; readonly metadata?: SnapshotMetadata }> {
  try {
    const reader = await SnapshotReader.open(disk, name, keyRing);
    try {
      if (isNewest) await reader.verify();
      const { sizeBytes, keyId, metadata } = reader;
      return { stored: { name, index, term, sizeBytes, keyId }, metadata };
    } finally {
      await reader.close();
    }
  } catch (error) {
    if (isNewest || !(error instanceof LogDamagedError)) throw error;
    notes.push(`${error.message}; a newer snapshot stands in for it`);
    return { stored: { name, index, term, sizeBytes: 0, keyId: undefined } };
  }
}

/** Snapshot and entries must make one history without a gap. */
function checkConnected({ replay, segments }: RecoveredLog, snapshot: SnapshotId): void {
  const [first] = replay.entries;
  const damaged = (reason: string) => new LogDamagedError(segments[0]!.name, 0, reason);
  if (first && first.Index > snapshot.index + 1) {
    throw damaged(`the log begins at index ${first.Index}, and the newest snapshot ends at ${snapshot.index}`);
  }
  const { lastIndex, hardState } = replay;
  if (!first && lastIndex > snapshot.index) throw damaged(`entries up to index ${lastIndex} are missing`);
  if (lastIndex < snapshot.index) {
    throw damaged(`the log ends at index ${lastIndex}, and the snapshot that it leans on at ${snapshot.index}`);
  }
  if (hardState.commit > lastIndex) {
    throw damaged(`index ${hardState.commit} is committed, and the log ends at ${lastIndex}`);
  }
  checkSnapshotTerm(replay, snapshot, damaged);
}

function checkSnapshotTerm(replay: Replay, { index, term }: SnapshotId, damaged: (reason: string) => Error): void {
  const entryTerm = replay.termAt(index);
  if (entryTerm !== undefined && entryTerm !== term) {
    throw damaged(`entry ${index} is of term ${entryTerm}, and the snapshot there of term ${term}`);
  }
}
