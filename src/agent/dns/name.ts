/**
 * Domain names: on the wire, as text, and as the keys of a zone.
 *
 *     03 'w' 'e' 'b' 04 's' 'h' 'o' 'p' 00          web.shop
 *     03 'w' 'e' 'b' c0 0c                          "web", then the name at byte 12 (RFC 1035 §4.1.4)
 *
 * As text a name has no final dot, and the root is "". A byte that is not printable ASCII is `\DDD`; a dot or backslash inside a
 * label is `\.` or `\\` (RFC 1035 §5.1). So text and wire stand for each other one to one.
 */
import { MAX_LABEL_BYTES, MAX_NAME_BYTES } from "./constants.js";
import { DnsFormatError } from "./format-error.js";

const DOT = 0x2e;
const BACKSLASH = 0x5c;
const MAX_POINTERS = 127;

export interface ReadName {
  readonly name: string;
  /** Behind the name, where it stands in the message (not where its pointers lead). */
  readonly end: number;
}

/** Reads a name, following pointers, which must lead backwards. @throws DnsFormatError */
export function readName(message: Buffer, start: number): ReadName {
  let name = "";
  let wireBytes = 1;
  let at = start;
  let end = -1;
  let lowest = start;
  for (let pointers = 0; ; ) {
    const length = message[at];
    if (length === undefined) throw new DnsFormatError("short", at, "the name is cut off");
    if (length === 0) return { name, end: end < 0 ? at + 1 : end };
    if ((length & 0xc0) === 0xc0) {
      const low = message[at + 1];
      if (low === undefined) throw new DnsFormatError("short", at, "the pointer is cut off");
      const target = ((length & 0x3f) << 8) | low;
      if (target >= lowest || ++pointers > MAX_POINTERS) {
        throw new DnsFormatError("pointer", at, `a pointer to byte ${target} does not lead backwards`);
      }
      if (end < 0) end = at + 2;
      at = target;
      lowest = target;
      continue;
    }
    if ((length & 0xc0) !== 0) throw new DnsFormatError("label-type", at, `label type 0x${length.toString(16)}`);
    if (at + 1 + length > message.length) throw new DnsFormatError("short", at, "the label is cut off");
    wireBytes += length + 1;
    if (wireBytes > MAX_NAME_BYTES) throw new DnsFormatError("name-length", at, "the name has more than 255 bytes");
    const label = labelText(message, at + 1, length);
    name = name === "" ? label : `${name}.${label}`;
    at += length + 1;
  }
}

/** Skips a name without looking where its pointers lead. @returns the offset behind it. @throws DnsFormatError */
export function skipName(message: Buffer, start: number): number {
  for (let at = start; ; ) {
    const length = message[at];
    if (length === undefined) throw new DnsFormatError("short", at, "the name is cut off");
    if (length === 0) return at + 1;
    if ((length & 0xc0) === 0xc0) {
      if (at + 2 > message.length) throw new DnsFormatError("short", at, "the pointer is cut off");
      return at + 2;
    }
    if ((length & 0xc0) !== 0) throw new DnsFormatError("label-type", at, `label type 0x${length.toString(16)}`);
    at += length + 1;
  }
}

/** The wire form without compression. @throws DnsFormatError */
export function encodeName(name: string): Buffer {
  const wire = Buffer.alloc(MAX_NAME_BYTES);
  let labelAt = 0;
  let at = 1;
  const put = (byte: number): void => {
    if (at - labelAt > MAX_LABEL_BYTES)
      throw new DnsFormatError("label-length", labelAt, `a label of "${name}" is too long`);
    if (at >= MAX_NAME_BYTES - 1)
      throw new DnsFormatError("name-length", at, `"${name}" is too long for a domain name`);
    wire[at++] = byte;
  };
  const endLabel = (): void => {
    if (at === labelAt + 1) throw new DnsFormatError("label-length", labelAt, `"${name}" has an empty label`);
    wire[labelAt] = at - labelAt - 1;
    labelAt = at++;
  };
  if (name === "") return Buffer.of(0);
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code === DOT) {
      endLabel();
    } else if (code === BACKSLASH) {
      const escaped = readEscape(name, index);
      put(escaped.byte);
      index += escaped.length - 1;
    } else if (code <= 0x20 || code >= 0x7f) {
      throw new DnsFormatError("escape", at, `"${name}" holds a character that must be escaped`);
    } else {
      put(code);
    }
  }
  endLabel();
  wire[labelAt] = 0;
  return wire.subarray(0, labelAt + 1);
}

/** A name as people write it (any UTF-8, perhaps with a final dot) as text: escaped, without the final dot. */
export function nameText(name: string): string {
  const bytes = Buffer.from(name.endsWith(".") ? name.slice(0, -1) : name);
  let text = "";
  for (const byte of bytes) text += byte === DOT ? "." : byteText(byte);
  return text;
}

/** {@link nameText} with letters folded: the key under which a zone holds a name. */
export function nameKey(name: string): string {
  return foldCase(nameText(name));
}

/** Folds A–Z and nothing else: names on the wire are ASCII for this purpose (RFC 4343). */
export function foldCase(name: string): string {
  return /[A-Z]/.test(name) ? name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : name;
}

function labelText(message: Buffer, start: number, length: number): string {
  for (let at = start; at < start + length; at++) {
    const byte = message[at]!;
    if (byte <= 0x20 || byte >= 0x7f || byte === DOT || byte === BACKSLASH) {
      let text = "";
      for (const one of message.subarray(start, start + length)) text += byteText(one);
      return text;
    }
  }
  return message.toString("latin1", start, start + length);
}

function byteText(byte: number): string {
  if (byte === DOT || byte === BACKSLASH) return `\\${String.fromCharCode(byte)}`;
  return byte <= 0x20 || byte >= 0x7f ? `\\${String(byte).padStart(3, "0")}` : String.fromCharCode(byte);
}

function readEscape(name: string, index: number): { readonly byte: number; readonly length: number } {
  const digits = /^[0-9]{3}/.exec(name.slice(index + 1, index + 4))?.[0];
  if (digits !== undefined) {
    const byte = Number(digits);
    if (byte > 255) throw new DnsFormatError("escape", index, `"${name}": no byte has the value ${digits}`);
    return { byte, length: 4 };
  }
  const code = name.charCodeAt(index + 1);
  if (!(code > 0x20 && code < 0x7f) || (code >= 0x30 && code <= 0x39)) {
    throw new DnsFormatError("escape", index, `"${name}": bad escape`);
  }
  return { byte: code, length: 2 };
}
