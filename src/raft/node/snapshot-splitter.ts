/**
 * Takes a docker.swarmkit.v1.Snapshot apart while it comes in, cut anywhere:
 *
 *   Snapshot   1 version (varint)   2 membership (ClusterSnapshot)   3 store (StoreSnapshot)
 *   store      1–10 one object each
 *
 * The membership is taken out; the objects go on as Snapshots of their own, which together are the same message again (protobuf merges
 * what comes twice). SwarmKit sends one message with everything in one store field; tswarm sends many small ones.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { ClusterSnapshot } from "../../api/generated/docker/swarmkit/v1/raft.js";

export type SnapshotPiece =
  | { readonly kind: "membership"; readonly membership: ClusterSnapshot }
  /** An encoded Snapshot that holds nothing but objects. */
  | { readonly kind: "store"; readonly bytes: Uint8Array };

/** It is no Snapshot, or one of a kind that is not known. */
export class SnapshotFormatError extends Error {
  override readonly name = "SnapshotFormatError";
}

enum Wire {
  Varint = 0,
  Fixed64 = 1,
  Bytes = 2,
  Fixed32 = 5,
}
const VERSION = 1;
const MEMBERSHIP = 2;
const STORE = 3;

const MAX_VARINT_BYTES = 10;
const DEFAULT_PIECE_BYTES = 256 << 10;
/** No object is that large: a length beyond it is nonsense. */
const MAX_FIELD_BYTES = 64 << 20;

interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of a varint field. */
  readonly value: number;
  /** Where the field's own bytes begin and end, in the buffer. */
  readonly bodyStart: number;
  readonly end: number;
}

export class SnapshotSplitter {
  readonly #pieceBytes: number;
  #chunks: Uint8Array[] = [];
  #length = 0;
  /** With fewer bytes than this nothing more can be told. */
  #needed = 1;
  /** Bytes of the present store field that are still to come. */
  #storeLeft = 0;

  constructor(pieceBytes = DEFAULT_PIECE_BYTES) {
    this.#pieceBytes = pieceBytes;
  }

  /** @throws SnapshotFormatError */
  *push(chunk: Uint8Array): Generator<SnapshotPiece> {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return;
    const buffer = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#length);
    const used = yield* this.#parse(buffer);
    const rest = buffer.subarray(used);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
  }

