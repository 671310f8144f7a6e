/** What goes to an upstream server and what is believed of what comes back. RFC 5452 §9: id, question, server and port must match. */
import { FLAG_RESPONSE, FLAG_TRUNCATED, HEADER_BYTES, RCODE } from "./constants.js";
import { DnsFormatError } from "./format-error.js";
import { parseMessage } from "./message-reader.js";
import { encodeMessage } from "./message-writer.js";
import { foldCase, readName } from "./name.js";
import type { Query } from "./query.js";

/**
 * The client's question under an id of our own. EDNS goes from hop to hop (RFC 6891 §6.2.6): size and DO bit are passed on, cookies and
 * other options are between the client and us.
 */
export function upstreamQuery(query: Query, id: number): Buffer {
  const { name } = readName(query.bytes, HEADER_BYTES);
  const flags = query.bytes.readUInt16BE(2);
  return encodeMessage({
    header: {
      id,
      response: false,
      opcode: 0,
      authoritative: false,
      truncated: false,
      recursionDesired: query.recursionDesired,
      recursionAvailable: false,
      authenticData: (flags & 0x20) !== 0,
      checkingDisabled: (flags & 0x10) !== 0,
      rcode: RCODE.NOERROR,
    },
    questions: [{ name, type: query.type, class: query.class }],
    answers: [],
    authorities: [],
    additionals: [],
    ...(query.edns
      ? { edns: { udpSizeBytes: query.udpSizeBytes, version: 0, dnssecOk: query.dnssecOk, options: [] } }
      : {}),
  });
}

export interface UpstreamAnswer {
  readonly bytes: Buffer;
  readonly rcode: number;
  readonly truncated: boolean;
}

/**
 * @returns undefined for bytes that are no answer to the query that was sent: another id or question, or not a well-formed message
 */
export function readUpstreamAnswer(bytes: Buffer, query: Query, id: number): UpstreamAnswer | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== id) return undefined;
  const flags = bytes.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) === 0) return undefined;
  const rcode = flags & 0xf;
  try {
    const { questions } = parseMessage(bytes);
    const [question] = questions;
    // A server that could not read the question does not repeat it.
    const repeated = question
      ? questions.length === 1 &&
        foldCase(question.name) === query.key &&
        question.type === query.type &&
        question.class === query.class
      : rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN;
    return repeated ? { bytes, rcode, truncated: (flags & FLAG_TRUNCATED) !== 0 } : undefined;
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    return undefined;
  }
}

/** The answer under the client's own id. */
export function answerForClient(answer: UpstreamAnswer, query: Query): Buffer {
  const bytes = Buffer.from(answer.bytes);
  bytes.writeUInt16BE(query.id, 0);
  return bytes;
}
