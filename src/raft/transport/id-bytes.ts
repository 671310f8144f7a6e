/** Members' ids as varints. There are few of them and they come again in every message: both ways are looked up. */
import type { MemberId } from "../core/member-id.js";

/** More ids than any cluster has: whoever sends others does not fill the memory. */
const MAX_KNOWN = 1024;
const MAX_VARINT_BYTES = 10;
const LOW_BITS = 0x80n;
const MAX_ID = (1n << 64n) - 1n;

const bytesOf = new Map<MemberId, Buffer>();
const idOf = new Map<string, MemberId>();

/** @throws RangeError when it is no 64-bit number */
export function idBytes(id: MemberId): Buffer {
  const known = bytesOf.get(id);
  if (known) return known;
  let rest = BigInt(id);
  if (rest < 0n || rest > MAX_ID) throw new RangeError(`${id} is no member's id`);
  const bytes: number[] = [];
  for (; rest >= LOW_BITS; rest /= LOW_BITS) bytes.push(Number(rest % LOW_BITS) | 0x80);
  bytes.push(Number(rest));
  const encoded = Buffer.from(bytes);
  if (bytesOf.size >= MAX_KNOWN) bytesOf.clear();
  bytesOf.set(id, encoded);
  return encoded;
}

/** @param bytes one varint: the last byte is below 0x80 */
export function idFrom(bytes: Buffer, start: number, end: number): MemberId {
  const key = bytes.toString("latin1", start, end);
  const known = idOf.get(key);
  if (known !== undefined) return known;
  if (end - start > MAX_VARINT_BYTES) throw new RangeError("a number is too large");
  let value = 0n;
  for (let at = end - 1; at >= start; at--) value = value * LOW_BITS + BigInt(bytes[at]! & 0x7f);
  const id = (value & MAX_ID).toString();
  if (idOf.size >= MAX_KNOWN) idOf.clear();
  idOf.set(key, id);
  return id;
}
