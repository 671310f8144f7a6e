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
