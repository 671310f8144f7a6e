/** What neighbours and forwarding entries have in common on the wire; written by the hundred thousand, so without allocation. */
import { ipToBytes, parseIpv4 } from "../address-text.js";
import type { MessageWriter } from "../netlink/message-writer.js";

/** struct ndmsg. */
export function writeNeighbourHeader(
  writer: MessageWriter,
  family: number,
  linkIndex: number,
  state: number,
  flags: number,
): void {
  writer.u8(family).zeroes(3).i32(linkIndex).u16(state).u8(flags).u8(0);
}

/** @throws RangeError for text that is no IP address */
export function writeIpAttribute(writer: MessageWriter, type: number, address: string): void {
  if (address.includes(":")) writer.attrBytes(type, ipToBytes(address));
  else writer.attrU32be(type, parseIpv4(address));
}

const macBytes = Buffer.alloc(6);

/** @throws RangeError for text that is no MAC address */
export function writeMacAttribute(writer: MessageWriter, type: number, mac: string): void {
  if (mac.length !== 17) throw new RangeError(`"${mac}" is no MAC address`);
  for (let index = 0; index < 6; index++) {
    const at = index * 3;
    const high = hexDigit(mac.charCodeAt(at));
    const low = hexDigit(mac.charCodeAt(at + 1));
    if (high < 0 || low < 0 || (index < 5 && mac.charCodeAt(at + 2) !== COLON)) {
      throw new RangeError(`"${mac}" is no MAC address`);
    }
    macBytes[index] = high * 16 + low;
  }
  writer.attrBytes(type, macBytes);
}

const COLON = 58;

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  return -1;
}
