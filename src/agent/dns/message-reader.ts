/** Bytes → {@link DnsMessage}. Total: any bytes end in a message or a {@link DnsFormatError}. */
import {
  FLAG_AUTHENTIC_DATA,
  FLAG_AUTHORITATIVE,
  FLAG_CHECKING_DISABLED,
  FLAG_RECURSION_AVAILABLE,
  FLAG_RECURSION_DESIRED,
  FLAG_RESPONSE,
  FLAG_TRUNCATED,
  HEADER_BYTES,
  TYPE,
} from "./constants.js";
import { DnsFormatError } from "./format-error.js";
import type { DnsMessage, Edns, EdnsOption, Question, ResourceRecord } from "./message.js";
import { readName } from "./name.js";
import { readRecordData } from "./record-data.js";

/** Length of what stands between a record's name and its data. */
const RECORD_FIXED_BYTES = 10;

/** @throws DnsFormatError */
export function parseMessage(bytes: Buffer): DnsMessage {
  if (bytes.length < HEADER_BYTES) throw new DnsFormatError("short", bytes.length, "no whole header");
  let at = HEADER_BYTES;
  const questions: Question[] = [];
  for (let count = bytes.readUInt16BE(4); count > 0; count--) {
    const { name, end } = readName(bytes, at);
    if (end + 4 > bytes.length) throw new DnsFormatError("short", end, "the question is cut off");
    questions.push({ name, type: bytes.readUInt16BE(end), class: bytes.readUInt16BE(end + 2) });
    at = end + 4;
  }
  let opt: ReadOpt | undefined;
  const section = (count: number): ResourceRecord[] => {
    const records: ResourceRecord[] = [];
    for (; count > 0; count--) {
      const { name, end } = readName(bytes, at);
      if (end + RECORD_FIXED_BYTES > bytes.length) throw new DnsFormatError("short", end, "the record is cut off");
      const type = bytes.readUInt16BE(end);
      const start = end + RECORD_FIXED_BYTES;
      const next = start + bytes.readUInt16BE(end + 8);
      if (next > bytes.length) throw new DnsFormatError("short", start, "the record's data is cut off");
      if (type === TYPE.OPT) {
        if (opt || name !== "") throw new DnsFormatError("opt", at, "a second OPT record, or one with a name");
        opt = readOpt(bytes, end, start, next);
      } else {
        records.push({
          name,
          type,
          class: bytes.readUInt16BE(end + 2),
          ttlSeconds: bytes.readUInt32BE(end + 4),
          data: readRecordData(bytes, type, start, next),
        });
      }
      at = next;
    }
    return records;
  };
  const answers = section(bytes.readUInt16BE(6));
  const authorities = section(bytes.readUInt16BE(8));
  if (opt) throw new DnsFormatError("opt", at, "an OPT record outside the additional section");
  const additionals = section(bytes.readUInt16BE(10));
  if (at !== bytes.length)
    throw new DnsFormatError("trailing", at, `${bytes.length - at} bytes behind the last record`);
  const found = opt as ReadOpt | undefined;
  const flags = bytes.readUInt16BE(2);
  return {
    header: {
      id: bytes.readUInt16BE(0),
      response: (flags & FLAG_RESPONSE) !== 0,
      opcode: (flags >>> 11) & 0xf,
      authoritative: (flags & FLAG_AUTHORITATIVE) !== 0,
      truncated: (flags & FLAG_TRUNCATED) !== 0,
      recursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
      recursionAvailable: (flags & FLAG_RECURSION_AVAILABLE) !== 0,
      authenticData: (flags & FLAG_AUTHENTIC_DATA) !== 0,
      checkingDisabled: (flags & FLAG_CHECKING_DISABLED) !== 0,
      rcode: ((found?.rcodeHigh ?? 0) << 4) | (flags & 0xf),
    },
    questions,
    answers,
    authorities,
    additionals,
    ...(found ? { edns: found.edns } : {}),
  };
}

interface ReadOpt {
  readonly edns: Edns;
  readonly rcodeHigh: number;
}

function readOpt(bytes: Buffer, fixed: number, start: number, end: number): ReadOpt {
  const options: EdnsOption[] = [];
  for (let at = start; at < end; ) {
    if (at + 4 > end) throw new DnsFormatError("data-length", at, "an EDNS option is cut off");
    const next = at + 4 + bytes.readUInt16BE(at + 2);
    if (next > end) throw new DnsFormatError("data-length", at, "an EDNS option is longer than its record");
    options.push({ code: bytes.readUInt16BE(at), data: bytes.subarray(at + 4, next) });
    at = next;
  }
  return {
    rcodeHigh: bytes[fixed + 4]!,
    edns: {
      udpSizeBytes: bytes.readUInt16BE(fixed + 2),
      version: bytes[fixed + 5]!,
      dnssecOk: (bytes[fixed + 6]! & 0x80) !== 0,
      options,
    },
  };
}
