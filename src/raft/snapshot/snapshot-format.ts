/**
 * A snapshot's file: a header, then frames.
 *
 *      0  magic "tswarmSN"
 *      8  version, u32                     all numbers little-endian
 *     12  bytes of the sealed part, tag included, u32
 *     16  salt, 16 bytes: with the data key it gives the file's own key
 *     32  id of the data key, 16 characters
 *     48  sealed part: raftpb.SnapshotMetadata
 *      …  CRC-32 of all before it, u32
 *
 *     frame:
 *      0  bytes of the sealed part, tag included, u32; the top bit is set in the last frame
 *      4  CRC-32 of the 4 bytes before and the sealed part, u32
 *      8  sealed part: chunks, each a length (varint) and its bytes
 *
 * Frames are sealed as in STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse
 * Misuse-Resistance", CRYPTO 2015): the nonce is the frame's number and whether it is the last, so that a file that was cut, or whose
 * frames were exchanged, does not open.
 */
import { crc32 } from "node:zlib";
import { SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { DataKey } from "../../security/at-rest/key-ring.js";
import { counterNonce, deriveKey, SALT_BYTES, seal, TAG_BYTES, unseal } from "../../security/at-rest/sealing.js";

export const FRAME_HEADER_BYTES = 8;
/** Chunks are gathered into frames of about this size. A longer chunk has a frame of its own. */
export const FRAME_BYTES = 256 << 10;
export const MAX_CHUNK_BYTES = 64 << 20;
/** More than a header ever is: a membership has tens of members, not thousands. */
export const MAX_HEADER_BYTES = 64 << 10;

const MAGIC = Buffer.from("tswarmSN", "latin1");
const VERSION = 1;
const KEY_ID_BYTES = 16;
const OFFSET = { version: 8, sealedBytes: 12, salt: 16, keyId: 32, sealed: 48 } as const;
const CRC_BYTES = 4;
const LAST = 0x8000_0000;
const NONCE_KIND = { frame: 0, lastFrame: 1, header: 2 } as const;
const HEADER_NONCE = counterNonce(0, NONCE_KIND.header);

export function snapshotKey(key: DataKey, salt: Uint8Array): Uint8Array {
  return deriveKey(key.bytes, salt, "tswarm snapshot");
}

export function encodeHeader(metadata: SnapshotMetadata, salt: Uint8Array, keyId: string, key: Uint8Array): Buffer {
  const content = SnapshotMetadata.encode(metadata).finish();
  const sealedBytes = content.length + TAG_BYTES;
  const bytes = Buffer.alloc(OFFSET.sealed + sealedBytes + CRC_BYTES);
  if (bytes.length > MAX_HEADER_BYTES) throw new RangeError(`the metadata of snapshot ${metadata.index} is too long`);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, OFFSET.version);
  bytes.writeUInt32LE(sealedBytes, OFFSET.sealedBytes);
  bytes.set(salt, OFFSET.salt);
  bytes.write(keyId, OFFSET.keyId, KEY_ID_BYTES, "latin1");
  bytes.set(seal(key, HEADER_NONCE, bytes.subarray(0, OFFSET.sealed), content), OFFSET.sealed);
  const end = OFFSET.sealed + sealedBytes;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end);
  return bytes;
}

export interface SealedSnapshotHeader {
  readonly salt: Uint8Array;
  readonly keyId: string;
  readonly plain: Uint8Array;
  readonly sealed: Uint8Array;
  /** Where the frames begin. */
  readonly bytes: number;
}

/** @param bytes from the start of the file on @returns a reason when they are no whole header */
export function parseHeader(bytes: Buffer): SealedSnapshotHeader | string {
  if (bytes.length < OFFSET.sealed + TAG_BYTES + CRC_BYTES) return "the file is too short for a snapshot's header";
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return "the file does not begin as a snapshot does";
  const sealedBytes = bytes.readUInt32LE(OFFSET.sealedBytes);
  const end = OFFSET.sealed + sealedBytes;
  if (sealedBytes < TAG_BYTES || end + CRC_BYTES > bytes.length) return "the header has a wrong length";
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) return "the header fails its checksum";
  const version = bytes.readUInt32LE(OFFSET.version);
  if (version !== VERSION) return `the snapshot is of version ${version}, and only ${VERSION} is known`;
  return {
    salt: bytes.subarray(OFFSET.salt, OFFSET.salt + SALT_BYTES),
    keyId: bytes.toString("latin1", OFFSET.keyId, OFFSET.keyId + KEY_ID_BYTES),
    plain: bytes.subarray(0, OFFSET.sealed),
    sealed: bytes.subarray(OFFSET.sealed, end),
    bytes: end + CRC_BYTES,
  };
}

/** @returns undefined when the key does not open it */
export function openHeader(header: SealedSnapshotHeader, key: Uint8Array): SnapshotMetadata | undefined {
  const content = unseal(key, HEADER_NONCE, header.plain, header.sealed);
  return content && SnapshotMetadata.decode(content);
}

export function encodeFrame(content: Uint8Array, key: Uint8Array, number: number, isLast: boolean): Buffer {
  const word = Buffer.alloc(4);
  word.writeUInt32LE(content.length + TAG_BYTES + (isLast ? LAST : 0));
  const sealed = seal(key, frameNonce(number, isLast), word, content);
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(sealed, crc32(word)));
  return Buffer.concat([word, crc, sealed]);
}

export interface FrameHeader {
  readonly sealedBytes: number;
  readonly isLast: boolean;
  readonly word: Buffer;
  readonly crc: number;
}

/** @returns undefined when no frame is so long */
export function parseFrameHeader(bytes: Buffer): FrameHeader | undefined {
  if (bytes.length < FRAME_HEADER_BYTES) return undefined;
  const word = bytes.readUInt32LE(0);
  const isLast = word >= LAST;
  const sealedBytes = isLast ? word - LAST : word;
  if (sealedBytes < TAG_BYTES || sealedBytes > MAX_CHUNK_BYTES + FRAME_BYTES) return undefined;
  return { sealedBytes, isLast, word: bytes.subarray(0, 4), crc: bytes.readUInt32LE(4) };
}

export function isWholeFrame({ word, crc }: FrameHeader, sealed: Buffer): boolean {
  return crc32(sealed, crc32(word)) === crc;
}

/** @returns undefined when the key does not open it, or it is not the frame with this number */
export function openFrame(header: FrameHeader, sealed: Buffer, key: Uint8Array, number: number): Buffer | undefined {
  return unseal(key, frameNonce(number, header.isLast), header.word, sealed);
}

function frameNonce(number: number, isLast: boolean): Buffer {
  return counterNonce(number, isLast ? NONCE_KIND.lastFrame : NONCE_KIND.frame);
}
