/**
 * Messages that many objects have in common: all tasks of a service carry its specification, its endpoint, its networks. Equal
 * bytes become one object, decoded once and frozen; such an object is encoded once and then copied.
 */
import type { MessageFns } from "./message-fns.js";
import { Recent } from "./recent.js";

/** Of one generation. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;
const MAX_STRINGS = 8192;
/** Larger ones are hardly shared. */
const MAX_SHARED_BYTES = 256 * 1024;
/** What an entry takes besides its bytes, about. */
const OVERHEAD_BYTES = 256;

interface Shared {
  readonly fns: unknown;
  readonly bytes: Buffer;
  readonly message: object;
}

const weigh = ({ bytes }: { readonly bytes: Buffer }) => bytes.length + OVERHEAD_BYTES;

export class SharedMessages {
  /** By a hash of type and bytes; a message with the hash of another one pushes that out. */
  readonly #decoded = new Recent<number, Shared>(MAX_KEPT_BYTES, weigh);
  /** So that equal bytes of two types, such as none at all, do not push each other out. */
  readonly #salts = new Map<unknown, number>();
  readonly #encoded = new Recent<object, { readonly bytes: Buffer }>(MAX_KEPT_BYTES, weigh);
  readonly #lists = new Recent<string, readonly string[]>(MAX_STRINGS);
  readonly #strings = new Recent<string, string>(MAX_STRINGS);

  /** @returns the message that stands at [start, end), frozen */
  decode<T extends object>(source: Buffer, start: number, end: number, fns: MessageFns<T>): T {
    if (end - start > MAX_SHARED_BYTES) return fns.decode(source.subarray(start, end));
    const hash = hashOf(source, start, end, this.#saltOf(fns));
    const known = this.#decoded.get(hash);
    if (known && known.fns === fns && known.bytes.compare(source, start, end) === 0) return known.message as T;
    // A copy: the source is a large buffer that must not stay.
    const bytes = Buffer.from(source.subarray(start, end));
    const message = deepFreeze(fns.decode(bytes));
    this.#decoded.set(hash, { fns, bytes, message });
    this.#encoded.set(message, { bytes });
    return message;
  }

  encode<T extends object>(message: T, fns: MessageFns<T>): Buffer {
    const known = this.#encoded.get(message);
    if (known) return known.bytes;
    const encoded = fns.encode(message).finish();
    const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
    if (bytes.length <= MAX_SHARED_BYTES) this.#encoded.set(message, { bytes });
    return bytes;
  }

  #saltOf(fns: unknown): number {
    const known = this.#salts.get(fns);
    if (known !== undefined) return known;
    const salt = Math.imul(this.#salts.size + 1, 0x9e3779b1);
    this.#salts.set(fns, salt);
    return salt;
  }

  /** Equal lists, of names and the like, as one frozen list. */
  list(texts: readonly string[]): readonly string[] {
    const key = texts.join("\0");
    const known = this.#lists.get(key);
    if (known?.length === texts.length) return known;
    this.#lists.set(key, Object.freeze(texts));
    return texts;
  }

  /** Equal ids of nodes and services as one string. */
  string(text: string): string {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    this.#strings.set(text, text);
    return text;
  }
}

/** Four bytes at a time, mixed as in FNV-1a with a turn, so that high bits matter. */
function hashOf(bytes: Buffer, start: number, end: number, salt: number): number {
  let hash = 0x811c9dc5 ^ salt ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash = Math.imul(hash ^ word, 0x01000193);
    hash = (hash << 13) | (hash >>> 19);
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash ^ (hash >>> 15);
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  // Bytes cannot be frozen.
  if (ArrayBuffer.isView(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
