/**
 * The addresses of one family that a name stands for, with the wire form of the records that answer it. Each begins with a pointer to
 * the question's name, so that the same bytes serve every spelling of it:
 *
 *     c0 0c | 00 01 (A)    | 00 01 (IN) | TTL (4) | 00 04 | address (4)
 *     c0 0c | 00 1c (AAAA) | 00 01 (IN) | TTL (4) | 00 10 | address (16)
 */
import { isIP } from "node:net";
import { ipToBytes } from "../../../native-bindings/address-text.js";
import { CLASS_IN, TYPE } from "./constants.js";
import { QUESTION_POINTER } from "./message-writer.js";

const HEAD_BYTES = 12;
const ADDRESS_BYTES = { 4: 4, 6: 16 } as const;

export interface RecordSet {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
  /** Of one record; 0 when there is none. */
  readonly recordBytes: number;
  /** One record after the other. */
  readonly bytes: Buffer;
}

/** What a name stands for. */
export interface NameRecords {
  readonly four: RecordSet;
  readonly six: RecordSet;
}

/** No address. */
export const NO_RECORDS: RecordSet = { addresses: [], ttlSeconds: 0, recordBytes: 0, bytes: Buffer.alloc(0) };

/** A name that is known and has no address. */
export const NO_ADDRESSES: NameRecords = { four: NO_RECORDS, six: NO_RECORDS };

/** @param addresses of this family, checked before by {@link isAddress} */
export function recordSet(addresses: Iterable<string>, ttlSeconds: number, family: 4 | 6): RecordSet {
  const list = [...addresses];
  if (list.length === 0) return NO_RECORDS;
  const addressBytes = ADDRESS_BYTES[family];
  const recordBytes = HEAD_BYTES + addressBytes;
  const bytes = Buffer.alloc(list.length * recordBytes);
  list.forEach((address, index) => {
    const at = index * recordBytes;
    bytes.set(QUESTION_POINTER, at);
    bytes.writeUInt16BE(family === 4 ? TYPE.A : TYPE.AAAA, at + 2);
    bytes.writeUInt16BE(CLASS_IN, at + 4);
    bytes.writeUInt32BE(ttlSeconds, at + 6);
    bytes.writeUInt16BE(addressBytes, at + 10);
    bytes.set(ipToBytes(address), at + HEAD_BYTES);
  });
  return { addresses: list, ttlSeconds, recordBytes, bytes };
}

/** Rows of others may hold anything; an address with a zone ("fe80::1%eth0") means nothing elsewhere. */
export function isAddress(text: string, family: 4 | 6): boolean {
  return isIP(text) === family && !text.includes("%");
}