  /** All has come. @throws SnapshotFormatError when it ends in the middle */
  end(): void {
    if (this.#length > 0 || this.#storeLeft > 0) throw new SnapshotFormatError("the snapshot ends in the middle");
  }

  /** @returns how many bytes were used; sets what is needed to go on */
  *#parse(buffer: Uint8Array): Generator<SnapshotPiece, number> {
    let at = 0;
    /** Objects since here are not handed on yet. */
    let groupStart = 0;
    /** Where the store field begins that the group is all of, so far; -1 when it begins in the middle. */
    let fieldStart = -1;
    for (;;) {
      if (this.#storeLeft === 0) {
        const field = readField(buffer, at, STORE);
        if (typeof field === "number") return this.#stop(at, field);
        if (field.number !== STORE) {
          if (field.end > buffer.length) return this.#stop(at, field.end);
          yield* piecesOf(field, buffer);
          at = field.end;
          continue;
        }
        if (field.wire !== Wire.Bytes) throw new SnapshotFormatError("the store of the snapshot is no message");
        this.#storeLeft = field.end - field.bodyStart;
        fieldStart = at;
        at = field.bodyStart;
        groupStart = at;
        continue;
      }
      const object = readField(buffer, at, undefined);
      const end = typeof object === "number" ? object : object.end;
      if (end - at > this.#storeLeft)
        throw new SnapshotFormatError("an object of the snapshot is longer than its place");
      if (typeof object === "number" || end > buffer.length) {
        if (at > groupStart) yield storePiece(buffer, fieldStart, groupStart, at, false);
        return this.#stop(at, end);
      }
      // A group that would grow too large ends before this object.
      if (at > groupStart && end - groupStart > this.#pieceBytes) {
        yield storePiece(buffer, fieldStart, groupStart, at, false);
        groupStart = at;
        fieldStart = -1;
      }
      this.#storeLeft -= end - at;
      at = end;
      if (this.#storeLeft === 0) yield storePiece(buffer, fieldStart, groupStart, at, true);
    }
  }

  #stop(at: number, end: number): number {
    this.#needed = end - at;
    if (this.#needed > MAX_FIELD_BYTES) throw new SnapshotFormatError(`a field of ${this.#needed} bytes`);
    return at;
  }
}

/** @returns the pieces of a stream of chunks, and yields nothing else. @throws SnapshotFormatError */
export async function* splitSnapshot(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SnapshotPiece> {
  const splitter = new SnapshotSplitter();
  for await (const chunk of chunks) yield* splitter.push(chunk);
  splitter.end();
}

function* piecesOf(field: Field, buffer: Uint8Array): Generator<SnapshotPiece> {
  if (field.number === VERSION && field.value !== 0) {
    throw new SnapshotFormatError(`a snapshot of version ${field.value}, which is not known here`);
  }
  if (field.number !== MEMBERSHIP) return;
  if (field.wire !== Wire.Bytes) throw new SnapshotFormatError("the membership of the snapshot is no message");
  let membership: ClusterSnapshot;
  try {
    membership = ClusterSnapshot.decode(buffer.subarray(field.bodyStart, field.end));
  } catch (error) {
    throw new SnapshotFormatError(`the membership of the snapshot: ${(error as Error).message}`);
  }
  yield { kind: "membership", membership };
}

/** @param isLast the objects end where the store field ends: with all of the field at hand nothing has to be copied */
function storePiece(
  buffer: Uint8Array,
  fieldStart: number,
  start: number,
  end: number,
  isLast: boolean,
): SnapshotPiece {
  if (isLast && fieldStart >= 0) return { kind: "store", bytes: buffer.subarray(fieldStart, end) };
  const bytes = new BinaryWriter()
    .uint32((STORE << 3) | Wire.Bytes)
    .bytes(buffer.subarray(start, end))
    .finish();
  return { kind: "store", bytes };
}

/**
 * Reads a field's head.
 * @param open its end may lie beyond the buffer, however far: it is not read as a whole
 * @returns the field; or up to where the buffer must reach at least to tell more
 */
function readField(buffer: Uint8Array, at: number, open: number | undefined): Field | number {
  const tag = readVarint(buffer, at);
  if (!tag) return Math.max(at, buffer.length) + 1;
  const number = Math.floor(tag.value / 8);
  const wire = tag.value % 8;
  if (number === 0) throw new SnapshotFormatError("a field without a number");
  switch (wire) {
    case Wire.Varint: {
      const value = readVarint(buffer, tag.end);
      if (!value) return buffer.length + 1;
      return { number, wire, value: value.value, bodyStart: tag.end, end: value.end };
    }
    case Wire.Fixed64:
      return { number, wire, value: 0, bodyStart: tag.end, end: tag.end + 8 };
    case Wire.Fixed32:
      return { number, wire, value: 0, bodyStart: tag.end, end: tag.end + 4 };
    case Wire.Bytes: {
      const length = readVarint(buffer, tag.end);
      if (!length) return buffer.length + 1;
      if (number !== open && length.value > MAX_FIELD_BYTES) {
        throw new SnapshotFormatError(`a field of ${length.value} bytes`);
      }
      return { number, wire, value: 0, bodyStart: length.end, end: length.end + length.value };
    }
    default:
      throw new SnapshotFormatError(`a field of wire type ${wire}`);
  }
}

/** undefined when it goes on beyond the buffer. Exact below 2^53. */
function readVarint(buffer: Uint8Array, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < MAX_VARINT_BYTES; i++) {
    const byte = buffer[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: at + i + 1 };
    scale *= 128;
  }
  throw new SnapshotFormatError("a number of more than ten bytes");
}
