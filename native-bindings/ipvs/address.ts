/** Addresses as IPVS carries them: 4 or 16 bytes, in a field that may be 16 bytes long for both. */
import { isIPv4, isIPv6 } from "node:net";
import { NetlinkFormatError } from "../netlink/errors.js";
import type { IpvsFamily } from "./objects.js";

const FIELD_BYTES = 16;

/** @returns the 16-byte field: IPv4 in its first four bytes. @throws RangeError for what is no address of that family */
export function encodeAddress(family: IpvsFamily, address: string): Buffer {
  const field = Buffer.alloc(FIELD_BYTES);
  if (family === "ipv4") {
    if (!isIPv4(address)) throw new RangeError(`"${address}" is no IPv4 address`);
    address.split(".").forEach((part, index) => {
      field[index] = Number(part);
    });
    return field;
  }
  if (!isIPv6(address) || address.includes("%")) throw new RangeError(`"${address}" is no IPv6 address`);
  expandIpv6(address).forEach((group, index) => {
    field.writeUInt16BE(group, index * 2);
  });
  return field;
}

/** @throws NetlinkFormatError when the field is too short */
export function decodeAddress(family: IpvsFamily, field: Buffer): string {
  const bytes = family === "ipv4" ? 4 : 16;
  if (field.length < bytes) throw new NetlinkFormatError(`an ${family} address of ${field.length} bytes`);
  if (family === "ipv4") return `${field[0]}.${field[1]}.${field[2]}.${field[3]}`;
  return compressIpv6(Array.from({ length: 8 }, (_, index) => field.readUInt16BE(index * 2)));
}

/** Eight groups; an embedded IPv4 tail (`::ffff:10.0.0.1`) becomes two of them. */
function expandIpv6(address: string): number[] {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [, a, b, c, d] = (dotted ?? []).map(Number);
  const plain = dotted
    ? `${address.slice(0, dotted.index)}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`
    : address;
  const [head = "", tail] = plain.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  if (tail === undefined) return groups(head);
  const [front, back] = [groups(head), groups(tail)];
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
}

/** The canonical text of RFC 5952: the first longest run of two or more zero groups becomes `::`. */
function compressIpv6(groups: readonly number[]): string {
  let [start, length] = [0, 0];
  for (let from = 0; from < 8; from++) {
    let run = 0;
    while (from + run < 8 && groups[from + run] === 0) run++;
    if (run > length) [start, length] = [from, run];
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}
