/** One segment described item by item: across damage, and as far as it goes without its key. */
import { createHash } from "node:crypto";
import type { KeyRing } from "../../security/at-rest/key-ring.js";
import { isContinuation, openRecord, parseRecordHeader, type RecordHeader, tagOf } from "./record.js";
import { decodeContent, type RecordContent } from "./record-content.js";
import { openHeader, type PreviousSegment, parseHeader, type SegmentState, segmentKey } from "./segment-header.js";
import { parseSegmentName, segmentName } from "./segment-name.js";
import { lookAt, nextRecord } from "./segment-scan.js";

export type SegmentItem =
  | {
      readonly kind: "segment";
      readonly file: string;
      readonly sizeBytes: number;
      readonly sequence: number;
      readonly keyId: string;
      /** What the log was when it began; undefined when the key is not known. */
      readonly state: SegmentState | undefined;
    }
  | {
      readonly kind: "record";
      readonly file: string;
      readonly offset: number;
      readonly bytes: number;
      /** In its segment, from 0; undefined of the mark that the next segment was begun. */
      readonly number: number | undefined;
      /** Undefined when the key is not known. */
      readonly content: RecordContent | undefined;
    }
  /** Zeros from here on. */
  | { readonly kind: "end"; readonly file: string; readonly offset: number }
  /** A write that was cut off: recovery drops it. */
  | { readonly kind: "torn"; readonly file: string; readonly offset: number; readonly bytes: number }
  | { readonly kind: "damage"; readonly file: string; readonly offset: number; readonly reason: string }
  /** The key file does not hold the key. */
  | { readonly kind: "locked"; readonly file: string; readonly keyId: string };

/** What inspecting a segment has told of its place among the others. */
export interface SegmentPlace {
  readonly sequence: number;
  /** As its own header says; undefined when that cannot be read. */
  readonly previous: PreviousSegment | undefined;
  /** As its successor's header should say; undefined where damage was found. */
  readonly end: PreviousSegment | undefined;
}

export function* inspectSegment(
  file: string,
  bytes: Buffer,
  keyRing: Pick<KeyRing, "get">,
): Generator<SegmentItem, SegmentPlace | undefined, undefined> {
  const damage = (offset: number, reason: string) => ({ kind: "damage", file, offset, reason }) as const;
  const header = parseHeader(bytes);
  if (typeof header === "string") {
    yield damage(0, header);
    return undefined;
  }
  const { sequence, keyId } = header;
  const dataKey = keyRing.get(keyId);
  const key = dataKey && segmentKey(dataKey, header.salt, sequence);
  const state = key && openHeader(header, key);
  yield { kind: "segment", file, sizeBytes: bytes.length, sequence, keyId, state };
  if (!key) yield { kind: "locked", file, keyId };
  else if (!state) yield damage(0, `the header cannot be opened with key ${keyId}`);
  const named = parseSegmentName(file);
  if (named?.sequence !== sequence || (state && file !== segmentName(sequence, state.lastIndex + 1))) {
    yield damage(0, `the file holds segment ${sequence}: it was renamed or swapped`);
  }

  const hash = createHash("sha256").update(header.covered);
  let offset = header.recordsOffset;
  let number = 0;
  let isWhole = true;
  let end: PreviousSegment | undefined;
  for (;;) {
    const found = lookAt(bytes, offset, number);
    if (found.kind === "record") {
      const opened = key && contentOf(bytes, offset, found.header, key);
      if (typeof opened === "string") {
        isWhole = false;
        yield damage(offset, opened);
      } else {
        yield describe(file, offset, found.header, opened);
      }
      if (isContinuation(found.header)) {
        end ??= { sequence, records: number, endOffset: offset, digest: hash.copy().digest() };
      } else {
        hash.update(tagOf(bytes, offset, found.header));
        number++;
      }
      offset += found.header.bytes;
      continue;
    }
    if (found.kind === "end") yield { kind: "end", file, offset };
    if (found.kind === "torn") yield { kind: "torn", file, offset, bytes: found.bytes };
    if (found.kind === "damage") {
      isWhole = false;
      yield damage(offset, found.reason);
      const next = nextRecord(bytes, offset + 1);
      if (next !== undefined) {
        offset = next;
        const { number: found } = parseRecordHeader(bytes, next)!;
        number = isContinuation({ number: found }) ? number : found;
        continue;
      }
    }
    end ??= { sequence, records: number, endOffset: offset, digest: hash.digest() };
    return { sequence, previous: state?.previous, end: isWhole ? end : undefined };
  }
}

function describe(file: string, offset: number, header: RecordHeader, content: RecordContent | undefined): SegmentItem {
  const number = isContinuation(header) ? undefined : header.number;
  return { kind: "record", file, offset, bytes: header.bytes, number, content };
}

/** @returns a reason when it cannot be read */
function contentOf(bytes: Buffer, offset: number, header: RecordHeader, key: Uint8Array): RecordContent | string {
  const plain = openRecord(bytes, offset, header, key);
  if (!plain) return "a record cannot be opened with its key";
  try {
    return decodeContent(plain);
  } catch (error) {
    return `a record holds what no record holds: ${(error as Error).message}`;
  }
}
