import { isIP } from "node:net";
import { UsageError } from "../failure.js";

/** A prefix of either family. */
export interface Cidr {
  readonly family: 4 | 6;
  /** As written, host bits cleared. */
  readonly text: string;
  /** First address as a number. */
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads an IPv4 prefix, `10.1.0.0/24`. @throws UsageError also when host bits are set, naming the prefix that was meant */
export function parseCidr(text: string, flag: string): Cidr {
  const cidr = readCidr(text, flag);
  if (cidr?.family !== 4) throw new UsageError(`${flag}: "${text}" is not an IPv4 subnet: write it as 10.1.0.0/24`);
  return cidr;
}

/** Reads a prefix of either family, `10.1.0.0/24` or `fd00:1::/64`. @throws UsageError as {@link parseCidr} */
export function parseSubnet(text: string, flag: string): Cidr {
  const cidr = readCidr(text, flag);
  if (!cidr) throw new UsageError(`${flag}: "${text}" is not a subnet: write it as 10.1.0.0/24 or fd00:1::/64`);
  return cidr;
}

/** Checks an address inside a subnet. @throws UsageError */
export function parseAddressIn(text: string, flag: string, subnet: Cidr): string {
  if (isIP(text) !== subnet.family) throw new UsageError(`${flag}: "${text}" is not an IPv${subnet.family} address`);
  const value = numberOf(text);
  if (value < subnet.first || value > subnet.last) {
    throw new UsageError(`${flag}: ${text} is outside of the subnet ${subnet.text}`);
  }
  return text;
}

/** Checks an IPv4 or IPv6 address. @throws UsageError */
export function parseAddress(text: string, flag: string): string {
  if (isIP(text) === 0) throw new UsageError(`${flag}: "${text}" is not an IP address`);
  return text;
}

/** Reads `NAME:ADDRESS` into a line of /etc/hosts. @throws UsageError */
export function parseHost(text: string, flag: string): string {
  const at = text.indexOf(":");
  const name = text.slice(0, at);
  if (at < 1 || /\s/.test(name)) throw new UsageError(`${flag}: "${text}" is not NAME:ADDRESS`);
  return `${parseAddress(text.slice(at + 1), flag)} ${name}`;
}

function readCidr(text: string, flag: string): Cidr | undefined {
  const [address = "", bits = "", ...rest] = text.split("/");
  const family = isIP(address);
  if (rest.length > 0 || (family !== 4 && family !== 6) || !/^\d{1,3}$/.test(bits)) return undefined;
  const width = family === 4 ? 32 : 128;
  const length = Number(bits);
  if (length > width || address.includes("%")) return undefined;
  const size = 1n << BigInt(width - length);
  const value = numberOf(address);
  const first = (value / size) * size;
  const canonical = `${addressText(first, family)}/${length}`;
  if (first !== value) throw new UsageError(`${flag}: "${text}" is an address inside a subnet: write ${canonical}`);
  return { family, text: canonical, first, last: first + size - 1n };
}

/** @param address one that `isIP` knows */
function numberOf(address: string): bigint {
  if (!address.includes(":")) return join(address.split("."), 8, 10);
  // What is written as IPv4 at its end is groups afterwards.
  const [head = "", tail] = canonicalIpv6(address).split("::");
  const groups = (side: string | undefined) => (side ? side.split(":") : []);
  const missing = 8 - groups(head).length - groups(tail).length;
  return join([...groups(head), ...Array<string>(missing).fill("0"), ...groups(tail)], 16, 16);
}

function join(parts: readonly string[], bits: number, radix: number): bigint {
  return parts.reduce((sum, part) => (sum << BigInt(bits)) + BigInt(Number.parseInt(part, radix)), 0n);
}

function addressText(value: bigint, family: 4 | 6): string {
  const [count, bits] = family === 4 ? [4, 8] : [8, 16];
  const parts = Array.from({ length: count }, (_, at) =>
    BigInt.asUintN(bits, value >> BigInt((count - 1 - at) * bits)),
  );
  return family === 4 ? parts.join(".") : canonicalIpv6(parts.map((part) => part.toString(16)).join(":"));
}

/** As browsers write it: RFC 5952, without IPv4 at its end. */
function canonicalIpv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
