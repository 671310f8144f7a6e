import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { MessageFns } from "./message-fns.js";
import type { SharedMessages } from "./shared-messages.js";

/** Short texts are mostly ids and names: ASCII. */
const MAX_ASCII_LENGTH = 40;

/** Reads messages, and takes those that many objects have in common from what was decoded before. */
export class MessageReader extends BinaryReader {
  readonly #shared: SharedMessages;
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array, shared: SharedMessages) {
    super(bytes);
    this.#shared = shared;
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Length and message of a field, as one object with all equal ones. */
  sharedMessage<T extends object>(fns: MessageFns<T>): T {
    const length = this.uint32();
    const start = this.pos;
    this.#take(length);
    return this.#shared.decode(this.#bytes, start, start + length, fns);
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
    if (length > MAX_ASCII_LENGTH) return this.#bytes.toString("utf8", start, end);
    let text = "";
    for (let at = start; at < end; at++) {
      const code = this.#bytes[at]!;
      if (code > 0x7f) return this.#bytes.toString("utf8", start, end);
      text += String.fromCharCode(code);
    }
    return text;
  }

  override uint64(): bigint | string {
    return this.#varint() ?? super.uint64();
  }

  override int64(): bigint | string {
    return this.#varint() ?? super.int64();
  }

  #take(length: number): void {
    this.pos += length;
    if (this.pos > this.len) throw new RangeError("a field goes past the end of its message");
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
