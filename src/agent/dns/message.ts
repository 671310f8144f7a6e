/**
 * A DNS message (RFC 1035 §4.1) with EDNS0 (RFC 6891).
 *
 *      0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
 *     +-----------------------------------------------+
 *     |                      id                       |
 *     |QR|  opcode   |AA|TC|RD|RA| 0|AD|CD|   rcode   |
 *     |                   questions                   |   how many of each follow
 *     |                    answers                    |
 *     |                  authorities                  |
 *     |                  additionals                  |
 *     +-----------------------------------------------+
 *     question:  name | type (16) | class (16)
 *     record:    name | type (16) | class (16) | TTL, seconds (32) | length (16) | data
 *     OPT:       00   | 0029      | UDP size   | rcode high (8) version (8) DO (1) 0 (15) | length (16) | options
 *     option:    code (16) | length (16) | data
 *
 * All numbers are big-endian.
 */

export interface DnsHeader {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** With EDNS twelve bits, without it four. */
  readonly rcode: number;
}

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** Names inside are whole, whatever the compression; addresses are raw bytes. */
export type RecordData =
  | { readonly kind: "address"; readonly bytes: Buffer }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "mx"; readonly preference: number; readonly exchange: string }
  | { readonly kind: "text"; readonly strings: readonly Buffer[] }
  | {
      readonly kind: "srv";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | {
      readonly kind: "soa";
      readonly primary: string;
      readonly mailbox: string;
      /** serial, refresh, retry, expire, minimum */
      readonly numbers: readonly [number, number, number, number, number];
    }
  | { readonly kind: "opaque"; readonly bytes: Buffer };

export interface ResourceRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttlSeconds: number;
  readonly data: RecordData;
}

export interface EdnsOption {
  readonly code: number;
  readonly data: Buffer;
}

/** The OPT record, which is no record of a name but the sender's word on itself. */
export interface Edns {
  readonly udpSizeBytes: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

export interface DnsMessage {
  readonly header: DnsHeader;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  /** Without the OPT record. */
  readonly additionals: readonly ResourceRecord[];
  readonly edns?: Edns;
}
