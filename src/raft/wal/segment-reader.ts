/** Reads one segment, record by record. */
import { createHash } from "node:crypto";
import type { KeyRing } from "../../security/at-rest/key-ring.js";
import { type Disk, DiskError } from "../disk/disk.js";
import { LogDamagedError, LogLockedError } from "../storage/log-storage.js";
import { openRecord, type RecordHeader, tagOf } from "./record.js";
import { decodeContent, type RecordContent } from "./record-content.js";
import { openHeader, parseHeader, type SealedHeader, type SegmentState, segmentKey } from "./segment-header.js";
import { parseSegmentName, segmentName } from "./segment-name.js";
import { type Found, lookAt } from "./segment-scan.js";

/** A segment's file in memory, its header opened. */
export class OpenedSegment {
  /** Of the next record. */
  offset: number;
  number = 0;
  readonly #hash;

  constructor(
    readonly name: string,
    readonly bytes: Buffer,
    readonly header: SealedHeader,
    readonly state: SegmentState,
    readonly key: Uint8Array,
  ) {
    this.offset = header.recordsOffset;
    this.#hash = createHash("sha256").update(header.covered);
  }

  get sequence(): number {
    return this.header.sequence;
  }

  /** Of the header and of all records read so far. */
  digest(): Buffer {
    return this.#hash.copy().digest();
  }

  look(): Found {
    return lookAt(this.bytes, this.offset, this.number);
  }

  /** Takes the record that {@link look} found. @throws LogDamagedError */
  take(header: RecordHeader): RecordContent {
    const plain = openRecord(this.bytes, this.offset, header, this.key);
    if (!plain) throw this.damaged(`a record cannot be opened with key ${this.header.keyId}`);
    const content = this.#decode(plain);
    this.#hash.update(tagOf(this.bytes, this.offset, header));
    this.offset += header.bytes;
    this.number++;
    return content;
  }

  #decode(plain: Buffer): RecordContent {
    try {
      return decodeContent(plain);
    } catch (error) {
      throw this.damaged(`a record holds what no record holds: ${(error as Error).message}`);
    }
  }

  damaged(reason: string): LogDamagedError {
    return new LogDamagedError(this.name, this.offset, reason);
  }
}

/** @throws LogDamagedError, LogLockedError, DiskError */
export async function openSegment(disk: Disk, name: string, keyRing: Pick<KeyRing, "get">): Promise<OpenedSegment> {
  const bytes = await readWhole(disk, name);
  const header = parseHeader(bytes);
  if (typeof header === "string") throw new LogDamagedError(name, 0, header);
  if (header.sequence !== parseSegmentName(name)?.sequence) {
    throw new LogDamagedError(name, 0, `the file holds segment ${header.sequence}: it was renamed or swapped`);
  }
  const dataKey = keyRing.get(header.keyId);
  if (!dataKey)
    throw new LogLockedError(
      `${name} is sealed with key ${header.keyId}, which the key file does not hold`,
      "data-key-unknown",
      header.keyId,
    );
  const key = segmentKey(dataKey, header.salt, header.sequence);
  const state = openHeader(header, key);
  if (!state) throw new LogDamagedError(name, 0, `the header cannot be opened with key ${header.keyId}`);
  if (name !== segmentName(header.sequence, state.lastIndex + 1)) {
    throw new LogDamagedError(name, 0, `the segment begins at index ${state.lastIndex + 1}: the file was renamed`);
  }
  return new OpenedSegment(name, bytes, header, state, key);
}

/** A file whole. @throws DiskError */
export async function readWhole(disk: Disk, name: string): Promise<Buffer> {
  const file = await disk.open(name);
  try {
    const size = await file.size();
    const bytes = await file.read(0, size);
    if (bytes.length < size) throw new DiskError("io", name, `${name} ended at ${bytes.length} of ${size} bytes`);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  } finally {
    await file.close();
  }
}
