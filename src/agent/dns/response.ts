/**
 * Answers as bytes: the query's header and question, then records, then an OPT record where the client sent one.
 *
 * An answer that is too long for the client's UDP keeps the records that fit, and says so (TC); the client comes back over TCP.
 */
import {
  CLASS_IN,
  EMPTY_OPT_BYTES,
  FLAG_RECURSION_AVAILABLE,
  FLAG_RECURSION_DESIRED,
  FLAG_RESPONSE,
  FLAG_TRUNCATED,
  HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  RCODE,
  TYPE,
} from "./constants.js";
import { QUESTION_POINTER } from "./message-writer.js";
import { nameText } from "./name.js";
import type { BadQuery, Query } from "./query.js";
import { encodeRecordData } from "./record-data.js";
import type { RecordSet } from "./record-set.js";

/** What this resolver takes over UDP: the size that crosses the Internet without fragments. */
export const OWN_UDP_BYTES = 1232;

/** @returns an integer of 0 … below - 1 */
export type Random = (below: number) => number;

/** The addresses in random order, as many as fit into `limitBytes`. */
export function addressResponse(query: Query, records: RecordSet, limitBytes: number, random: Random): Buffer {
  const total = records.addresses.length;
  const room = limitBytes - query.questionEnd - (query.edns ? EMPTY_OPT_BYTES : 0);
  const { recordBytes } = records;
  const count = Math.min(total, Math.floor(room / recordBytes));
  const flags = count < total ? FLAG_TRUNCATED : 0;
  const response = begin(query, query.questionEnd, RCODE.NOERROR, flags, count, count * recordBytes);
  if (total === 1) {
    response.set(records.bytes, query.questionEnd);
    return response;
  }
  const order = shuffled(total, count, random);
  for (let index = 0; index < count; index++) {
    const from = order[index]! * recordBytes;
    records.bytes.copy(response, query.questionEnd + index * recordBytes, from, from + recordBytes);
  }
  return response;
}

/** @param name as people write it, without final dot. @throws DnsFormatError for one that no DNS message can carry */
export function pointerResponse(query: Query, name: string, ttlSeconds: number): Buffer {
  const data = encodeRecordData({ kind: "name", name: nameText(name) });
  const at = query.questionEnd;
  const response = begin(query, at, RCODE.NOERROR, 0, 1, 12 + data.length);
  response.set(QUESTION_POINTER, at);
  response.writeUInt16BE(TYPE.PTR, at + 2);
  response.writeUInt16BE(CLASS_IN, at + 4);
  response.writeUInt32BE(ttlSeconds, at + 6);
  response.writeUInt16BE(data.length, at + 10);
  response.set(data, at + 12);
  return response;
}

/** An answer without records. @param rcode also one that needs EDNS, to a client that speaks it */
export function emptyResponse(query: Query | BadQuery, rcode: number): Buffer {
  return begin(query, query.questionEnd, rcode, 0, 0, 0);
}

/** The same answer cut to its question, to be asked for again over TCP. */
export function truncatedResponse(query: Query): Buffer {
  return begin(query, query.questionEnd, RCODE.NOERROR, FLAG_TRUNCATED, 0, 0);
}

function begin(
  query: Pick<Query | BadQuery, "bytes" | "edns">,
  questionEnd: number,
  rcode: number,
  flags: number,
  answers: number,
  answerBytes: number,
): Buffer {
  const headEnd = questionEnd === 0 ? HEADER_BYTES : questionEnd;
  const bodyEnd = headEnd + answerBytes;
  const length = bodyEnd + (query.edns ? EMPTY_OPT_BYTES : 0);
  if (length > MAX_MESSAGE_BYTES) throw new RangeError(`an answer of ${length} bytes`);
  const response = Buffer.allocUnsafe(length);
  query.bytes.copy(response, 0, 0, headEnd);
  // Opcode and RD are the client's.
  const kept = query.bytes.readUInt16BE(2) & (0x7800 | FLAG_RECURSION_DESIRED);
  response.writeUInt16BE(kept | FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE | flags | (rcode & 0xf), 2);
  response.writeUInt16BE(questionEnd === 0 ? 0 : 1, 4);
  response.writeUInt16BE(answers, 6);
  response.writeUInt32BE(query.edns ? 1 : 0, 8);
  if (query.edns) {
    response.writeUInt8(0, bodyEnd);
    response.writeUInt16BE(TYPE.OPT, bodyEnd + 1);
    response.writeUInt16BE(OWN_UDP_BYTES, bodyEnd + 3);
    response.writeUInt32BE((rcode >>> 4) << 24, bodyEnd + 5);
    response.writeUInt16BE(0, bodyEnd + 9);
  }
  return response;
}

let positions = new Uint32Array(64);

/** The first `count` of a random order of 0 … total - 1; valid until the next call. */
function shuffled(total: number, count: number, random: Random): Uint32Array {
  if (positions.length < total) positions = new Uint32Array(total * 2);
  for (let index = 0; index < total; index++) positions[index] = index;
  for (let index = 0; index < count; index++) {
    const other = index + random(total - index);
    const moved = positions[index]!;
    positions[index] = positions[other]!;
    positions[other] = moved;
  }
  return positions;
}
