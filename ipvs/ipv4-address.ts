/** IPv4 addresses as numbers and as bytes in network order. */

const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const DOTTED = new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`);

export function isIpv4Address(text: string): boolean {
  return DOTTED.test(text);
}

/** @returns the four bytes. The text must be an address: see {@link isIpv4Address}. */
export function ipv4Bytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  let octet = 0;
  let at = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x2e) {
      bytes[at++] = octet;
      octet = 0;
    } else octet = octet * 10 + code - 0x30;
  }
  bytes[at] = octet;
  return bytes;
}

export function ipv4Text(bytes: Uint8Array): string {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
}
