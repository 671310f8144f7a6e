/** IPv4 subnets as ranges of numbers. */
import { formatIpv4, parseIpv4 } from "../../../native-bindings/address-text.js";
import { parsePrefix, readIpv4 } from "../../../overlay/ipv4.js";

export interface Ipv4Range {
  /** First and last address, the network's and the broadcast address included. */
  readonly first: number;
  readonly last: number;
  /** 0…32 */
  readonly length: number;
}

/** @returns the range of "10.0.1.0/24"; undefined when it is not a prefix, or has host bits set */
export function parseRange(text: string): Ipv4Range | undefined {
  const prefix = parsePrefix(text);
  if (!prefix || `${prefix.address}/${prefix.length}` !== prefix.subnet) return undefined;
  const first = parseIpv4(prefix.address);
  return { first, last: first + 2 ** (32 - prefix.length) - 1, length: prefix.length };
}

/** @returns a number for "10.0.1.4" or "10.0.1.4/24" */
export function parseAddress(text: string): number | undefined {
  const slash = text.indexOf("/");
  return readIpv4(slash < 0 ? text : text.slice(0, slash));
}

export function formatRange({ first, length }: Ipv4Range): string {
  return `${formatIpv4(first)}/${length}`;
}

export function formatAddress(address: number, length: number): string {
  return `${formatIpv4(address)}/${length}`;
}

export function overlaps(a: Ipv4Range, b: Ipv4Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function contains(outer: Ipv4Range, address: number): boolean {
  return address >= outer.first && address <= outer.last;
}
