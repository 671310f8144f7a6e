/**
 * The start of a segment: who sealed it, and all that is needed to begin reading a log here, so that the segments before it can go.
 *
 *      0  magic "tswarmWL"
 *      8  version, u32                     all numbers little-endian
 *     12  bytes of the sealed part, tag included, u32
 *     16  sequence, u64
 *     24  salt, 16 bytes: with the data key it gives the segment's own key
 *     40  id of the data key, 16 characters
 *     56  sealed part: see {@link encodeState}
 *      …  CRC-32 of all before it, u32
 *      …  zeros to the next sector, where the records begin
 *
 * It is durable before the file gets its name: a segment never has half a header, and a broken one is damage.
 */
import { crc32 } from "node:zlib";
import { HardState } from "../../api/generated/raftpb/raft.js";
import type { DataKey } from "../../security/at-rest/key-ring.js";
import { counterNonce, deriveKey, SALT_BYTES, seal, TAG_BYTES, unseal } from "../../security/at-rest/sealing.js";
import { ByteReader, varintBytes, writeVarint } from "./entry-codec.js";
import type { Kept } from "./record-content.js";

/** What a device writes as a whole. */
export const SECTOR_BYTES = 512;
/** More than a header ever is, identity included. */
export const MAX_HEADER_BYTES = 1 << 20;

const MAGIC = Buffer.from("tswarmWL", "latin1");
const VERSION = 1;
const KEY_ID_BYTES = 16;
const OFFSET = { version: 8, sealedBytes: 12, sequence: 16, salt: 24, keyId: 40, sealed: 56 } as const;
const CRC_BYTES = 4;
export const DIGEST_BYTES = 32;
/** Records have nonces of kind 0. */
const HEADER_NONCE = counterNonce(0, 1);

/** How the segment before ended: without it here, or with another one, something is missing. */
export interface PreviousSegment {
  /** 0: this is the first of all. */
  readonly sequence: number;
  readonly records: number;
  /** Offset after its last record. */
  readonly endOffset: number;
  /** Of its header and of the tags of its records. */
  readonly digest: Uint8Array;
}

/** What the log was when the segment began. */
export interface SegmentState {
  readonly previous: PreviousSegment;
  readonly hardState: HardState;
  readonly identity: Uint8Array | undefined;
  readonly lastIndex: number;
  readonly kept: Kept;
}

export interface SealedHeader {
  readonly sequence: number;
  readonly salt: Uint8Array;
  readonly keyId: string;
  readonly sealed: Uint8Array;
  /** Authenticated with the sealed part. */
  readonly plain: Uint8Array;
  /** All that the checksum covers. */
  readonly covered: Uint8Array;
  readonly recordsOffset: number;
}

export const NO_PREVIOUS: PreviousSegment = {
  sequence: 0,
  records: 0,
  endOffset: 0,
  digest: new Uint8Array(DIGEST_BYTES),
};

/** The key of one segment alone. */
export function segmentKey(key: DataKey, salt: Uint8Array, sequence: number): Uint8Array {
  return deriveKey(key.bytes, salt, `tswarm log segment ${sequence}`);
}

/** The header's sectors, whole. */
export function encodeHeader(
  sequence: number,
  salt: Uint8Array,
  keyId: string,
  key: Uint8Array,
  state: SegmentState,
): { readonly bytes: Buffer; readonly covered: Uint8Array } {
  const content = encodeState(state);
  const sealedBytes = content.length + TAG_BYTES;
  const coveredBytes = OFFSET.sealed + sealedBytes;
  const bytes = Buffer.alloc(alignedToSector(coveredBytes + CRC_BYTES));
  if (bytes.length > MAX_HEADER_BYTES)
    throw new RangeError(`an identity of ${state.identity?.length} bytes is too long`);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, OFFSET.version);
  bytes.writeUInt32LE(sealedBytes, OFFSET.sealedBytes);
  bytes.writeBigUInt64LE(BigInt(sequence), OFFSET.sequence);
  bytes.set(salt, OFFSET.salt);
  bytes.write(keyId, OFFSET.keyId, KEY_ID_BYTES, "latin1");
  bytes.set(seal(key, HEADER_NONCE, bytes.subarray(0, OFFSET.sealed), content), OFFSET.sealed);
  const covered = bytes.subarray(0, coveredBytes);
  bytes.writeUInt32LE(crc32(covered), coveredBytes);
  return { bytes, covered };
}

