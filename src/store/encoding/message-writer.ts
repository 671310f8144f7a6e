import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { MessageFns } from "./message-fns.js";
import type { SharedMessages } from "./shared-messages.js";

const FIRST_CAPACITY = 64 * 1024;
const MAX_VARINT_BYTES = 10;
/** Longer texts are written by the engine. */
const MAX_ASCII_LENGTH = 64;
const MAX_UTF8_PER_UNIT = 3;

/**
 * Writes messages one after the other into one buffer that it keeps. Messages that many objects have in common are written as the
 * bytes that they had the last time. It has the methods that the generated code calls; see {@link generated}.
 */
export class MessageWriter {
  readonly #shared: SharedMessages;
  #buffer = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  #length = 0;
  /** Where the messages begin that are being written, and how much room their length has. */
  readonly #forks: { at: number; room: number }[] = [];
  #depth = 0;

  constructor(shared: SharedMessages) {
    this.#shared = shared;
  }

  /** For the generated code. */
  get generated(): BinaryWriter {
    return this as unknown as BinaryWriter;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** @returns what was written, in a buffer of its own; the writer begins anew */
  finish(): Uint8Array {
    const bytes = Buffer.allocUnsafe(this.#length);
    this.#buffer.copy(bytes, 0, 0, this.#length);
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#length = 0;
    this.#depth = 0;
  }

  /** A field with a message that many objects have in common. @param tag field number × 8 + 2 */
  sharedField<T extends object>(tag: number, message: T, fns: MessageFns<T>): this {
    return this.uint32(tag).bytes(this.#shared.encode(message, fns));
  }

  /** @param lengthBytes that the message's length is likely to take */
  fork(lengthBytes = 1): this {
    this.#reserve(lengthBytes);
    const fork = this.#forks[this.#depth];
    if (fork) {
      fork.at = this.#length;
      fork.room = lengthBytes;
    } else {
      this.#forks.push({ at: this.#length, room: lengthBytes });
    }
    this.#depth++;
    this.#length += lengthBytes;
    return this;
  }

  join(): this {
    this.#depth--;
    const { at, room } = this.#forks[this.#depth]!;
    const start = at + room;
    const length = this.#length - start;
    const needed = varintSize(length);
    if (needed !== room) {
      this.#reserve(MAX_VARINT_BYTES);
      this.#buffer.copyWithin(at + needed, start, this.#length);
    }
    this.#length = at;
    this.uint32(length);
    this.#length += length;
    return this;
  }

  /** @param value below 2^32 */
  uint32(value: number): this {
    this.#reserve(MAX_VARINT_BYTES);
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  int32(value: number): this {
    return value < 0 ? this.#varint64(BigInt(value)) : this.uint32(value);
  }

  uint64(value: number | string | bigint): this {
    return this.int64(value);
  }

  int64(value: number | string | bigint): this {
    return typeof value === "number" && value >= 0 && value <= 0xffff_ffff
      ? this.uint32(value)
      : this.#varint64(BigInt(value));
  }

  bool(value: boolean): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value ? 1 : 0;
    return this;
  }

  float(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeFloatLE(value, this.#length);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.uint32(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  string(value: string): this {
    const { length } = value;
    if (length <= MAX_ASCII_LENGTH) {
      this.#reserve(length + 1);
      const buffer = this.#buffer;
      let at = this.#length;
      buffer[at++] = length;
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 0x7f) break;
        buffer[at++] = code;
      }
      if (i === length) {
        this.#length = at;
        return this;
      }
    }
    const guess = varintSize(length);
    this.fork(guess);
    this.#reserve(length * MAX_UTF8_PER_UNIT);
    this.#length += this.#buffer.write(value, this.#length, "utf8");
    return this.join();
  }

  #varint64(value: bigint): this {
    this.#reserve(MAX_VARINT_BYTES);
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
    return this;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
