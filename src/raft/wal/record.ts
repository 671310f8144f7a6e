/**
 * A record of a segment: what one durable write added.
 *
 *      0  magic, u32                       all numbers little-endian
 *      4  bytes of the sealed content, tag included, u32
 *      8  number of the record in its segment, from 0, u32
 *     12  CRC-32 of the sealed content and the padding, u32
 *     16  CRC-32 of the 16 bytes before, u32
 *     20  sealed content: AES-256-GCM under the segment's key, the record's number as nonce; its offset in the
 *         file and the header's first 12 bytes are authenticated
 *      …  padding, 8 to 15 bytes that are not zero, to a multiple of 8
 *
 * The length of a record and its offset are multiples of 8, and no 8 bytes at its start or end are all zeros: a part of it in any sector
 * is never all zeros, and so a sector that was not written can be told from one that was.
 */
import { crc32 } from "node:zlib";
import { counterNonce, sealInto, TAG_BYTES, unseal } from "../../security/at-rest/sealing.js";

export const RECORD_HEADER_BYTES = 20;
export const ALIGNMENT = 8;

/**
 * Number of the record that says that the next segment stands on the disk. A number of its own, because a later life may write it behind the
 * end of an earlier one, where a torn record had the next number: no nonce is used for two contents.
 */
export const CONTINUATION_NUMBER = 0xffff_ffff;

const MAGIC = 0xc3d7_a59e;
const OFFSET = { sealedBytes: 4, number: 8, sealedCrc: 12, headerCrc: 16 } as const;
const MIN_PADDING_BYTES = 8;
const PADDING = 0xa5;

/** Of a record with so many bytes of plain content. */
export function recordBytes(contentBytes: number): number {
  return roundUp(RECORD_HEADER_BYTES + contentBytes + TAG_BYTES + MIN_PADDING_BYTES);
}

export function encodeRecord(content: Uint8Array, key: Uint8Array, number: number, offset: number): Buffer {
  const sealedBytes = content.length + TAG_BYTES;
  const sealedEnd = RECORD_HEADER_BYTES + sealedBytes;
  const bytes = Buffer.allocUnsafe(recordBytes(content.length));
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(sealedBytes, OFFSET.sealedBytes);
  bytes.writeUInt32LE(number, OFFSET.number);
  sealInto(bytes, RECORD_HEADER_BYTES, key, counterNonce(number), associated(bytes, offset), content);
  bytes.fill(PADDING, sealedEnd);
  bytes.writeUInt32LE(crc32(bytes.subarray(RECORD_HEADER_BYTES)), OFFSET.sealedCrc);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, OFFSET.headerCrc)), OFFSET.headerCrc);
  return bytes;
}

export interface RecordHeader {
  readonly sealedBytes: number;
  readonly number: number;
  readonly sealedCrc: number;
  /** Of the whole record. */
  readonly bytes: number;
}

/** @returns undefined when there is no whole header of a record at the offset */
export function parseRecordHeader(segment: Buffer, offset: number): RecordHeader | undefined {
  if (offset + RECORD_HEADER_BYTES > segment.length || segment.readUInt32LE(offset) !== MAGIC) return undefined;
  const headerCrc = segment.readUInt32LE(offset + OFFSET.headerCrc);
  if (crc32(segment.subarray(offset, offset + OFFSET.headerCrc)) !== headerCrc) return undefined;
  const sealedBytes = segment.readUInt32LE(offset + OFFSET.sealedBytes);
  if (sealedBytes < TAG_BYTES) return undefined;
  return {
    sealedBytes,
    number: segment.readUInt32LE(offset + OFFSET.number),
    sealedCrc: segment.readUInt32LE(offset + OFFSET.sealedCrc),
    bytes: recordBytes(sealedBytes - TAG_BYTES),
  };
}

export function isContinuation(header: Pick<RecordHeader, "number">): boolean {
  return header.number === CONTINUATION_NUMBER;
}

/** Whether the record is as it was written, as far as one can tell without its key. */
export function isWhole(segment: Buffer, offset: number, header: RecordHeader): boolean {
  const end = offset + header.bytes;
  return end <= segment.length && crc32(segment.subarray(offset + RECORD_HEADER_BYTES, end)) === header.sealedCrc;
}

/** Plain content of a whole record. @returns undefined when the key does not open it */
export function openRecord(
  segment: Buffer,
  offset: number,
  { sealedBytes, number }: RecordHeader,
  key: Uint8Array,
): Buffer | undefined {
  const start = offset + RECORD_HEADER_BYTES;
  const header = segment.subarray(offset, start);
  return unseal(key, counterNonce(number), associated(header, offset), segment.subarray(start, start + sealedBytes));
}

/** The tag: what it was sealed with, its content and its place decide it. */
export function tagOf(segment: Buffer, offset: number, { sealedBytes }: Pick<RecordHeader, "sealedBytes">): Buffer {
  const end = offset + RECORD_HEADER_BYTES + sealedBytes;
  return segment.subarray(end - TAG_BYTES, end);
}

function associated(header: Buffer, offset: number): Buffer {
  const bytes = Buffer.allocUnsafe(OFFSET.sealedCrc + 8);
  header.copy(bytes, 0, 0, OFFSET.sealedCrc);
  bytes.writeBigUInt64LE(BigInt(offset), OFFSET.sealedCrc);
  return bytes;
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
