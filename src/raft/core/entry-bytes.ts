import type { Entry } from "../../api/generated/raftpb/raft.js";

/** What an entry takes on the wire beside its data: type, term, index and lengths. */
const FRAME_BYTES = 16;

export function entryBytes(entry: Entry): number {
  return entry.Data.length + FRAME_BYTES;
}

export function totalBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.Data.length + FRAME_BYTES;
  return bytes;
}
