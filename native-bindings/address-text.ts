/** IP and MAC addresses between text and bytes. Kernel messages carry bytes; everything above speaks text. */

/** @returns the address as an unsigned 32-bit number. @throws RangeError */
export function parseIpv4(text: string): number {
  let address = 0;
  let part = -1;
  let parts = 0;
  for (let at = 0; at <= text.length; at++) {
    const digit = at === text.length ? DOT : text.charCodeAt(at);
    if (digit === DOT) {
      if (part < 0 || parts === 4) return badAddress("IPv4", text);
      address = address * 256 + part;
      parts++;
      part = -1;
      continue;
    }
    if (digit < ZERO || digit > ZERO + 9 || part === 0) return badAddress("IPv4", text);
    part = Math.max(part, 0) * 10 + digit - ZERO;
    if (part > 255) return badAddress("IPv4", text);
  }
  return parts === 4 ? address : badAddress("IPv4", text);
}

const DOT = 46;
const ZERO = 48;

export function formatIpv4(address: number): string {
  return `${(address >>> 24) & 255}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** @returns 4 or 16 bytes in network order. @throws RangeError for text that is no IP address */
export function ipToBytes(text: string): Buffer {
  if (!text.includes(":")) {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32BE(parseIpv4(text));
    return bytes;
  }
  return ipv6ToBytes(text);
}

/** @param bytes 4 or 16 bytes in network order. @throws RangeError for another length */
export function bytesToIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (bytes.length !== 16) throw new RangeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`);
  return formatIpv6(bytes);
}

/** @returns 6 bytes. @throws RangeError for text that is not six pairs of hexadecimal digits */
export function macToBytes(text: string): Buffer {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw new RangeError(`"${text}" is no MAC address`);
  return Buffer.from(text.replaceAll(":", ""), "hex");
}

/** Link-layer addresses of any length, in lower case: "02:42:0a:00:01:04". */
export function bytesToMac(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) text += at === 0 ? HEX[bytes[at]!] : `:${HEX[bytes[at]!]}`;
  return text;
}

const HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

function ipv6ToBytes(text: string): Buffer {
  const halves = text.split("::");
  if (halves.length > 2) return badAddress("IPv6", text);
  const head = ipv6Groups(halves[0]!, halves.length === 1, text);
  const tail = halves.length === 2 ? ipv6Groups(halves[1]!, true, text) : [];
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return badAddress("IPv6", text);
  const bytes = Buffer.alloc(16);
  head.forEach((group, index) => {
    bytes.writeUInt16BE(group, index * 2);
  });
  tail.forEach((group, index) => {
    bytes.writeUInt16BE(group, (8 - tail.length + index) * 2);
  });
  return bytes;
}

/** The 16-bit groups of one side of "::"; what ends the address may be an IPv4 address, which fills two. */
function ipv6Groups(side: string, endsAddress: boolean, text: string): number[] {
  if (side === "") return [];
  const groups: number[] = [];
  const parts = side.split(":");
  parts.forEach((part, index) => {
    if (endsAddress && index === parts.length - 1 && part.includes(".")) {
      const low = parseIpv4(part);
      groups.push(low >>> 16, low & 0xffff);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      badAddress("IPv6", text);
    }
  });
  return groups;
}

/** RFC 5952: lower case, no leading zeroes, the longest run of two or more zero groups (the first of equals) as "::". */
function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[index * 2]! << 8) | bytes[index * 2 + 1]!);
  let runStart = -1;
  let runLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > runLength) [runStart, runLength] = [start, end - start];
  }
  if (runStart === 0 && runLength === 5 && groups[5] === 0xffff) return `::ffff:${bytesToIp(bytes.subarray(12))}`;
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  return runStart < 0 ? text(0, 8) : `${text(0, runStart)}::${text(runStart + runLength, 8)}`;
}

function badAddress(family: string, text: string): never {
  throw new RangeError(`"${text}" is no ${family} address`);
}
