/** raftpb.Entry by hand, into a buffer that is there: every entry that is written passes here. Same bytes as the generated code. */
import type { Entry, EntryType } from "../../api/generated/raftpb/raft.js";

/** Field number and wire type (proto/raftpb/raft.proto). */
const TAG = { type: 0x08, term: 0x10, index: 0x18, data: 0x22 } as const;

const LOW_BITS = 0x80;

export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= LOW_BITS; rest = Math.floor(rest / LOW_BITS)) bytes++;
  return bytes;
}

/** @param value a whole number below 2^53 @returns the offset after it */
export function writeVarint(target: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= LOW_BITS) {
    target[at++] = (rest % LOW_BITS) | LOW_BITS;
    rest = Math.floor(rest / LOW_BITS);
  }
  target[at++] = rest;
  return at;
}

export function entryBytes(entry: Entry): number {
  const { length } = entry.Data;
  return (
    (entry.Term === 0 ? 0 : 1 + varintBytes(entry.Term)) +
    (entry.Index === 0 ? 0 : 1 + varintBytes(entry.Index)) +
    (entry.Type === 0 ? 0 : 1 + varintBytes(entry.Type)) +
    (length === 0 ? 0 : 1 + varintBytes(length) + length)
  );
}

/** @returns the offset after it */
export function writeEntry(target: Buffer, offset: number, entry: Entry): number {
  let at = offset;
  if (entry.Term !== 0) {
    target[at++] = TAG.term;
    at = writeVarint(target, at, entry.Term);
  }
  if (entry.Index !== 0) {
    target[at++] = TAG.index;
    at = writeVarint(target, at, entry.Index);
  }
  if (entry.Type !== 0) {
    target[at++] = TAG.type;
    at = writeVarint(target, at, entry.Type);
  }
  if (entry.Data.length !== 0) {
    target[at++] = TAG.data;
    at = writeVarint(target, at, entry.Data.length);
    target.set(entry.Data, at);
    at += entry.Data.length;
  }
  return at;
}

/** Reads from one end of the bytes to the other. What does not add up throws a RangeError. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    if (this.#at >= this.#end) throw new RangeError("ends too early");
    return this.#bytes[this.#at++]!;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= Number.MAX_SAFE_INTEGER; scale *= LOW_BITS) {
      const byte = this.byte();
      value += (byte % LOW_BITS) * scale;
      if (byte < LOW_BITS) return value;
    }
    throw new RangeError("a number is too large");
  }

  /** A view. */
  bytes(length: number): Buffer {
    if (length > this.#end - this.#at) throw new RangeError("ends too early");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  part(length: number): ByteReader {
    const start = this.#at;
    this.bytes(length);
    return new ByteReader(this.#bytes, start, this.#at);
  }
}

/** Its data is a view of the bytes that are read. @throws RangeError */
export function readEntry(reader: ByteReader): Entry {
  let Term = 0;
  let Index = 0;
  let Type = 0 as EntryType;
  let Data: Buffer = NO_DATA;
  while (!reader.isAtEnd) {
    const tag = reader.byte();
    if (tag === TAG.term) Term = reader.varint();
    else if (tag === TAG.index) Index = reader.varint();
    else if (tag === TAG.type) Type = reader.varint();
    else if (tag === TAG.data) Data = reader.bytes(reader.varint());
    else throw new RangeError(`an entry has no field with tag ${tag}`);
  }
  return { Term, Index, Type, Data };
}

const NO_DATA = Buffer.alloc(0);
