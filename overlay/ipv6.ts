/** IPv6 addresses as RFC 5952 writes them and prefixes such as "fd00:1::4/64", read strictly: texts are compared as texts. */
import { bytesToIp, ipToBytes } from "../native-bindings/address-text.js";

/** RFC 8200: every link that carries IPv6 carries packets of this size. */
export const IPV6_MTU_MIN = 1280;

export interface Ipv6Prefix {
  /** The address as written, "fd00:1::4". */
  readonly address: string;
  /** 0…128. */
  readonly length: number;
  /** The subnet, host bits cleared: "fd00:1::/64". */
  readonly subnet: string;
}

/** @returns whether an address or a prefix, well formed or not, is meant to be IPv6 */
export function isIpv6(text: string): boolean {
  return text.includes(":");
}

/**
 * @returns the 16 bytes of an address that a link of an overlay can have; `undefined` for text that is no IPv6 address or not
 * as RFC 5952 writes it, and for "::", "::1", link-local, multicast and IPv4-mapped addresses
 */
export function readIpv6(text: string): Buffer | undefined {
  const bytes = isIpv6(text) ? bytesOf(text) : undefined;
  if (!bytes || bytesToIp(bytes) !== text) return undefined;
  const linkLocal = bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
  const multicast = bytes[0] === 0xff;
  // "::", "::1" and mapped addresses all begin with eight bytes of zero, and nothing that is assigned does.
  const special = bytes.readBigUInt64BE(0) === 0n;
  return linkLocal || multicast || special ? undefined : bytes;
}

/** @returns the parts of "fd00:1::4/64", or `undefined` when the address is none for {@link readIpv6} or the length is wrong */
export function parsePrefix6(text: string): Ipv6Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = text.slice(0, slash);
  const lengthText = text.slice(slash + 1);
  const bytes = readIpv6(address);
  if (!bytes || !/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined;
  const length = Number(lengthText);
  if (length > 128) return undefined;
  for (let index = 0; index < 16; index++) {
    const kept = Math.min(Math.max(length - index * 8, 0), 8);
    bytes[index]! &= (0xff00 >> kept) & 0xff;
  }
  return { address, length, subnet: `${bytesToIp(bytes)}/${length}` };
}

function bytesOf(text: string): Buffer | undefined {
  try {
    return ipToBytes(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
