import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { MessageFns } from "./message-fns.js";
import type { SharedMessages } from "./shared-messages.js";

/** Short texts are mostly ids and names: ASCII. */
const MAX_ASCII_LENGTH = 64;

const PAST_END = "a field goes past the end of its message";

/** What Buffer.toString calls after looking at its arguments. */
type SliceableBuffer = Buffer & {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
};

/** Reads messages, and takes those that many objects have in common from what was decoded before. */
export class MessageReader extends BinaryReader {
  readonly #shared: SharedMessages;
  readonly #bytes: SliceableBuffer;

  constructor(bytes: Uint8Array, shared: SharedMessages) {
    super(bytes);
    this.#shared = shared;
    this.#bytes = (
      Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    ) as SliceableBuffer;
  }

  /** Reads a message's length. @returns where it ends */
  endOfMessage(): number {
    const end = this.uint32() + this.pos;
    if (end > this.len) throw new RangeError(PAST_END);
    return end;
  }

  /** Length and message of a field, as one object with all equal ones. */
  sharedMessage<T extends object>(fns: MessageFns<T>): T {
    const length = this.uint32();
    const start = this.pos;
    this.#take(length);
    return this.#shared.decode(this.#bytes, start, start + length, fns);
  }

  /** The list as all others that are equal to it. */
  sharedList(texts: readonly string[]): readonly string[] {
    return texts.length === 0 ? texts : this.#shared.list(texts);
  }

  /** A text that many objects have. */
  sharedString(): string {
    return this.#shared.string(this.string());
  }

  override string(): string {
    const length = this.uint32();
    const start = this.pos;
    this.#take(length);
    const end = start + length;
    if (length === 0) return "";
    if (length <= MAX_ASCII_LENGTH) {
      let at = start;
      while (at < end && this.#bytes[at]! < 0x80) at++;
      // One flat string of a byte each; a text put together from characters would take ten times that.
      if (at === end) return this.#bytes.latin1Slice(start, end);
    }
    return this.#bytes.utf8Slice(start, end);
  }

  override uint64(): bigint | string {
    return this.#varint() ?? super.uint64();
  }

  override int64(): bigint | string {
    return this.#varint() ?? super.int64();
  }

  #take(length: number): void {
    this.pos += length;
    if (this.pos > this.len) throw new RangeError(PAST_END);
  }

  /**
   * Up to 49 bits, as nearly all numbers have. The generated code makes a number or a text of what it gets, so a number will do.
   * @returns undefined, and nothing is read, for more
   */
  #varint(): bigint | undefined {
    let value = 0;
    let factor = 1;
    for (let at = this.pos; at < this.pos + 7; at++) {
      const byte = this.#bytes[at];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.pos = at + 1;
        return value as unknown as bigint;
      }
      factor *= 128;
    }
    return undefined;
  }
}
