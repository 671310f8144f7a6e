import type { Entry, Message, MessageType, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import { type MemberId, NOBODY } from "./member-id.js";

/** A message that is being written: its type, and who it is from and to, are set; the rest is filled in. */
export type Draft = { -readonly [Field in keyof Message]: Message[Field] };

export const NO_BYTES = Buffer.alloc(0);
const NO_ENTRIES: readonly Entry[] = [];
const NO_MESSAGES: readonly Message[] = [];

/** All messages are made here, so that they have one shape. */
export function draft(type: MessageType, from: MemberId, to: MemberId, term: number): Draft {
  return {
    type,
    to,
    from,
    term,
    logTerm: 0,
    index: 0,
    entries: NO_ENTRIES,
    commit: 0,
    vote: NOBODY,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: NO_BYTES,
    responses: NO_MESSAGES,
  };
}

/** Without data: whoever sends it reads them from the disk. */
export function snapshotOf(metadata: SnapshotMetadata): Message["snapshot"] {
  return { data: NO_BYTES, metadata };
}

/** The bytes themselves, not a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
