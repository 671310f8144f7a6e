/** {@link DnsMessage} → bytes. A record's owner is a pointer where it is the question's name; nothing else is compressed. */
import {
  FLAG_AUTHENTIC_DATA,
  FLAG_AUTHORITATIVE,
  FLAG_CHECKING_DISABLED,
  FLAG_RECURSION_AVAILABLE,
  FLAG_RECURSION_DESIRED,
  FLAG_RESPONSE,
  FLAG_TRUNCATED,
  HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  TYPE,
} from "./constants.js";
import { DnsFormatError } from "./format-error.js";
import type { DnsHeader, DnsMessage, Edns, Question, ResourceRecord } from "./message.js";
import { encodeName } from "./name.js";
import { encodeRecordData, uint16, uint32 } from "./record-data.js";

/** Points to the name of the first question. */
export const QUESTION_POINTER = Buffer.of(0xc0, HEADER_BYTES);

/** @throws DnsFormatError for values that their fields cannot hold, and for more than 65,535 bytes */
export function encodeMessage(message: DnsMessage): Buffer {
  const { header, questions, answers, authorities, additionals, edns } = message;
  const question = questions[0];
  const record = (one: ResourceRecord) => encodeRecord(one, question);
  const bytes = Buffer.concat([
    uint16(header.id),
    uint16(flagsOf(header, edns !== undefined)),
    uint16(questions.length),
    uint16(answers.length),
    uint16(authorities.length),
    uint16(additionals.length + (edns ? 1 : 0)),
    ...questions.map(encodeQuestion),
    ...answers.map(record),
    ...authorities.map(record),
    ...additionals.map(record),
    ...(edns ? [encodeOpt(edns, header.rcode)] : []),
  ]);
  if (bytes.length > MAX_MESSAGE_BYTES) throw new DnsFormatError("range", 0, `a message of ${bytes.length} bytes`);
  return bytes;
}

export function encodeQuestion(question: Question): Buffer {
  return Buffer.concat([encodeName(question.name), uint16(question.type), uint16(question.class)]);
}

/** @param question whose name, at byte 12 of the message, the owner may point to */
export function encodeRecord(record: ResourceRecord, question?: Question): Buffer {
  const owner =
    question && question.name === record.name && record.name !== "" ? QUESTION_POINTER : encodeName(record.name);
  const data = encodeRecordData(record.data);
  return Buffer.concat([
    owner,
    uint16(record.type),
    uint16(record.class),
    uint32(record.ttlSeconds),
    uint16(data.length),
    data,
  ]);
}

function encodeOpt(edns: Edns, rcode: number): Buffer {
  const options = Buffer.concat(
    edns.options.flatMap((option) => [uint16(option.code), uint16(option.data.length), option.data]),
  );
  if (!(Number.isInteger(edns.version) && edns.version >= 0 && edns.version <= 255)) {
    throw new DnsFormatError("range", 0, `EDNS version ${edns.version}`);
  }
  return Buffer.concat([
    Buffer.of(0),
    uint16(TYPE.OPT),
    uint16(edns.udpSizeBytes),
    Buffer.of(rcode >>> 4, edns.version, edns.dnssecOk ? 0x80 : 0, 0),
    uint16(options.length),
    options,
  ]);
}

function flagsOf(header: DnsHeader, withEdns: boolean): number {
  const rcodeLimit = withEdns ? 0xfff : 0xf;
  if (!(header.rcode >= 0 && header.rcode <= rcodeLimit && header.opcode >= 0 && header.opcode <= 0xf)) {
    throw new DnsFormatError("range", 2, `opcode ${header.opcode} or rcode ${header.rcode} does not fit`);
  }
  return (
    (header.response ? FLAG_RESPONSE : 0) |
    (header.opcode << 11) |
    (header.authoritative ? FLAG_AUTHORITATIVE : 0) |
    (header.truncated ? FLAG_TRUNCATED : 0) |
    (header.recursionDesired ? FLAG_RECURSION_DESIRED : 0) |
    (header.recursionAvailable ? FLAG_RECURSION_AVAILABLE : 0) |
    (header.authenticData ? FLAG_AUTHENTIC_DATA : 0) |
    (header.checkingDisabled ? FLAG_CHECKING_DISABLED : 0) |
    (header.rcode & 0xf)
  );
}
