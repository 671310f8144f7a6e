/**
 * tswarm.v1.RaftBatch by hand: the same bytes as the generated code, each written once into a buffer of the right size.
 *
 *   1 from (varint)   2 address   3 messages, each: length, raftpb.Message
 */
import { Message } from "../../api/generated/raftpb/raft.js";
import type { MemberId } from "../core/member-id.js";
import { entryBytes, varintBytes, writeEntry, writeVarint } from "../wal/entry-codec.js";
import { idBytes } from "./id-bytes.js";

/** Field number and wire type (proto/raftpb/raft.proto). */
const TAG = {
  type: 0x08,
  to: 0x10,
  from: 0x18,
  term: 0x20,
  logTerm: 0x28,
  index: 0x30,
  entries: 0x3a,
  commit: 0x40,
  reject: 0x50,
  rejectHint: 0x58,
  context: 0x62,
  vote: 0x68,
} as const;
const BATCH_TAG = { from: 0x08, address: 0x12, message: 0x1a } as const;

/** What every batch of one member begins with. */
export function batchHead(from: MemberId, address: string): Buffer {
  const text = Buffer.from(address);
  const length = Buffer.alloc(varintBytes(text.length));
  writeVarint(length, 0, text.length);
  return Buffer.concat([
    Buffer.from([BATCH_TAG.from]),
    idBytes(from),
    ...(text.length > 0 ? [Buffer.from([BATCH_TAG.address]), length, text] : []),
  ]);
}

/** @returns bytes of the message itself */
export function messageBytes(message: Message): number {
  if (isRare(message)) return Message.encode(message).finish().length;
  let bytes =
    numberBytes(message.type) +
    memberBytes(message.to) +
    memberBytes(message.from) +
    numberBytes(message.term) +
    numberBytes(message.logTerm) +
    numberBytes(message.index) +
    numberBytes(message.commit) +
    memberBytes(message.vote) +
    (message.reject ? 2 : 0) +
    numberBytes(message.rejectHint);
  for (const entry of message.entries) {
    const length = entryBytes(entry);
    bytes += 1 + varintBytes(length) + length;
  }
  const context = message.context.length;
  return context === 0 ? bytes : bytes + 1 + varintBytes(context) + context;
}

/** @param sizes of the messages, by {@link messageBytes} */
export function writeBatch(head: Buffer, messages: readonly Message[], sizes: readonly number[]): Buffer {
  let bytes = head.length;
  for (const size of sizes) bytes += 1 + varintBytes(size) + size;
  const target = Buffer.allocUnsafe(bytes);
  let at = head.copy(target);
  for (let i = 0; i < messages.length; i++) {
    target[at++] = BATCH_TAG.message;
    at = writeVarint(target, at, sizes[i]!);
    at = writeMessage(target, at, messages[i]!);
  }
  return target;
}

function writeMessage(target: Buffer, offset: number, message: Message): number {
  if (isRare(message)) {
    const bytes = Message.encode(message).finish();
    target.set(bytes, offset);
    return offset + bytes.length;
  }
  let at = writeNumber(target, offset, TAG.type, message.type);
  at = writeMember(target, at, TAG.to, message.to);
  at = writeMember(target, at, TAG.from, message.from);
  at = writeNumber(target, at, TAG.term, message.term);
  at = writeNumber(target, at, TAG.logTerm, message.logTerm);
  at = writeNumber(target, at, TAG.index, message.index);
  for (const entry of message.entries) {
    target[at++] = TAG.entries;
    at = writeVarint(target, at, entryBytes(entry));
    at = writeEntry(target, at, entry);
  }
  at = writeNumber(target, at, TAG.commit, message.commit);
  at = writeMember(target, at, TAG.vote, message.vote);
  if (message.reject) {
    target[at++] = TAG.reject;
    target[at++] = 1;
  }
  at = writeNumber(target, at, TAG.rejectHint, message.rejectHint);
  if (message.context.length > 0) {
    target[at++] = TAG.context;
    at = writeVarint(target, at, message.context.length);
    target.set(message.context, at);
    at += message.context.length;
  }
  return at;
}

/** Snapshots do not travel in batches, and answers inside of messages not at all: the generated code does for them. */
function isRare(message: Message): boolean {
  return message.snapshot !== undefined || message.responses.length > 0;
}

function numberBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

function memberBytes(id: MemberId): number {
  return id === "0" ? 0 : 1 + idBytes(id).length;
}

function writeNumber(target: Buffer, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}

function writeMember(target: Buffer, at: number, tag: number, id: MemberId): number {
  if (id === "0") return at;
  const bytes = idBytes(id);
  target[at] = tag;
  target.set(bytes, at + 1);
  return at + 1 + bytes.length;
}
