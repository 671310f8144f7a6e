import { NLA_TYPE_MASK, NLMSG_HEADER_BYTES } from "./constants.js";
import { NetlinkFormatError } from "./errors.js";

/** One received message; `payload` is a view on the receive buffer unless copied. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  readonly payload: Buffer;
}

/**
 * Splits one datagram into its messages.
 * @throws NetlinkFormatError for a length that does not fit
 */
export function parseMessages(datagram: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  let offset = 0;
  while (offset < datagram.length) {
    if (datagram.length - offset < NLMSG_HEADER_BYTES) {
      throw new NetlinkFormatError(`message header cut short at byte ${offset} of ${datagram.length}`);
    }
    const length = datagram.readUInt32LE(offset);
    if (length < NLMSG_HEADER_BYTES || length > datagram.length - offset) {
      throw new NetlinkFormatError(`message length ${length} at byte ${offset} of ${datagram.length}`);
    }
    messages.push({
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      portId: datagram.readUInt32LE(offset + 12),
      payload: datagram.subarray(offset + NLMSG_HEADER_BYTES, offset + length),
    });
    offset += (length + 3) & ~3;
  }
  return messages;
}

/** Attribute payloads by type (flag bits removed); of a type that stands twice the last one wins. */
export type Attributes = ReadonlyMap<number, Buffer>;

/**
 * Reads the attributes from `offset` to the end.
 * @throws NetlinkFormatError for a length that does not fit
 */
export function parseAttributes(bytes: Buffer, offset = 0): Attributes {
  const attributes = new Map<number, Buffer>();
  forEachAttribute(bytes, offset, (type, payload) => {
    attributes.set(type, payload);
  });
  return attributes;
}

/**
 * Visits the attributes from `offset` to the end, in order: for lists, where one type stands many times.
 * @throws NetlinkFormatError for a length that does not fit
 */
export function forEachAttribute(bytes: Buffer, offset: number, visit: (type: number, payload: Buffer) => void): void {
  let at = offset;
  while (bytes.length - at >= 4) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || length > bytes.length - at) {
      throw new NetlinkFormatError(`attribute length ${length} at byte ${at} of ${bytes.length}`);
    }
    visit(bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  if (at < bytes.length) throw new NetlinkFormatError(`${bytes.length - at} stray bytes behind the last attribute`);
}

/** Readers for attribute payloads. Each throws NetlinkFormatError when the payload is too short. */
export function readU8(payload: Buffer): number {
  return need(payload, 1).readUInt8(0);
}
export function readU16(payload: Buffer): number {
  return need(payload, 2).readUInt16LE(0);
}
export function readU16be(payload: Buffer): number {
  return need(payload, 2).readUInt16BE(0);
}
export function readU32(payload: Buffer): number {
  return need(payload, 4).readUInt32LE(0);
}
export function readU32be(payload: Buffer): number {
  return need(payload, 4).readUInt32BE(0);
}
export function readI32(payload: Buffer): number {
  return need(payload, 4).readInt32LE(0);
}
export function readU64(payload: Buffer): bigint {
  return need(payload, 8).readBigUInt64LE(0);
}
export function readU64be(payload: Buffer): bigint {
  return need(payload, 8).readBigUInt64BE(0);
}
/** A string that ends at its first NUL or at the end of the payload. */
export function readString(payload: Buffer): string {
  const end = payload.indexOf(0);
  return payload.toString("utf8", 0, end < 0 ? payload.length : end);
}

/** @returns `payload` if it has at least `bytes` bytes. @throws NetlinkFormatError */
export function need(payload: Buffer, bytes: number): Buffer {
  if (payload.length < bytes) throw new NetlinkFormatError(`payload of ${payload.length} bytes where ${bytes} are due`);
  return payload;
}
