/** tswarm.v1.RaftBatch read by hand: total, skips fields that it does not know, and copies no entry's data. */
import { type Entry, type EntryType, Message, type MessageType } from "../../api/generated/raftpb/raft.js";
import { type MemberId, NOBODY } from "../core/member-id.js";
import { idFrom } from "./id-bytes.js";

export interface ReceivedBatch {
  readonly from: MemberId;
  readonly address: string;
  readonly messages: readonly Message[];
}

const NO_BYTES: Buffer = Buffer.alloc(0);
const NO_ENTRIES: readonly Entry[] = [];
const NO_MESSAGES: readonly Message[] = [];
const LOW_BITS = 0x80;

/** @returns data and contexts are views of `bytes` @throws RangeError when it is no batch */
export function readBatch(bytes: Buffer): ReceivedBatch {
  const cursor = new Cursor(bytes);
  let from: MemberId = NOBODY;
  let address = "";
  const messages: Message[] = [];
  while (cursor.at < bytes.length) {
    const tag = cursor.number();
    if (tag === 0x08) from = cursor.member();
    else if (tag === 0x12) address = cursor.view(bytes.length).toString();
    else if (tag === 0x1a) messages.push(readMessage(cursor, cursor.end(bytes.length)));
    else cursor.skip(tag, bytes.length);
  }
  return { from, address, messages };
}

function readMessage(cursor: Cursor, end: number): Message {
  const start = cursor.at;
  let type = 0 as MessageType;
  let to = NOBODY;
  let from = NOBODY;
  let term = 0;
  let logTerm = 0;
  let index = 0;
  let entries: Entry[] | undefined;
  let commit = 0;
  let vote = NOBODY;
  let reject = false;
  let rejectHint = 0;
  let context: Buffer = NO_BYTES;
  while (cursor.at < end) {
    const tag = cursor.number();
    if (tag === 0x08) type = cursor.number();
    else if (tag === 0x10) to = cursor.member();
    else if (tag === 0x18) from = cursor.member();
    else if (tag === 0x20) term = cursor.number();
    else if (tag === 0x28) logTerm = cursor.number();
    else if (tag === 0x30) index = cursor.number();
    else if (tag === 0x3a) {
      entries ??= [];
      entries.push(readEntry(cursor, cursor.end(end)));
    } else if (tag === 0x40) commit = cursor.number();
    else if (tag === 0x50) reject = cursor.number() !== 0;
    else if (tag === 0x58) rejectHint = cursor.number();
    else if (tag === 0x62) context = cursor.view(end);
    else if (tag === 0x68) vote = cursor.member();
    else if (tag === 0x4a || tag === 0x72) return cursor.generated(start, end);
    else cursor.skip(tag, end);
  }
  if (cursor.at !== end) throw new RangeError("a message ends too early");
  return {
    type,
    to,
    from,
    term,
    logTerm,
    index,
    entries: entries ?? NO_ENTRIES,
    commit,
    vote,
    snapshot: undefined,
    reject,
    rejectHint,
    context,
    responses: NO_MESSAGES,
  };
}

function readEntry(cursor: Cursor, end: number): Entry {
  let Term = 0;
  let Index = 0;
  let Type = 0 as EntryType;
  let Data: Buffer = NO_BYTES;
  while (cursor.at < end) {
    const tag = cursor.number();
    if (tag === 0x10) Term = cursor.number();
    else if (tag === 0x18) Index = cursor.number();
    else if (tag === 0x08) Type = cursor.number();
    else if (tag === 0x22) Data = cursor.view(end);
    else cursor.skip(tag, end);
  }
  if (cursor.at !== end) throw new RangeError("an entry ends too early");
  return { Term, Index, Type, Data };
}

/** Goes through the bytes once. A step beyond the end throws. */
class Cursor {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** A varint below 2^53. */
  number(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.at++];
    if (byte !== undefined && byte < LOW_BITS) return byte;
    let value = 0;
    for (let scale = 1; byte !== undefined; scale *= LOW_BITS) {
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError("a number is too large");
      if (byte < LOW_BITS) return value;
      byte = bytes[this.at++];
    }
    throw new RangeError("a number ends too early");
  }

  member(): MemberId {
    const start = this.at;
    this.#varint();
    return idFrom(this.#bytes, start, this.at);
  }

  /** Where a part ends whose length comes here. */
  end(limit: number): number {
    const end = this.number() + this.at;
    if (end > limit) throw new RangeError("a part ends too early");
    return end;
  }

  view(limit: number): Buffer {
    const end = this.end(limit);
    const view = this.#bytes.subarray(this.at, end);
    this.at = end;
    return view;
  }

  skip(tag: number, limit: number): void {
    const wire = tag & 7;
    if (wire === 0) this.#varint();
    else if (wire === 1) this.at += 8;
    else if (wire === 2) this.at = this.end(limit);
    else if (wire === 5) this.at += 4;
    else throw new RangeError(`no field has the tag ${tag}`);
    if (this.at > limit || tag < 8) throw new RangeError("a field ends too early");
  }

  generated(start: number, end: number): Message {
    this.at = end;
    return Message.decode(this.#bytes.subarray(start, end));
  }

  #varint(): void {
    const start = this.at;
    for (;;) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined || this.at - start > 10) throw new RangeError("a number does not end");
      if (byte < LOW_BITS) return;
    }
  }
}
