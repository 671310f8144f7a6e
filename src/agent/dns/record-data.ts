/** The data of a record, by type, both ways. Types that are not known here are bytes. */
import { TYPE } from "./constants.js";
import { DnsFormatError } from "./format-error.js";
import type { RecordData } from "./message.js";
import { encodeName, readName } from "./name.js";

/** Reads the data between `start` and `end`; names may point back into the message. @throws DnsFormatError */
export function readRecordData(message: Buffer, type: number, start: number, end: number): RecordData {
  const data = readKnownData(message, type, start, end);
  return data ?? { kind: "opaque", bytes: message.subarray(start, end) };
}

function readKnownData(message: Buffer, type: number, start: number, end: number): RecordData | undefined {
  switch (type) {
    case TYPE.A:
    case TYPE.AAAA:
      exactly(type === TYPE.A ? 4 : 16, end - start, start);
      return { kind: "address", bytes: message.subarray(start, end) };
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
      return { kind: "name", name: lastName(message, start, end) };
    case TYPE.MX:
      atLeast(2, end - start, start);
      return { kind: "mx", preference: message.readUInt16BE(start), exchange: lastName(message, start + 2, end) };
    case TYPE.TXT:
      return { kind: "text", strings: readStrings(message, start, end) };
    case TYPE.SRV:
      atLeast(6, end - start, start);
      return {
        kind: "srv",
        priority: message.readUInt16BE(start),
        weight: message.readUInt16BE(start + 2),
        port: message.readUInt16BE(start + 4),
        target: lastName(message, start + 6, end),
      };
    case TYPE.SOA: {
      const primary = readName(message, start);
      const mailbox = readName(message, primary.end);
      exactly(20, end - mailbox.end, mailbox.end);
      const number = (index: number) => message.readUInt32BE(mailbox.end + index * 4);
      return {
        kind: "soa",
        primary: primary.name,
        mailbox: mailbox.name,
        numbers: [number(0), number(1), number(2), number(3), number(4)],
      };
    }
    default:
      return undefined;
  }
}

/** The wire form, names without compression. @throws DnsFormatError */
export function encodeRecordData(data: RecordData): Buffer {
  switch (data.kind) {
    case "address":
    case "opaque":
      return data.bytes;
    case "name":
      return encodeName(data.name);
    case "mx":
      return Buffer.concat([uint16(data.preference), encodeName(data.exchange)]);
    case "text":
      return Buffer.concat(data.strings.flatMap((bytes) => [stringLength(bytes), bytes]));
    case "srv":
      return Buffer.concat([uint16(data.priority), uint16(data.weight), uint16(data.port), encodeName(data.target)]);
    case "soa":
      return Buffer.concat([encodeName(data.primary), encodeName(data.mailbox), ...data.numbers.map(uint32)]);
  }
}

/** @throws DnsFormatError */
export function uint16(value: number): Buffer {
  if (!(Number.isInteger(value) && value >= 0 && value <= 0xffff)) {
    throw new DnsFormatError("range", 0, `${value} does not fit in 16 bits`);
  }
  return Buffer.of(value >>> 8, value & 0xff);
}

/** @throws DnsFormatError */
export function uint32(value: number): Buffer {
  if (!(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff)) {
    throw new DnsFormatError("range", 0, `${value} does not fit in 32 bits`);
  }
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function lastName(message: Buffer, start: number, end: number): string {
  const read = readName(message, start);
  exactly(read.end - start, end - start, start);
  return read.name;
}

function readStrings(message: Buffer, start: number, end: number): Buffer[] {
  const strings: Buffer[] = [];
  for (let at = start; at < end; ) {
    const next = at + 1 + message[at]!;
    if (next > end) throw new DnsFormatError("data-length", at, "a character string is longer than its record");
    strings.push(message.subarray(at + 1, next));
    at = next;
  }
  return strings;
}

function stringLength(bytes: Buffer): Buffer {
  if (bytes.length > 255) throw new DnsFormatError("range", 0, `a character string of ${bytes.length} bytes`);
  return Buffer.of(bytes.length);
}

function exactly(wanted: number, found: number, offset: number): void {
  if (wanted !== found) throw new DnsFormatError("data-length", offset, `${found} bytes of data, not ${wanted}`);
}

function atLeast(wanted: number, found: number, offset: number): void {
  if (found < wanted)
    throw new DnsFormatError("data-length", offset, `${found} bytes of data, at least ${wanted} needed`);
}