/** @param bytes from the start of the file on @returns a reason when they are no whole header */
export function parseHeader(bytes: Buffer): SealedHeader | string {
  if (bytes.length < OFFSET.sealed + TAG_BYTES + CRC_BYTES) return "the file is too short for a segment's header";
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return "the file does not begin as a segment does";
  const sealedBytes = bytes.readUInt32LE(OFFSET.sealedBytes);
  const coveredBytes = OFFSET.sealed + sealedBytes;
  const end = alignedToSector(coveredBytes + CRC_BYTES);
  if (sealedBytes < TAG_BYTES || end > Math.min(bytes.length, MAX_HEADER_BYTES)) return "the header has a wrong length";
  const covered = bytes.subarray(0, coveredBytes);
  if (crc32(covered) !== bytes.readUInt32LE(coveredBytes)) return "the header fails its checksum";
  const version = bytes.readUInt32LE(OFFSET.version);
  if (version !== VERSION) return `the segment is of version ${version}, and only ${VERSION} is known`;
  return {
    sequence: Number(bytes.readBigUInt64LE(OFFSET.sequence)),
    salt: bytes.subarray(OFFSET.salt, OFFSET.salt + SALT_BYTES),
    keyId: bytes.toString("latin1", OFFSET.keyId, OFFSET.keyId + KEY_ID_BYTES),
    sealed: bytes.subarray(OFFSET.sealed, coveredBytes),
    plain: bytes.subarray(0, OFFSET.sealed),
    covered,
    recordsOffset: end,
  };
}

/** @returns undefined when the key does not open it */
export function openHeader(header: SealedHeader, key: Uint8Array): SegmentState | undefined {
  const content = unseal(key, HEADER_NONCE, header.plain, header.sealed);
  return content && decodeState(content);
}

/** Numbers as varints, then the digest, the hard state and the identity. */
function encodeState(state: SegmentState): Buffer {
  const { previous, kept } = state;
  const hardState = HardState.encode(state.hardState).finish();
  const identity = state.identity ?? new Uint8Array(0);
  const numbers = [
    previous.sequence,
    previous.records,
    previous.endOffset,
    state.lastIndex,
    kept.snapshot.index,
    kept.snapshot.term,
    kept.firstSequence,
    hardState.length,
    state.identity ? 1 : 0,
    identity.length,
  ];
  const numberBytes = numbers.reduce((sum, number) => sum + varintBytes(number), 0);
  const bytes = Buffer.allocUnsafe(numberBytes + DIGEST_BYTES + hardState.length + identity.length);
  let at = numbers.reduce((offset, number) => writeVarint(bytes, offset, number), 0);
  for (const part of [previous.digest, hardState, identity]) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function decodeState(bytes: Buffer): SegmentState {
  const reader = new ByteReader(bytes);
  const [sequence, records, endOffset] = [reader.varint(), reader.varint(), reader.varint()];
  const lastIndex = reader.varint();
  const snapshot = { index: reader.varint(), term: reader.varint() };
  const firstSequence = reader.varint();
  const hardStateBytes = reader.varint();
  const hasIdentity = reader.varint() === 1;
  const identityBytes = reader.varint();
  const digest = reader.bytes(DIGEST_BYTES);
  const hardState = HardState.decode(reader.bytes(hardStateBytes));
  const identity = reader.bytes(identityBytes);
  return {
    previous: { sequence, records, endOffset, digest },
    hardState,
    identity: hasIdentity ? identity : undefined,
    lastIndex,
    kept: { snapshot, firstSequence },
  };
}

function alignedToSector(bytes: number): number {
  return Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES;
}
