import { isIP, isIPv4 } from "node:net";
import { UsageError } from "../failure.js";

/** An IPv4 prefix. */
export interface Cidr {
  /** As written, host bits cleared. */
  readonly text: string;
  /** First address as a number. */
  readonly first: number;
  readonly last: number;
}

/** Reads an IPv4 prefix, `10.1.0.0/24`. @throws UsageError also when host bits are set, naming the prefix that was meant */
export function parseCidr(text: string, flag: string): Cidr {
  const [address = "", bits = "", ...rest] = text.split("/");
  if (rest.length > 0 || !isIPv4(address) || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) {
    throw new UsageError(`${flag}: "${text}" is not an IPv4 subnet: write it as 10.1.0.0/24`);
  }
  const size = 2 ** (32 - Number(bits));
  const value = ipv4Number(address);
  const first = Math.floor(value / size) * size;
  const canonical = `${ipv4Text(first)}/${Number(bits)}`;
  if (first !== value) throw new UsageError(`${flag}: "${text}" is an address inside a subnet: write ${canonical}`);
  return { text: canonical, first, last: first + size - 1 };
}

/** Checks an address inside a subnet. @throws UsageError */
export function parseAddressIn(text: string, flag: string, subnet: Cidr): string {
  if (!isIPv4(text)) throw new UsageError(`${flag}: "${text}" is not an IPv4 address`);
  const value = ipv4Number(text);
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

function ipv4Number(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function ipv4Text(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
