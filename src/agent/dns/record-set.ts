/**
 * The addresses that a name stands for, as the bytes of the records that answer it. Each begins with a pointer to the question's
 * name, so that the same bytes serve every spelling of it:
 *
 *     c0 0c | 00 01 (A) | 00 01 (IN) | TTL (4) | 00 04 | address (4)
 */
import { isIPv4 } from "node:net";
import { CLASS_IN, TYPE } from "./constants.js";
import { QUESTION_POINTER } from "./message-writer.js";

export const ADDRESS_RECORD_BYTES = 16;

export interface RecordSet {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
  /** {@link ADDRESS_RECORD_BYTES} for each address. */
  readonly bytes: Buffer;
}

/** A name that is known and has no address. */
export const NO_RECORDS: RecordSet = { addresses: [], ttlSeconds: 0, bytes: Buffer.alloc(0) };

/** @param addresses IPv4, checked before */
export function recordSet(addresses: readonly string[], ttlSeconds: number): RecordSet {
  const bytes = Buffer.alloc(addresses.length * ADDRESS_RECORD_BYTES);
  addresses.forEach((address, index) => {
    const at = index * ADDRESS_RECORD_BYTES;
    bytes.set(QUESTION_POINTER, at);
    bytes.writeUInt16BE(TYPE.A, at + 2);
    bytes.writeUInt16BE(CLASS_IN, at + 4);
    bytes.writeUInt32BE(ttlSeconds, at + 6);
    bytes.writeUInt16BE(4, at + 10);
    bytes.writeUInt32BE(addressNumber(address), at + 12);
  });
  return { addresses, ttlSeconds, bytes };
}

/** "10.0.1.4" → 0x0a000104. @throws RangeError */
export function addressNumber(address: string): number {
  if (!isIPv4(address)) throw new RangeError(`"${address}" is no IPv4 address`);
  return address.split(".").reduce((number, part) => number * 256 + Number(part), 0);
}
