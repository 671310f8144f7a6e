import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { MessageFns } from "./message-fns.js";
import type { SharedMessages } from "./shared-messages.js";

const UINT32_MAX = 0xffff_ffff;

/** Writes messages into one buffer that it keeps, and those that are shared as the bytes that they had the last time. */
export class MessageWriter extends BinaryWriter {
  readonly #shared: SharedMessages;

  constructor(shared: SharedMessages) {
    super();
    this.#shared = shared;
  }

  /** A field with a message that many objects have in common. @param tag field number × 8 + 2 */
  sharedField<T extends object>(tag: number, message: T, fns: MessageFns<T>): this {
    return this.uint32(tag).bytes(this.#shared.encode(message, fns));
  }

  override uint64(value: string | number | bigint): this {
    if (typeof value === "number" && value >= 0 && value <= UINT32_MAX) return this.uint32(value);
    return super.uint64(value);
  }

  override int64(value: string | number | bigint): this {
    if (typeof value === "number" && value >= 0 && value <= UINT32_MAX) return this.uint32(value);
    return super.int64(value);
  }
}
