/**
 * What stands at an offset of a segment: a record, the end, a torn tail, or damage.
 *
 * A write that lost power half-way and a bit that turned at rest both leave a record that fails its checksum, but the first was never
 * acknowledged and the second may have been (Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST '18, section
 * 3.3). They are told apart by what the log knows about its own writes:
 *
 * 1. There is one durable write at a time. So whatever stands behind a record was written after the record was durable: a broken record
 *    with anything behind it is damage.
 * 2. A segment is zeros where nothing was written, and a device writes whole sectors. So a torn record has a sector that is still
 *    zeros, and no part of a record that was written is zeros (see record.ts): a broken record without such a sector is damage.
 * 3. Only the last segment can have a torn tail: the header of the next one says where the segment before it ended.
 *
 * What is left: of the very last record, a sector that was acknowledged and became zeros at rest (or an acknowledged write that the
 * device lost altogether) looks like a torn write. A member that has lost such a record may have promised something that it
 * does not know any more; nothing on one disk can tell. Conversely a device that tears inside a sector makes a member refuse
 * to start, which is safe.
 */

import {
  ALIGNMENT,
  isContinuation,
  isWhole,
  parseRecordHeader,
  RECORD_HEADER_BYTES,
  type RecordHeader,
} from "./record.js";
import { SECTOR_BYTES } from "./segment-header.js";

export type Found =
  | { readonly kind: "record"; readonly header: RecordHeader }
  /** Only zeros from here on. */
  | { readonly kind: "end" }
  /** What a write that was cut off left behind; nothing follows. */
  | { readonly kind: "torn"; readonly bytes: number }
  | { readonly kind: "damage"; readonly reason: string };

/**
 * @param segment the whole file
 * @param number of the record that should stand there
 */
export function lookAt(segment: Buffer, offset: number, number: number): Found {
  const header = parseRecordHeader(segment, offset);
  if (header) return lookAtRecord(segment, offset, number, header);
  const headerEnd = Math.min(offset + RECORD_HEADER_BYTES, segment.length);
  if (!hasBlankSector(segment, offset, headerEnd)) {
    return { kind: "damage", reason: "the header of a record fails its checksum" };
  }
  const end = lastNonZero(segment, offset) + 1;
  if (end === offset) return { kind: "end" };
  const next = nextRecord(segment, offset + ALIGNMENT);
  if (next !== undefined) return { kind: "damage", reason: `a record is missing before the one at ${next}` };
  return { kind: "torn", bytes: end - offset };
}

function lookAtRecord(segment: Buffer, offset: number, number: number, header: RecordHeader): Found {
  if (header.number !== number && !isContinuation(header)) {
    return { kind: "damage", reason: `record ${header.number} stands where record ${number} belongs` };
  }
  if (isWhole(segment, offset, header)) return { kind: "record", header };
  const end = offset + header.bytes;
  if (end > segment.length) return { kind: "damage", reason: "the file ends within a record" };
  if (!hasBlankSector(segment, offset, end)) return { kind: "damage", reason: "a record fails its checksum" };
  const last = lastNonZero(segment, offset);
  return last >= end
    ? { kind: "damage", reason: "a record fails its checksum, and the log goes on behind it" }
    : { kind: "torn", bytes: last + 1 - offset };
}

/** Offset of the next whole record from here on, whatever its number; undefined without one. */
export function nextRecord(segment: Buffer, from: number): number | undefined {
  const last = lastNonZero(segment, from);
  for (let offset = Math.ceil(from / ALIGNMENT) * ALIGNMENT; offset <= last; offset += ALIGNMENT) {
    const header = parseRecordHeader(segment, offset);
    if (header && isWhole(segment, offset, header)) return offset;
  }
  return undefined;
}

/** Whether the part of some sector that lies in [start, end) is all zeros. */
function hasBlankSector(segment: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (isZero(segment, at, next)) return true;
    at = next;
  }
  return start >= end;
}

/** Offset of the last byte from `from` on that is not zero; one before `from` when there is none. */
function lastNonZero(segment: Buffer, from: number): number {
  let end = segment.length;
  while (end - from >= BLOCK.length && segment.compare(BLOCK, 0, BLOCK.length, end - BLOCK.length, end) === 0) {
    end -= BLOCK.length;
  }
  while (end > from && segment[end - 1] === 0) end--;
  return end - 1;
}

function isZero(segment: Buffer, start: number, end: number): boolean {
  return segment.compare(BLOCK, 0, end - start, start, end) === 0;
}

const BLOCK = Buffer.alloc(1 << 16);
