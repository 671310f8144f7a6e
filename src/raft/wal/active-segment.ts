/** The segment that is being written. */
import { createHash, type Hash } from "node:crypto";
import type { DataKey } from "../../security/at-rest/key-ring.js";
import { SALT_BYTES } from "../../security/at-rest/sealing.js";
import type { Disk } from "../disk/disk.js";
import { CONTINUATION_NUMBER, encodeRecord, recordBytes, tagOf } from "./record.js";
import { encodeContent, type RecordContent } from "./record-content.js";
import type { SegmentEnd, SegmentSummary } from "./recovery.js";
import { encodeHeader, type SegmentState, segmentKey } from "./segment-header.js";
import { segmentName } from "./segment-name.js";
import type { PreparedFile, SegmentPreparer } from "./segment-preparer.js";

const CONTINUATION = encodeContent({ entries: [], mark: "continued" });

export interface NewSegment {
  readonly sequence: number;
  readonly dataKey: DataKey;
  readonly state: SegmentState;
  readonly randomBytes: (size: number) => Uint8Array;
  /** Of the record that has to fit. */
  readonly recordBytes: number;
}

export class ActiveSegment {
  readonly #prepared: PreparedFile;
  readonly #key: Uint8Array;
  readonly #hash: Hash;
  readonly #keyId: string;
  readonly #sequence: number;
  #offset: number;
  #records = 0;
  #maxIndex = 0;
  #hasRestart = false;

  private constructor(
    readonly name: string,
    { sequence, dataKey }: NewSegment,
    prepared: PreparedFile,
    key: Uint8Array,
    header: { readonly bytes: Buffer; readonly covered: Uint8Array },
  ) {
    this.#prepared = prepared;
    this.#key = key;
    this.#keyId = dataKey.id;
    this.#sequence = sequence;
    this.#hash = createHash("sha256").update(header.covered);
    this.#offset = header.bytes.length;
  }

  /** Durable, and under its name, once resolved. */
  static async begin(disk: Disk, preparer: SegmentPreparer, plan: NewSegment): Promise<ActiveSegment> {
    const { sequence, dataKey, state } = plan;
    const salt = plan.randomBytes(SALT_BYTES);
    const key = segmentKey(dataKey, salt, sequence);
    const header = encodeHeader(sequence, salt, dataKey.id, key, state);
    const prepared = await preparer.take(header.bytes.length + plan.recordBytes + recordBytes(CONTINUATION.length));
    const name = segmentName(sequence, state.lastIndex + 1);
    await prepared.file.writeDurably(0, header.bytes);
    await disk.rename(prepared.name, name);
    await disk.syncFolder();
    return new ActiveSegment(name, plan, prepared, key, header);
  }

  fits(bytes: number): boolean {
    return this.#offset + bytes + recordBytes(CONTINUATION.length) <= this.#prepared.sizeBytes;
  }

  /** One durable write. */
  async append(plain: Uint8Array, content: RecordContent): Promise<void> {
    const bytes = encodeRecord(plain, this.#key, this.#records, this.#offset);
    await this.#prepared.file.writeDurably(this.#offset, bytes);
    this.#hash.update(tagOf(bytes, 0, { sealedBytes: bytes.readUInt32LE(4) }));
    this.#offset += bytes.length;
    this.#records++;
    for (const { Index } of content.entries) if (Index > this.#maxIndex) this.#maxIndex = Index;
    this.#hasRestart ||= content.restart !== undefined;
  }

  end(): SegmentEnd {
    const position = {
      sequence: this.#sequence,
      records: this.#records,
      endOffset: this.#offset,
      digest: this.#hash.copy().digest(),
    };
    return { name: this.name, key: this.#key, position };
  }

  summary(): SegmentSummary {
    return {
      name: this.name,
      sequence: this.#sequence,
      sizeBytes: this.#prepared.sizeBytes,
      keyId: this.#keyId,
      maxIndex: this.#maxIndex,
      hasRestart: this.#hasRestart,
    };
  }

  close(): Promise<void> {
    return this.#prepared.file.close();
  }
}

/** Says in a segment that the next one stands on the disk: when that one is missing later, it is known. */
export async function markContinued(disk: Disk, { name, key, position }: SegmentEnd): Promise<void> {
  const file = await disk.open(name);
  try {
    const { endOffset } = position;
    await file.writeDurably(endOffset, encodeRecord(CONTINUATION, key, CONTINUATION_NUMBER, endOffset));
  } finally {
    await file.close();
  }
}
