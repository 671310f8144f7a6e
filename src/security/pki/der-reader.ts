/**
 * Reads DER (ITU-T X.690) as strictly as it is defined: one encoding for each value, so that what was signed is what is read.
 * Every step moves on by at least two bytes and looks at no byte outside; nothing calls itself, and depth is counted.
 */
import { TAG } from "./der.js";

/** These are not the bytes of DER, or not of what was to be read. Cites none of them. */
export class DerError extends Error {
  override readonly name = "DerError";
}

export interface DerValue {
  readonly tag: number;
  readonly contents: Buffer;
  /** Tag, length, contents. */
  readonly whole: Buffer;
}

/** Larger than any certificate or request. */
export const MAX_DER_BYTES = 64 * 1024;
/** A certificate needs 8. */
const MAX_DEPTH = 16;
const MAX_OID_BYTES = 64;

const HIGH_TAG_NUMBER = 0x1f;
const LONG_LENGTH = 0x80;
const MAX_LENGTH_OCTETS = 4;
const UTC_TIME = /^\d{12}Z$/;
const GENERALIZED_TIME = /^\d{14}Z$/;

export class DerReader {
  readonly #bytes: Buffer;
  readonly #depth: number;
  #at = 0;

  /** @throws DerError for more than {@link MAX_DER_BYTES} */
  constructor(bytes: Buffer, depth = 0) {
    if (bytes.length > MAX_DER_BYTES) throw new DerError(`more than ${MAX_DER_BYTES} bytes`);
    if (depth > MAX_DEPTH) throw new DerError(`more than ${MAX_DEPTH} levels`);
    this.#bytes = bytes;
    this.#depth = depth;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** @throws DerError when something is left */
  end(): void {
    if (!this.isAtEnd) throw new DerError(`${this.#bytes.length - this.#at} bytes too many`);
  }

  /** The next tag; undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The next element, of any tag where none is given. */
  next(tag?: number): DerValue {
    const start = this.#at;
    const found = this.#octet(start);
    if (tag !== undefined && found !== tag) throw new DerError(`tag ${hex(found)} where ${hex(tag)} is to be`);
    if ((found & HIGH_TAG_NUMBER) === HIGH_TAG_NUMBER) throw new DerError("a tag of several octets");
    const { length, from } = this.#length(start + 1);
    if (length > this.#bytes.length - from) throw new DerError("an element is longer than what holds it");
    this.#at = from + length;
    return {
      tag: found,
      contents: this.#bytes.subarray(from, this.#at),
      whole: this.#bytes.subarray(start, this.#at),
    };
  }

  /** The next element if it has this tag. */
  optional(tag: number): DerValue | undefined {
    return this.peek() === tag ? this.next(tag) : undefined;
  }

  /** What the next element holds. */
  enter(tag: number): DerReader {
    return this.inside(this.next(tag));
  }

  /** What an element that was read here holds. */
  inside(value: DerValue): DerReader {
    return new DerReader(value.contents, this.#depth + 1);
  }

  /** Whole octets of a non-negative integer, without the octet that keeps it so; empty for 0. */
  unsigned(): Buffer {
    const { contents } = this.next(TAG.integer);
    const [first, second] = contents;
    if (first === undefined) throw new DerError("an integer without octets");
    if (first >= 0x80) throw new DerError("a negative integer");
    if (first !== 0) return contents;
    if (second !== undefined && second < 0x80) throw new DerError("an integer with needless octets");
    return contents.subarray(1);
  }

  /** An integer of at most 31 bits. */
  smallInteger(): number {
    const octets = this.unsigned();
    const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
    if (octets.length > 4 || value > 0x7fff_ffff) throw new DerError("an integer of more than 31 bits");
    return value;
  }

  boolean(): boolean {
    const { contents } = this.next(TAG.boolean);
    if (contents.length !== 1 || (contents[0] !== 0 && contents[0] !== 0xff)) throw new DerError("no boolean");
    return contents[0] === 0xff;
  }

  null(): void {
    if (this.next(TAG.null).contents.length > 0) throw new DerError("a null with contents");
  }

  bitString(): { readonly octets: Buffer; readonly unusedBits: number } {
    const { contents } = this.next(TAG.bitString);
    const unusedBits = contents[0];
    const last = contents.at(-1)!;
    if (unusedBits === undefined || unusedBits > 7 || (contents.length === 1 && unusedBits > 0)) {
      throw new DerError("no bit string");
    }
    if (contents.length > 1 && (last & ((1 << unusedBits) - 1)) !== 0) {
      throw new DerError("a bit string with unused bits that are set");
    }
    return { octets: contents.subarray(1), unusedBits };
  }

  /** A bit string of whole octets, as signatures and keys are. */
  octetsOfBitString(): Buffer {
    const { octets, unusedBits } = this.bitString();
    if (unusedBits !== 0) throw new DerError("a bit string that ends within an octet");
    return octets;
  }

  /** "1.2.840.10045.4.3.2" */
  oid(): string {
    const { contents } = this.next(TAG.oid);
    if (contents.length === 0 || contents.length > MAX_OID_BYTES || contents.at(-1)! >= 0x80) {
      throw new DerError("no object identifier");
    }
    const arcs: number[] = [];
    let arc = 0;
    let isFirst = true;
    for (const octet of contents) {
      if (isFirst && octet === 0x80) throw new DerError("an object identifier with needless octets");
      arc = arc * 128 + (octet & 0x7f);
      if (!Number.isSafeInteger(arc)) throw new DerError("an object identifier with an arc of more than 53 bits");
      isFirst = octet < 0x80;
      if (!isFirst) continue;
      arcs.push(arc);
      arc = 0;
    }
    const [head = 0, ...rest] = arcs;
    const first = Math.min(2, Math.floor(head / 40));
    return [first, head - first * 40, ...rest].join(".");
  }

  /** Milliseconds since 1970, of UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 has them. */
  time(): number {
    const { tag, contents } = this.next();
    const text = contents.toString("latin1");
    const isShort = tag === TAG.utcTime && UTC_TIME.test(text);
    if (!isShort && !(tag === TAG.generalizedTime && GENERALIZED_TIME.test(text))) throw new DerError("no time");
    const digits = isShort ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
    const [, year, month, day, hour, minute, second] = /^(....)(..)(..)(..)(..)(..)/.exec(digits)!;
    const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
    const ms = Date.parse(iso);
    // A day that a month does not have becomes one of the next.
    if (Number.isNaN(ms) || new Date(ms).toISOString() !== iso) throw new DerError("a time that is none");
    return ms;
  }

  #octet(at: number): number {
    const octet = this.#bytes[at];
    if (octet === undefined) throw new DerError("it ends too early");
    return octet;
  }

  #length(at: number): { readonly length: number; readonly from: number } {
    const first = this.#octet(at);
    if (first < LONG_LENGTH) return { length: first, from: at + 1 };
    const count = first - LONG_LENGTH;
    if (count === 0) throw new DerError("an indefinite length");
    if (count > MAX_LENGTH_OCTETS) throw new DerError(`a length of ${count} octets`);
    let length = 0;
    for (let index = 1; index <= count; index++) length = length * 256 + this.#octet(at + index);
    if (length < LONG_LENGTH || this.#octet(at + 1) === 0) throw new DerError("a length with needless octets");
    return { length, from: at + 1 + count };
  }
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, "0")}`;
}
