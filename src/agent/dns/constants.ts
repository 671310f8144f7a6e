/** Numbers of the DNS: RFC 1035 §3.2 and §4.1.1, RFC 6891 (EDNS0). */

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

export const CLASS_IN = 1;
export const CLASS_ANY = 255;

export const OPCODE_QUERY = 0;

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  /** Needs EDNS: its upper eight bits travel in the OPT record. */
  BADVERS: 16,
} as const;

export const HEADER_BYTES = 12;
/** Bits of the second 16-bit word of a header. */
export const FLAG_RESPONSE = 0x8000;
export const FLAG_AUTHORITATIVE = 0x0400;
export const FLAG_TRUNCATED = 0x0200;
export const FLAG_RECURSION_DESIRED = 0x0100;
export const FLAG_RECURSION_AVAILABLE = 0x0080;
export const FLAG_AUTHENTIC_DATA = 0x0020;
export const FLAG_CHECKING_DISABLED = 0x0010;

/** Of a name on the wire, its length bytes and the root's included; of one label. RFC 1035 §2.3.4. */
export const MAX_NAME_BYTES = 255;
export const MAX_LABEL_BYTES = 63;
/** A UDP answer to a client without EDNS. RFC 1035 §2.3.4. */
export const MIN_UDP_BYTES = 512;
/** A message over TCP, whose length has 16 bits. */
export const MAX_MESSAGE_BYTES = 65_535;
/** Of an OPT record without options. */
export const EMPTY_OPT_BYTES = 11;
