/** A message as gRPC sends it: a byte that says whether it is compressed, its length in 4 bytes, big-endian, and the message. */
const HEAD_BYTES = 5;

export function writeMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEAD_BYTES);
  return frame;
}

/** @returns undefined unless the bytes are exactly one message that is not compressed */
export function readMessage(bytes: Buffer): Buffer | undefined {
  if (bytes.length < HEAD_BYTES || bytes[0] !== 0) return undefined;
  return bytes.readUInt32BE(1) === bytes.length - HEAD_BYTES ? bytes.subarray(HEAD_BYTES) : undefined;
}

/** Takes the messages out of a stream that comes in any pieces. */
export class MessageReader {
  #parts: Buffer[] = [];
  #size = 0;
  /** Of the message that is being read, with its head; undefined until that is there. */
  #wanted: number | undefined;

  constructor(private readonly maxBytes: number) {}

  /** @throws Error when it is no stream of messages that are not compressed, or one is too long */
  *read(part: Buffer): Generator<Buffer> {
    this.#parts.push(part);
    this.#size += part.length;
    for (;;) {
      if (this.#wanted === undefined && this.#size >= HEAD_BYTES) this.#wanted = this.#length();
      if (this.#wanted === undefined || this.#size < this.#wanted) return;
      const bytes = this.#whole();
      const end = this.#wanted;
      this.#wanted = undefined;
      this.#parts = [bytes.subarray(end)];
      this.#size = bytes.length - end;
      yield bytes.subarray(HEAD_BYTES, end);
    }
  }

  #length(): number {
    const bytes = this.#whole();
    const length = bytes.readUInt32BE(1);
    if (bytes[0] !== 0) throw new Error("a message is compressed, though nobody asked for that");
    if (length > this.maxBytes) throw new Error(`a message is longer than ${this.maxBytes} bytes`);
    return HEAD_BYTES + length;
  }

  #whole(): Buffer {
    if (this.#parts.length !== 1) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0]!;
  }
}
