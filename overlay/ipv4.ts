/** IPv4 addresses in dotted form and prefixes such as "10.0.1.4/24", read strictly. */

export interface Ipv4Prefix {
  /** The address as written, "10.0.1.4". */
  readonly address: string;
  /** 0…32. */
  readonly length: number;
  /** The subnet, host bits cleared: "10.0.1.0/24". */
  readonly subnet: string;
}

/** @returns the address as a 32-bit unsigned number, or `undefined` when the text is not four decimal bytes */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part)) return undefined;
    const byte = Number(part);
    if (byte > 255) return undefined;
    value = value * 256 + byte;
  }
  return value;
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

/** @returns the parts of "10.0.1.4/24", or `undefined` when it is not an IPv4 prefix */
export function parsePrefix(text: string): Ipv4Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = text.slice(0, slash);
  const value = parseIpv4(address);
  const lengthText = text.slice(slash + 1);
  if (value === undefined || !/^(0|[1-9][0-9]?)$/.test(lengthText)) return undefined;
  const length = Number(lengthText);
  if (length > 32) return undefined;
  return { address, length, subnet: `${formatIpv4((value & subnetMask(length)) >>> 0)}/${length}` };
}

/** @returns whether `address` lies in `subnet` ("10.0.1.0/24"); false when either is malformed */
export function inSubnet(address: string, subnet: string): boolean {
  const prefix = parsePrefix(subnet);
  const value = parseIpv4(address);
  const base = prefix && parseIpv4(prefix.address);
  if (!prefix || value === undefined || base === undefined) return false;
  const mask = subnetMask(prefix.length);
  return (value & mask) >>> 0 === (base & mask) >>> 0;
}

function subnetMask(length: number): number {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}
