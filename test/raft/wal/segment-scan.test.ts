/** How a torn tail is told from damage, case by case. */
import test from "ava";
import { CONTINUATION_NUMBER, encodeRecord, recordBytes } from "../../../src/raft/wal/record.js";
import { SECTOR_BYTES } from "../../../src/raft/wal/segment-header.js";
import { type Found, lookAt, nextRecord } from "../../../src/raft/wal/segment-scan.js";

const KEY = Buffer.alloc(32, 1);
const START = 512;
const SIZE = 16 << 10;
/** Goes over several sectors. */
const LONG = 1500;

/** Records of these lengths, one after the other, from {@link START}. */
function segment(...lengths: readonly number[]): { readonly bytes: Buffer; readonly offsets: readonly number[] } {
  const bytes = Buffer.alloc(SIZE);
  const offsets = [START];
  for (const [number, length] of lengths.entries()) {
    const record = encodeRecord(Buffer.alloc(length, number + 1), KEY, number, offsets.at(-1)!);
    record.copy(bytes, offsets.at(-1)!);
    offsets.push(offsets.at(-1)! + record.length);
  }
  return { bytes, offsets };
}

function look(bytes: Buffer, offset: number, number: number): string {
  const found: Found = lookAt(bytes, offset, number);
  return found.kind === "damage"
    ? `damage: ${found.reason}`
    : found.kind === "torn"
      ? `torn ${found.bytes}`
      : found.kind;
}

const sectorAfter = (offset: number) => Math.ceil(offset / SECTOR_BYTES) * SECTOR_BYTES;

test("whole records, then the end", (t) => {
  const { bytes, offsets } = segment(10, LONG, 0);
  t.deepEqual(
    offsets.map((offset, number) => look(bytes, offset, number)),
    ["record", "record", "record", "end"],
  );
  t.is(look(bytes, SIZE, 3), "end");
  t.is(look(bytes, SIZE - 8, 3), "end");
});

test("records of every length follow each other without a gap", (t) => {
  for (let length = 0; length < 40; length++) {
    t.is(recordBytes(length) % 8, 0);
    const { bytes, offsets } = segment(length, 5);
    t.is(look(bytes, offsets[1]!, 1), "record");
  }
});

test("a last record of which a sector is still zeros is torn, whichever it is", (t) => {
  const whole = segment(100, LONG);
  const [, start, end] = whole.offsets as [number, number, number];
  for (let from = start; from < end; from = sectorAfter(from + 1)) {
    const bytes = Buffer.from(whole.bytes);
    bytes.fill(0, from, Math.min(end, sectorAfter(from + 1)));
    t.regex(look(bytes, start, 1), /^torn \d+$/, `sector at ${from}`);
  }
});

test("a last record with all its sectors that fails its checksum is damage", (t) => {
  const whole = segment(100, LONG);
  const [, start, end] = whole.offsets as [number, number, number];
  for (let at = start; at < end; at++) {
    const bytes = Buffer.from(whole.bytes);
    bytes[at]! ^= 0x10;
    t.regex(look(bytes, start, 1), /^damage: .*(checksum)/, `offset ${at}`);
  }
});

test("a broken record with another behind it is damage, even with a sector of zeros", (t) => {
  const whole = segment(100, LONG, 30);
  const [, start] = whole.offsets as [number, number];
  const first = Buffer.from(whole.bytes);
  first.fill(0, start, sectorAfter(start + 1));
  t.regex(look(first, start, 1), /^damage: a record is missing before the one at \d+/);
  const middle = Buffer.from(whole.bytes);
  middle.fill(0, sectorAfter(start + 1), sectorAfter(start + 1) + SECTOR_BYTES);
  t.is(look(middle, start, 1), "damage: a record fails its checksum, and the log goes on behind it");
});

test("a torn record with bytes behind its end is damage: a later write had begun", (t) => {
  const { bytes, offsets } = segment(100, LONG);
  const [, start, end] = offsets as [number, number, number];
  bytes.fill(0, sectorAfter(start + 1), sectorAfter(start + 1) + SECTOR_BYTES);
  bytes[end + 700] = 1;
  t.regex(look(bytes, start, 1), /^damage/);
});

test("a record of another number is damage; the mark of the next segment may stand anywhere", (t) => {
  const { bytes, offsets } = segment(10, 10);
  t.is(look(bytes, offsets[1]!, 2), "damage: record 1 stands where record 2 belongs");
  const mark = encodeRecord(Buffer.alloc(2), KEY, CONTINUATION_NUMBER, offsets[2]!);
  mark.copy(bytes, offsets[2]!);
  t.is(look(bytes, offsets[2]!, 2), "record");
});

test("a file that ends within a record is damage", (t) => {
  const { bytes, offsets } = segment(10, LONG);
  t.is(look(bytes.subarray(0, offsets[2]! - 8), offsets[1]!, 1), "damage: the file ends within a record");
});

test("the next whole record is found behind a broken one", (t) => {
  const { bytes, offsets } = segment(10, LONG, 30);
  t.is(nextRecord(bytes, offsets[1]! + 1), offsets[2]);
  t.is(nextRecord(bytes, offsets[2]! + 1), undefined);
});
