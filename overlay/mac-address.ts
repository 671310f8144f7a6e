import { bytesToMac } from "../native-bindings/address-text.js";
import { readIpv4 } from "./ipv4.js";

/**
 * The MAC address of an overlay endpoint: 02:42 (locally administered, unicast) and the four bytes of its IPv4 address.
 * Every node derives the same one, so an endpoint keeps it wherever it runs.
 * @throws RangeError when `address` is not an IPv4 address
 */
export function macFromAddress(address: string): string {
  const value = readIpv4(address);
  if (value === undefined) throw new RangeError(`a MAC address from "${address}": not an IPv4 address`);
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(0x0242, 0);
  bytes.writeUInt32BE(value, 2);
  return bytesToMac(bytes);
}

/** @returns whether `text` is a unicast MAC address in lower-case colon form */
export function isUnicastMac(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text) && !isMulticastMac(text) && text !== "00:00:00:00:00:00";
}

/** @returns whether the group bit of a MAC address is set */
export function isMulticastMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}
