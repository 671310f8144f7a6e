/** Entries, batches and snapshots that tests write. */
import {
  type Entry,
  EntryType,
  type HardState,
  type SnapshotMetadata,
} from "../../../src/api/generated/raftpb/raft.js";
import type { AppendBatch, LogStorage } from "../../../src/raft/storage/log-storage.js";
import { dataKey, MemoryKeyRing } from "../../../src/security/at-rest/key-ring.js";

export function entry(index: number, term = 1, data: string | Uint8Array = `${index}@${term}`): Entry {
  return { Index: index, Term: term, Type: EntryType.EntryNormal, Data: Buffer.from(data) };
}

/** `first` to `last`. */
export function entries(first: number, last: number, term = 1): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => entry(first + at, term));
}

export function hardState(term: number, commit: number, vote = "1"): HardState {
  return { term, vote, commit };
}

export function batch(some: readonly Entry[], state?: HardState): AppendBatch {
  return { entries: some, hardState: state, mustSync: true };
}

export function snapshotAt(index: number, term = 1): SnapshotMetadata {
  const confState = { voters: ["1", "2", "3"], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  return { confState, index, term };
}

export async function storeSnapshot(
  storage: LogStorage,
  metadata: SnapshotMetadata,
  chunks: readonly Uint8Array[] = [Buffer.from(`state at ${metadata.index}`)],
): Promise<void> {
  const sink = await storage.createSnapshot(metadata);
  for (const chunk of chunks) await sink.write(chunk);
  await sink.commit();
}

export async function chunksOf(storage: LogStorage, index: number): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of storage.readSnapshot(index)) chunks.push(Buffer.from(chunk));
  return chunks;
}

/** What can be compared: index, term and data of each. */
export function shown(some: readonly Entry[]): string[] {
  return some.map(({ Index, Term, Type, Data }) => `${Index}@${Term}:${Type}:${Data.toString("latin1")}`);
}

/** Keys that are the same in every run; the last one is current. */
export function testKeyRing(...seeds: readonly number[]): MemoryKeyRing {
  const [first = dataKey(Buffer.alloc(32, 1)), ...more] = seeds.map((seed) => dataKey(Buffer.alloc(32, seed)));
  return new MemoryKeyRing(first, ...more);
}
