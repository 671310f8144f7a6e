/**
 * When which part of an output file was written. The file is the task's own: its writers append to it and nobody stands between. Beside it
 * the agent keeps marks: "at this time the file was so long". What stands between two marks was written after the time of the first and not
 * later than that of the second, which is what its lines carry.
 *
 *     0        8        16
 *     | offset | time   |      little-endian; bytes, and nanoseconds since 1970; both never fall
 */

export const MARK_BYTES = 16;

export interface Mark {
  /** Length of the file, in bytes. */
  readonly offset: number;
  /** Of the last write before, by the file system. */
  readonly nanos: bigint;
}

export function encodeMarks(marks: readonly Mark[]): Buffer {
  const bytes = Buffer.allocUnsafe(marks.length * MARK_BYTES);
  marks.forEach(({ offset, nanos }, at) => {
    bytes.writeBigUInt64LE(BigInt(offset), at * MARK_BYTES);
    bytes.writeBigUInt64LE(nanos, at * MARK_BYTES + 8);
  });
  return bytes;
}

/** Half a mark at the end, which a crash left, does not count; nor does what follows one that is out of order. */
export function decodeMarks(bytes: Buffer): Mark[] {
  const marks: Mark[] = [];
  for (let at = 0; at + MARK_BYTES <= bytes.length; at += MARK_BYTES) {
    const mark = { offset: Number(bytes.readBigUInt64LE(at)), nanos: bytes.readBigUInt64LE(at + 8) };
    const before = marks.at(-1);
    if (before && (mark.offset <= before.offset || mark.nanos < before.nanos)) break;
    marks.push(mark);
  }
  return marks;
}

/** When the byte before `end` was written; 0 when there is no mark. */
export function timeOf(marks: readonly Mark[], end: number): bigint {
  const at = firstAt(marks, ({ offset }) => offset >= end);
  return (marks[at] ?? marks.at(-1))?.nanos ?? 0n;
}

/** All before this offset was written before that time. */
export function offsetSince(marks: readonly Mark[], nanos: bigint): number {
  const at = firstAt(marks, (mark) => mark.nanos >= nanos);
  return marks[at - 1]?.offset ?? 0;
}

/**
 * Fewer marks: none of what is not kept of the file any more, and, if need be, of the older half every second one.
 * @param from where what is kept begins
 */
export function thinMarks(marks: readonly Mark[], from: number, most: number): Mark[] {
  const before = firstAt(marks, ({ offset }) => offset > from) - 1;
  const kept = marks.slice(Math.max(0, before));
  if (kept.length <= most) return kept;
  const half = Math.floor(kept.length / 2);
  return kept.filter((_mark, at) => at >= half || at % 2 === 0);
}

/** The first that fits, where all after it fit too; the length when none does. */
function firstAt(marks: readonly Mark[], fits: (mark: Mark) => boolean): number {
  let low = 0;
  let high = marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(marks[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
