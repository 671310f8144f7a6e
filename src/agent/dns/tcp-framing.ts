/** DNS over TCP: each message behind its length, 16 bits (RFC 1035 §4.2.2). */
import { MAX_MESSAGE_BYTES } from "./constants.js";

export function frame(message: Buffer): Buffer {
  if (message.length > MAX_MESSAGE_BYTES) throw new RangeError(`a message of ${message.length} bytes`);
  const framed = Buffer.allocUnsafe(message.length + 2);
  framed.writeUInt16BE(message.length);
  message.copy(framed, 2);
  return framed;
}

/** Cuts a stream into messages. Holds at most one message that is not whole. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** @returns the messages that the chunk completes */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const messages: Buffer[] = [];
    for (let length = this.#nextLength(); length !== undefined; length = this.#nextLength()) {
      if (this.#bytes < length + 2) break;
      const all = this.#joined();
      messages.push(all.subarray(2, length + 2));
      this.#bytes -= length + 2;
      this.#chunks = this.#bytes > 0 ? [all.subarray(length + 2)] : [];
    }
    return messages;
  }

  #nextLength(): number | undefined {
    if (this.#bytes < 2) return undefined;
    if (this.#chunks[0]!.length < 2) this.#joined();
    return this.#chunks[0]!.readUInt16BE();
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }
}
