/** IPv4 and IPv6 subnets as ranges of numbers. */
import { bytesToIp, formatIpv4, ipToBytes, parseIpv4 } from "../../../native-bindings/address-text.js";

export type IpFamily = 4 | 6;

export interface IpAddress {
  readonly family: IpFamily;
  readonly value: bigint;
}

export interface IpRange {
  readonly family: IpFamily;
  /** First and last address, the network's and the broadcast address included. */
  readonly first: bigint;
  readonly last: bigint;
  /** 0…32, or 0…128 */
  readonly length: number;
}

const BITS: Readonly<Record<IpFamily, number>> = { 4: 32, 6: 128 };

/** @returns the range of "10.0.1.0/24" or "fd00:1::/64"; undefined when it is not a prefix, or has host bits set */
export function parseRange(text: string): IpRange | undefined {
  const range = rangeAround(text);
  return range && range.first === parseAddress(text)?.value ? range : undefined;
}

/** @returns the subnet that "10.0.1.4/24" lies in */
export function rangeAround(text: string): IpRange | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(text);
  const lengthText = text.slice(slash + 1);
  if (slash < 0 || !address || !/^(?:0|[1-9]\d{0,2})$/.test(lengthText)) return undefined;
  const { family, value } = address;
  const length = Number(lengthText);
  if (length > BITS[family]) return undefined;
  const hostBits = BigInt(BITS[family] - length);
  const first = (value >> hostBits) << hostBits;
  return { family, first, last: first + (1n << hostBits) - 1n, length };
}

/** @returns the address of "10.0.1.4", "10.0.1.4/24", "fd00:1::4" or "fd00:1::4/64" */
export function parseAddress(text: string): IpAddress | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  try {
    if (!address.includes(":")) return { family: 4, value: BigInt(parseIpv4(address)) };
    return { family: 6, value: BigInt(`0x${ipToBytes(address).toString("hex")}`) };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

export function formatIp(family: IpFamily, value: bigint): string {
  if (family === 4) return formatIpv4(Number(value));
  return bytesToIp(Buffer.from(value.toString(16).padStart(32, "0"), "hex"));
}

/** @returns the address of "fd00:1:0::4/64" as RFC 5952 writes it, "fd00:1::4"; "" for text that is none */
export function canonicalIp(text: string): string {
  const address = parseAddress(text);
  return address ? formatIp(address.family, address.value) : "";
}

export function formatRange({ family, first, length }: IpRange): string {
  return `${formatIp(family, first)}/${length}`;
}

export function overlaps(a: IpRange, b: IpRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

export function contains(outer: IpRange, { family, value }: IpAddress): boolean {
  return outer.family === family && value >= outer.first && value <= outer.last;
}

export function includes(outer: IpRange, inner: IpRange): boolean {
  return outer.family === inner.family && inner.first >= outer.first && inner.last <= outer.last;
}
