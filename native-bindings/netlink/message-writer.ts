/**
 * Writes netlink messages, one behind the other, into one growing buffer.
 *
 * ```
 *  0               4       6       8              12             16
 * +---------------+-------+-------+--------------+--------------+----------------
 * | length        | type  | flags | sequence     | port id      | payload, attributes …
 * +---------------+-------+-------+--------------+--------------+----------------
 * attribute: length u16 (header included, padding not) | type u16 | payload | zeroes up to a multiple of 4
 * ```
 * All integers are little endian unless a method says otherwise. Source: include/uapi/linux/netlink.h.
 */
import { NLA_F_NESTED, NLMSG_HEADER_BYTES } from "./constants.js";

export class MessageWriter {
  #buffer: Buffer;
  #length = 0;
  #messageStart = -1;
  #messages = 0;

  constructor(initialBytes = 1024) {
    this.#buffer = Buffer.alloc(initialBytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Finished messages. */
  get messageCount(): number {
    return this.#messages;
  }

  /** Everything written so far; valid until the next write. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
    this.#messages = 0;
    this.#messageStart = -1;
  }

  /** Starts a message. Sequence and port id are filled in when it is sent. */
  begin(type: number, flags: number): this {
    if (this.#messageStart >= 0) throw new Error("the message before this one was not ended");
    this.#reserve(NLMSG_HEADER_BYTES);
    this.#messageStart = this.#length;
    this.#buffer.writeUInt32LE(0, this.#length);
    this.#buffer.writeUInt16LE(type, this.#length + 4);
    this.#buffer.writeUInt16LE(flags, this.#length + 6);
    this.#buffer.writeUInt32LE(0, this.#length + 8);
    this.#buffer.writeUInt32LE(0, this.#length + 12);
    this.#length += NLMSG_HEADER_BYTES;
    return this;
  }

  /** Ends the message: writes its length and pads it. */
  end(): this {
    if (this.#messageStart < 0) throw new Error("no message was begun");
    this.#buffer.writeUInt32LE(this.#length - this.#messageStart, this.#messageStart);
    this.#pad();
    this.#messageStart = -1;
    this.#messages++;
    return this;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16LE(value, this.#length);
    return this;
  }

  u16be(value: number): this {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value >>> 0, this.#length);
    return this;
  }

  u32be(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32BE(value >>> 0, this.#length);
    return this;
  }

  i32(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeInt32LE(value, this.#length);
    return this;
  }

  /** Raw bytes, not padded. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  zeroes(count: number): this {
    this.#reserve(count);
    this.#buffer.fill(0, this.#length, this.#length + count);
    this.#length += count;
    return this;
  }

  attrU8(type: number, value: number): this {
    return this.#attrHeader(type, 1).u8(value).#pad();
  }

  attrU16(type: number, value: number): this {
    return this.#attrHeader(type, 2).u16(value).#pad();
  }

  attrU16be(type: number, value: number): this {
    return this.#attrHeader(type, 2).u16be(value).#pad();
  }

  attrU32(type: number, value: number): this {
    return this.#attrHeader(type, 4).u32(value);
  }

  attrU32be(type: number, value: number): this {
    return this.#attrHeader(type, 4).u32be(value);
  }

  attrI32(type: number, value: number): this {
    return this.#attrHeader(type, 4).i32(value);
  }

  attrU64(type: number, value: bigint): this {
    this.#attrHeader(type, 8).#reserve(8);
    this.#length = this.#buffer.writeBigUInt64LE(value, this.#length);
    return this;
  }

  attrU64be(type: number, value: bigint): this {
    this.#attrHeader(type, 8).#reserve(8);
    this.#length = this.#buffer.writeBigUInt64BE(value, this.#length);
    return this;
  }

  /** A NUL-terminated string. */
  attrString(type: number, value: string): this {
    const size = Buffer.byteLength(value);
    this.#attrHeader(type, size + 1).#reserve(size + 1);
    this.#length += this.#buffer.write(value, this.#length);
    return this.u8(0).#pad();
  }

  attrBytes(type: number, value: Uint8Array): this {
    return this.#attrHeader(type, value.length).raw(value).#pad();
  }

  /** An attribute without a payload. */
  attrFlag(type: number): this {
    return this.#attrHeader(type, 0);
  }

  /** Opens a nested attribute. @returns a mark for {@link nestEnd}. `nestedFlag` false leaves NLA_F_NESTED out. */
  nestBegin(type: number, nestedFlag = true): number {
    const mark = this.#length;
    this.#attrHeader(nestedFlag ? type | NLA_F_NESTED : type, 0);
    return mark;
  }

  nestEnd(mark: number): this {
    const size = this.#length - mark;
    if (size > 0xffff)
      throw new RangeError(`a nested attribute of ${size} bytes: its length field holds 65535 at most`);
    this.#buffer.writeUInt16LE(size, mark);
    return this;
  }

  #attrHeader(type: number, payloadBytes: number): this {
    if (payloadBytes + 4 > 0xffff) throw new RangeError(`an attribute of ${payloadBytes} bytes: 65531 at most`);
    this.#reserve(4);
    this.#buffer.writeUInt16LE(payloadBytes + 4, this.#length);
    this.#buffer.writeUInt16LE(type, this.#length + 2);
    this.#length += 4;
    return this;
  }

  /** Messages start at multiples of 4, so padding the buffer pads attribute and message alike. */
  #pad(): this {
    const rest = this.#length & 3;
    return rest === 0 ? this : this.zeroes(4 - rest);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.alloc(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
