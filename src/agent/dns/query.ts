/**
 * What the resolver needs of a query, read without building a whole message: this runs for every packet.
 *
 *     header (12) | one question | at most an OPT record and whatever a client adds (TSIG, padding …)
 */
import {
  FLAG_RECURSION_DESIRED,
  FLAG_RESPONSE,
  HEADER_BYTES,
  MIN_UDP_BYTES,
  OPCODE_QUERY,
  RCODE,
  TYPE,
} from "./constants.js";
import { DnsFormatError } from "./format-error.js";
import { foldCase, readName, skipName } from "./name.js";

export interface Query {
  /** The whole query as it came; header and question are copied from it into the answer. */
  readonly bytes: Buffer;
  readonly id: number;
  readonly recursionDesired: boolean;
  /** The key of the asked name: text, lower case. */
  readonly key: string;
  readonly type: number;
  readonly class: number;
  /** Behind the question. */
  readonly questionEnd: number;
  /** Whether the client speaks EDNS: then so does the answer. */
  readonly edns: boolean;
  readonly dnssecOk: boolean;
  /** The largest UDP answer that the client takes, at least 512. */
  readonly udpSizeBytes: number;
}

/** A packet that gets an answer with this code, or none. */
export interface BadQuery {
  readonly bytes: Buffer;
  /** Undefined: no answer, since the packet has no header or is an answer itself (two resolvers would talk for ever). */
  readonly rcode: number | undefined;
  /** Behind the question; 0 when none could be read. */
  readonly questionEnd: number;
  readonly edns: boolean;
}

const SCRATCH = Buffer.alloc(256);
/** Records behind the question that a query may have; more is no query. */
const MAX_EXTRA_RECORDS = 16;

export function isBadQuery(query: Query | BadQuery): query is BadQuery {
  return !("key" in query);
}

/** Total: never throws. */
export function readQuery(bytes: Buffer): Query | BadQuery {
  if (bytes.length < HEADER_BYTES) return { bytes, rcode: undefined, questionEnd: 0, edns: false };
  const flags = bytes.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) !== 0) return { bytes, rcode: undefined, questionEnd: 0, edns: false };
  if (((flags >>> 11) & 0xf) !== OPCODE_QUERY) return { bytes, rcode: RCODE.NOTIMP, questionEnd: 0, edns: false };
  try {
    return readQuestion(bytes, flags);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    return { bytes, rcode: RCODE.FORMERR, questionEnd: 0, edns: false };
  }
}

function readQuestion(bytes: Buffer, flags: number): Query | BadQuery {
  const extraRecords = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  if (bytes.readUInt16BE(4) !== 1 || extraRecords > MAX_EXTRA_RECORDS) {
    return { bytes, rcode: RCODE.FORMERR, questionEnd: 0, edns: false };
  }
  let key = readSimpleKey(bytes);
  let nameEnd = HEADER_BYTES + (key === "" ? 1 : (key?.length ?? 0) + 2);
  if (key === undefined) {
    const name = readName(bytes, HEADER_BYTES);
    key = foldCase(name.name);
    nameEnd = name.end;
  }
  const questionEnd = nameEnd + 4;
  if (questionEnd > bytes.length) throw new DnsFormatError("short", bytes.length, "the question is cut off");
  const opt = extraRecords === 0 ? undefined : findOpt(bytes, questionEnd, extraRecords);
  if (opt !== undefined && bytes[opt + 6] !== 0) return { bytes, rcode: RCODE.BADVERS, questionEnd, edns: true };
  return {
    bytes,
    id: bytes.readUInt16BE(0),
    recursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
    key,
    type: bytes.readUInt16BE(nameEnd),
    class: bytes.readUInt16BE(nameEnd + 2),
    questionEnd,
    edns: opt !== undefined,
    dnssecOk: opt !== undefined && (bytes[opt + 7]! & 0x80) !== 0,
    udpSizeBytes: opt === undefined ? MIN_UDP_BYTES : Math.max(MIN_UDP_BYTES, bytes.readUInt16BE(opt + 3)),
  };
}

/** The key of a name of letters, digits, hyphens and underscores alone, as nearly all are; else undefined. */
function readSimpleKey(bytes: Buffer): string | undefined {
  let at = HEADER_BYTES;
  let written = 0;
  for (;;) {
    const length = bytes[at];
    if (length === 0) return written === 0 ? "" : SCRATCH.toString("latin1", 0, written - 1);
    if (length === undefined || length > 63 || at + length >= bytes.length || written + length > 253) return undefined;
    for (const end = at + length; at < end; ) {
      const byte = bytes[++at]!;
      if (byte >= 0x41 && byte <= 0x5a) SCRATCH[written++] = byte + 0x20;
      else if ((byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f) {
        SCRATCH[written++] = byte;
      } else return undefined;
    }
    SCRATCH[written++] = 0x2e;
    at++;
  }
}

/** @returns where the one OPT record begins. @throws DnsFormatError */
function findOpt(bytes: Buffer, start: number, records: number): number | undefined {
  let opt: number | undefined;
  for (let at = start; records > 0; records--) {
    const fixed = skipName(bytes, at);
    if (fixed + 10 > bytes.length) throw new DnsFormatError("short", fixed, "the record is cut off");
    const next = fixed + 10 + bytes.readUInt16BE(fixed + 8);
    if (next > bytes.length) throw new DnsFormatError("short", fixed, "the record's data is cut off");
    if (bytes.readUInt16BE(fixed) === TYPE.OPT) {
      if (opt !== undefined || fixed !== at + 1)
        throw new DnsFormatError("opt", at, "a second OPT record, or one with a name");
      opt = at;
    }
    at = next;
  }
  return opt;
}
