/** IPv4 prefixes: an address with the count of leading bits that matter. */
import { isIPv4 } from "node:net";

export interface Ipv4Prefix {
  /** Network address: bits beyond the length are zero. */
  readonly address: Buffer;
  readonly length: number;
}

/** @returns undefined for text that is no IPv4 address with or without a prefix length */
export function parsePrefix(text: string): Ipv4Prefix | undefined {
  const match = /^([0-9.]+)(?:\/(\d{1,2}))?$/.exec(text);
  if (!match || !isIPv4(match[1]!)) return undefined;
  const length = match[2] === undefined ? 32 : Number(match[2]);
  if (length > 32) return undefined;
  const address = ipv4Bytes(match[1]!);
  address.writeUInt32BE((address.readUInt32BE(0) & prefixMask(length)) >>> 0, 0);
  return { address, length };
}

export function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

/** The mask of a prefix length as an unsigned number. */
export function prefixMask(length: number): number {
  return length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0;
}

export function formatPrefix({ address, length }: Ipv4Prefix): string {
  return `${address.join(".")}/${length}`;
}

/** Whether every address of `inner` is in `outer`. */
export function containsPrefix(outer: Ipv4Prefix, inner: Ipv4Prefix): boolean {
  if (inner.length < outer.length) return false;
  const mask = prefixMask(outer.length);
  return (inner.address.readUInt32BE(0) & mask) >>> 0 === outer.address.readUInt32BE(0);
}

/**
 * The prefixes that together hold every address of `whole` but those of `part`: at most 32, none when nothing is left.
 */
export function prefixesWithout(whole: Ipv4Prefix, part: Ipv4Prefix): Ipv4Prefix[] {
  if (containsPrefix(part, whole)) return [];
  if (!containsPrefix(whole, part)) return [whole];
  const partAddress = part.address.readUInt32BE(0);
  const rest: Ipv4Prefix[] = [];
  for (let length = whole.length + 1; length <= part.length; length++) {
    const sibling = ((partAddress ^ (1 << (32 - length))) & prefixMask(length)) >>> 0;
    const address = Buffer.alloc(4);
    address.writeUInt32BE(sibling);
    rest.push({ address, length });
  }
  return rest;
}
