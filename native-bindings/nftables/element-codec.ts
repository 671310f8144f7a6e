/**
 * Set elements.
 *
 * ```
 * NFTA_SET_ELEM_LIST_ELEMENTS(3) { list element { KEY(1) { VALUE }, DATA(2) { VALUE | VERDICT }, FLAGS(3), USERDATA(6) } … }
 * ```
 * The list's length field has 16 bits, so a long list travels in several messages.
 */
import { NetlinkFormatError } from "../netlink/errors.js";
import { type Attributes, forEachAttribute, parseAttributes, readU32be } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import { ELEMENT_LIST_MAX_BYTES } from "./constants.js";
import type { Verdict } from "./expression.js";
import { writeValue } from "./expression-writer.js";
import type { SetElement } from "./objects.js";
import { NFTA_DATA_VALUE, NFTA_DATA_VERDICT, parseVerdict, writeVerdict } from "./verdict.js";

export const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_SET_ELEM_USERDATA = 6;
const NFTA_SET_ELEM_KEY_END = 10;

/** Writes the elements from `start` on, as many as one attribute holds. @returns the index of the first one left over */
export function writeElementList(writer: MessageWriter, elements: readonly SetElement[], start: number): number {
  const list = writer.nestBegin(NFTA_SET_ELEM_LIST_ELEMENTS);
  const from = writer.length - 4;
  let index = start;
  for (; index < elements.length; index++) {
    const element = elements[index]!;
    if (writer.length - from + maxElementBytes(element) > ELEMENT_LIST_MAX_BYTES) break;
    writeElement(writer, element, 1 + index - start);
  }
  if (index === start && start < elements.length) throw new RangeError("a set element larger than an attribute");
  writer.nestEnd(list);
  return index;
}

function writeElement(writer: MessageWriter, element: SetElement, number: number): void {
  const mark = writer.nestBegin(number);
  if (element.flags !== undefined) writer.attrU32be(NFTA_SET_ELEM_FLAGS, element.flags);
  if (element.key) writeValue(writer, NFTA_SET_ELEM_KEY, element.key);
  if (element.keyEnd) writeValue(writer, NFTA_SET_ELEM_KEY_END, element.keyEnd);
  if (element.verdict) {
    const data = writer.nestBegin(NFTA_SET_ELEM_DATA);
    writeVerdict(writer, element.verdict);
    writer.nestEnd(data);
  } else if (element.value) {
    writeValue(writer, NFTA_SET_ELEM_DATA, element.value);
  }
  if (element.userdata) writer.attrBytes(NFTA_SET_ELEM_USERDATA, element.userdata);
  writer.nestEnd(mark);
}

/** An upper bound without writing: headers of every part, and paddings. */
function maxElementBytes(element: SetElement): number {
  const chain = element.verdict && "chain" in element.verdict ? Buffer.byteLength(element.verdict.chain) + 8 : 0;
  const bytes = (part?: Uint8Array) => (part ? part.length + 12 : 0);
  const verdictBytes = element.verdict ? 16 + chain : 0;
  return (
    12 + bytes(element.key) + bytes(element.keyEnd) + bytes(element.value) + bytes(element.userdata) + verdictBytes
  );
}

/** Reads the payload of NFTA_SET_ELEM_LIST_ELEMENTS. @throws NetlinkFormatError */
export function parseElementList(payload: Buffer, into: SetElement[] = []): SetElement[] {
  forEachAttribute(payload, 0, (_type, bytes) => {
    into.push(parseElement(parseAttributes(bytes)));
  });
  return into;
}

function parseElement(attributes: Attributes): SetElement {
  const element: { -readonly [K in keyof SetElement]: SetElement[K] } = {};
  const key = attributes.get(NFTA_SET_ELEM_KEY);
  if (key) element.key = parseValue(key, "key");
  const keyEnd = attributes.get(NFTA_SET_ELEM_KEY_END);
  if (keyEnd) element.keyEnd = parseValue(keyEnd, "key end");
  const data = attributes.get(NFTA_SET_ELEM_DATA);
  if (data) Object.assign(element, parseData(data));
  const flags = attributes.get(NFTA_SET_ELEM_FLAGS);
  if (flags) element.flags = readU32be(flags);
  const userdata = attributes.get(NFTA_SET_ELEM_USERDATA);
  if (userdata) element.userdata = Buffer.from(userdata);
  return element;
}

function parseData(payload: Buffer): { value: Buffer } | { verdict: Verdict } {
  const verdictBytes = parseAttributes(payload).get(NFTA_DATA_VERDICT);
  if (!verdictBytes) return { value: parseValue(payload, "value") };
  const verdict = parseVerdict(verdictBytes);
  if (!verdict) throw new NetlinkFormatError("a set element with an unknown verdict");
  return { verdict };
}

function parseValue(payload: Buffer, part: string): Buffer {
  const value = parseAttributes(payload).get(NFTA_DATA_VALUE);
  if (!value) throw new NetlinkFormatError(`a set element whose ${part} has no value`);
  return Buffer.from(value);
}
