/**
 * Names below in-addr.arpa (RFC 1035 §3.5) and ip6.arpa (RFC 3596 §2.5): "4.1.0.10.in-addr.arpa" is 10.0.1.4, "1.0.10.in-addr.arpa" all
 * of 10.0.1.0/24. Of IPv6 each label is four bits: "1.0.0.0.0.0.d.f.ip6.arpa" is all of fd00:1::/32.
 */
import { bytesToIp, ipToBytes } from "../../../native-bindings/address-text.js";

export interface AddressRange {
  /** The lowest address: 4 or 16 bytes. */
  readonly bytes: Buffer;
  readonly prefixLength: number;
}

const FOUR = ".in-addr.arpa";
const SIX = ".ip6.arpa";

/** @param key in lower case */
export function readReverseName(key: string): AddressRange | undefined {
  if (key.endsWith(FOUR)) return readLabels(key.slice(0, -FOUR.length), 4, /^(0|[1-9][0-9]{0,2})$/, 10, 8);
  if (key.endsWith(SIX)) return readLabels(key.slice(0, -SIX.length), 16, /^[0-9a-f]$/, 16, 4);
  return undefined;
}

/** The lowest label is the last part of the address. */
function readLabels(
  text: string,
  addressBytes: number,
  pattern: RegExp,
  radix: number,
  labelBits: number,
): AddressRange | undefined {
  const labels = text.split(".");
  if (labels.length * labelBits > addressBytes * 8) return undefined;
  const bytes = Buffer.alloc(addressBytes);
  let bit = 0;
  for (const label of labels.reverse()) {
    const value = pattern.test(label) ? Number.parseInt(label, radix) : 256;
    if (value > 255) return undefined;
    bytes[bit >> 3]! |= value << (8 - labelBits - (bit & 7));
    bit += labelBits;
  }
  return { bytes, prefixLength: bit };
}

/** The one address that a range is; undefined for more. */
export function singleAddress({ bytes, prefixLength }: AddressRange): string | undefined {
  return prefixLength === bytes.length * 8 ? bytesToIp(bytes) : undefined;
}

/** Reads "10.0.1.0/24" or "fd00:1::/64". @throws RangeError */
export function readSubnet(subnet: string): AddressRange {
  const slash = subnet.indexOf("/");
  return { bytes: ipToBytes(subnet.slice(0, slash)), prefixLength: Number(subnet.slice(slash + 1)) };
}

/** Whether a subnet holds the whole range. */
export function subnetHolds(subnet: AddressRange, range: AddressRange): boolean {
  if (range.bytes.length !== subnet.bytes.length || range.prefixLength < subnet.prefixLength) return false;
  const whole = subnet.prefixLength >> 3;
  if (range.bytes.compare(subnet.bytes, 0, whole, 0, whole) !== 0) return false;
  const rest = subnet.prefixLength & 7;
  return rest === 0 || (range.bytes[whole]! ^ subnet.bytes[whole]!) >> (8 - rest) === 0;
}
