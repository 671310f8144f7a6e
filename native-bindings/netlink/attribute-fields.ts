/** Attributes as fields of an object: one table per structure serves both ways, so that they cannot disagree. */
import { bytesToIp, bytesToMac, ipToBytes, macToBytes } from "../address-text.js";
import { NetlinkFormatError } from "./errors.js";
import {
  type Attributes,
  readI32,
  readString,
  readU8,
  readU16,
  readU16be,
  readU32,
  readU32be,
} from "./message-reader.js";
import type { MessageWriter } from "./message-writer.js";

/** How one attribute's payload is written and read. `read` throws NetlinkFormatError. */
export interface FieldCodec<V> {
  write(writer: MessageWriter, type: number, value: V): void;
  read(payload: Buffer): V;
}

/** For each field of T its attribute's type and codec. Attributes are written in the table's order. */
export type FieldTable<T> = {
  readonly [K in keyof T]-?: readonly [type: number, codec: FieldCodec<NonNullable<T[K]>>];
};

/** Writes the fields that are present. */
export function writeFields<T extends object>(writer: MessageWriter, table: FieldTable<T>, values: Partial<T>): void {
  for (const field of Object.keys(table) as (keyof T)[]) {
    const value = values[field];
    if (value === undefined || value === null) continue;
    const [type, codec] = table[field];
    codec.write(writer, type, value);
  }
}

/** @returns the fields whose attributes are present. @throws NetlinkFormatError */
export function readFields<T extends object>(attributes: Attributes, table: FieldTable<T>): Partial<T> {
  const values: Partial<T> = {};
  for (const field of Object.keys(table) as (keyof T)[]) {
    const [type, codec] = table[field];
    const payload = attributes.get(type);
    if (payload) values[field] = codec.read(payload);
  }
  return values;
}

/** A boolean in one byte. */
export const bool: FieldCodec<boolean> = {
  write: (writer, type, value) => void writer.attrU8(type, value ? 1 : 0),
  read: (payload) => readU8(payload) !== 0,
};
/** A boolean in four bytes. */
export const bool32: FieldCodec<boolean> = {
  write: (writer, type, value) => void writer.attrU32(type, value ? 1 : 0),
  read: (payload) => readU32(payload) !== 0,
};
/** True by being there, with or without a payload byte; false is one byte 0. */
export const presence: FieldCodec<boolean> = {
  write: (writer, type, value) => void (value ? writer.attrFlag(type) : undefined),
  read: (payload) => payload.length === 0 || payload[0] !== 0,
};
export const u8: FieldCodec<number> = {
  write: (writer, type, value) => void writer.attrU8(type, value),
  read: readU8,
};
export const u16: FieldCodec<number> = {
  write: (writer, type, value) => void writer.attrU16(type, value),
  read: readU16,
};
export const u16be: FieldCodec<number> = {
  write: (writer, type, value) => void writer.attrU16be(type, value),
  read: readU16be,
};
export const u32: FieldCodec<number> = {
  write: (writer, type, value) => void writer.attrU32(type, value),
  read: readU32,
};
export const u32be: FieldCodec<number> = {
  write: (writer, type, value) => void writer.attrU32be(type, value),
  read: readU32be,
};
export const i32: FieldCodec<number> = {
  write: (writer, type, value) => void writer.attrI32(type, value),
  read: readI32,
};
/** Milliseconds, which the kernel counts in hundredths of a second. */
export const centiseconds: FieldCodec<number> = {
  write: (writer, type, value) => void writer.attrU32(type, Math.round(value / 10)),
  read: (payload) => readU32(payload) * 10,
};
export const text: FieldCodec<string> = {
  write: (writer, type, value) => void writer.attrString(type, value),
  read: readString,
};
/** An IPv4 or IPv6 address by its length. */
export const ip: FieldCodec<string> = {
  write: (writer, type, value) => void writer.attrBytes(type, ipToBytes(value)),
  read: readIp,
};
/** A link-layer address; those of other lengths than six bytes can be read only. */
export const mac: FieldCodec<string> = {
  write: (writer, type, value) => void writer.attrBytes(type, macToBytes(value)),
  read: bytesToMac,
};

/** @throws NetlinkFormatError for a payload of neither 4 nor 16 bytes */
export function readIp(payload: Buffer): string {
  if (payload.length !== 4 && payload.length !== 16) {
    throw new NetlinkFormatError(`an IP address of ${payload.length} bytes`);
  }
  return bytesToIp(payload);
}
