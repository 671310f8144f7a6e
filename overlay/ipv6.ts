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
 * @returns whether a link of an overlay can have the address: it is written as RFC 5952 says, and is none of "::", "::1", the
 * link-local, the multicast and the IPv4-mapped ones
 */
export function isSubnetAddress6(text: string): boolean {
  if (!readGroups(text)) return false;
  const first = groups[0]!;
  const linkLocal = (first & 0xffc0) === 0xfe80;
  const multicast = first >= 0xff00;
  // "::", "::1" and mapped addresses all begin with four groups of zero, and nothing that is assigned does.
  const special = first === 0 && groups[1] === 0 && groups[2] === 0 && groups[3] === 0;
  return !linkLocal && !multicast && !special;
}

/** @returns the parts of "fd00:1::4/64", or `undefined` when it is none for {@link isSubnetAddress6} or the length is wrong */
export function parsePrefix6(text: string): Ipv6Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = text.slice(0, slash);
  const lengthText = text.slice(slash + 1);
  if (!isSubnetAddress6(address) || !/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined;
  const length = Number(lengthText);
  if (length > 128) return undefined;
  const bytes = ipToBytes(address);
  for (let index = 0; index < 16; index++) {
    const kept = Math.min(Math.max(length - index * 8, 0), 8);
    bytes[index]! &= (0xff00 >> kept) & 0xff;
  }
  return { address, length, subnet: `${bytesToIp(bytes)}/${length}` };
}

/** What {@link readGroups} has read. */
const groups = new Uint16Array(8);
const COLON = 58;

/**
 * Reads every address of every look again, so in one pass and without allocation.
 * @returns whether `text` is an IPv6 address as RFC 5952 writes it, without the mixed notation: lower case, no leading zeroes,
 * and the first of the longest runs of two or more zero groups, and only that, as "::"
 */
function readGroups(text: string): boolean {
  groups.fill(0);
  let count = 0;
  /** Groups before "::". */
  let head = -1;
  let at = 0;
  if (text.startsWith("::")) {
    head = 0;
    at = 2;
  }
  while (at < text.length) {
    if (count === 8) return false;
    const start = at;
    let value = 0;
    for (; at < text.length && text.charCodeAt(at) !== COLON; at++) {
      const digit = hexDigit(text.charCodeAt(at));
      // A zero in front is a digit too many.
      if (digit < 0 || at - start === 4 || (at > start && value === 0)) return false;
      value = value * 16 + digit;
    }
    if (at === start) return false;
    groups[count++] = value;
    if (at === text.length) break;
    at++;
    if (text.charCodeAt(at) === COLON) {
      if (head >= 0) return false;
      head = count;
      at++;
    } else if (at === text.length) {
      return false;
    }
  }
  if (head < 0) return count === 8 && longestRun().length < 2;
  const zeroes = 8 - count;
  if (zeroes < 2) return false;
  groups.copyWithin(head + zeroes, head, count);
  groups.fill(0, head, head + zeroes);
  const { start, length } = longestRun();
  return start === head && length === zeroes;
}

function longestRun(): { readonly start: number; readonly length: number } {
  let [longest, longestAt] = [0, 0];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > longest) [longest, longestAt] = [end - start, start];
  }
  return { start: longestAt, length: longest };
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}
