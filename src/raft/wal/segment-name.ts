/** Names of the files of a log. Decimal numbers of 16 digits, so that they sort as they follow each other. */

const DIGITS = 16;
const SEGMENT = /^(\d{16})-(\d{16})\.wal$/;
/** Names what is not whole yet: a crash leaves it behind, and nobody misses it. */
export const UNFINISHED = ".new";

/** The segment's place in the sequence from 1, and the index that the next new entry had when it began. */
export function segmentName(sequence: number, firstIndex: number): string {
  return `${padded(sequence)}-${padded(firstIndex)}.wal`;
}

export function parseSegmentName(name: string): { readonly sequence: number; readonly firstIndex: number } | undefined {
  const match = SEGMENT.exec(name);
  return match ? { sequence: Number(match[1]), firstIndex: Number(match[2]) } : undefined;
}

export function padded(value: number): string {
  return String(value).padStart(DIGITS, "0");
}
