/** IPv4 addresses in dotted form and prefixes such as "10.0.1.4/24", read strictly. */

import { formatIpv4, parseIpv4 } from "../native-bindings/address-text.js";

export interface Ipv4Prefix {
  /** The address as written, "10.0.1.4". */
  readonly address: string;
  /** 0…32. */
  readonly length: number;
  /** The subnet, host bits cleared: "10.0.1.0/24". */
  readonly subnet: string;
}

/** @returns the address as a 32-bit unsigned number, or `undefined` when the text is not four decimal bytes */
export function readIpv4(text: string): number | undefined {
  try {
    return parseIpv4(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** @returns the parts of "10.0.1.4/24", or `undefined` when it is not an IPv4 prefix */
export function parsePrefix(text: string): Ipv4Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = text.slice(0, slash);
  const value = readIpv4(address);
  const lengthText = text.slice(slash + 1);
  if (value === undefined || !/^(0|[1-9][0-9]?)$/.test(lengthText)) return undefined;
  const length = Number(lengthText);
  if (length > 32) return undefined;
  return { address, length, subnet: `${formatIpv4((value & subnetMask(length)) >>> 0)}/${length}` };
}

/** @returns whether `address` lies in `subnet` ("10.0.1.0/24"); false when either is malformed */
export function inSubnet(address: string, subnet: string): boolean {
  const prefix = parsePrefix(subnet);
  const value = readIpv4(address);
  const base = prefix && readIpv4(prefix.address);
  if (!prefix || value === undefined || base === undefined) return false;
  const mask = subnetMask(prefix.length);
  return (value & mask) >>> 0 === (base & mask) >>> 0;
}

function subnetMask(length: number): number {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}
