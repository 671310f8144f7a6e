/** Writes the little of DER that keys, certificates and requests need (ITU-T X.690). */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** Tag, length, contents. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(body.length), body]);
}

export const sequence = (...contents: readonly Uint8Array[]) => element(TAG.sequence, ...contents);
export const set = (...contents: readonly Uint8Array[]) => element(TAG.set, ...contents);
export const octetString = (contents: Uint8Array) => element(TAG.octetString, contents);
export const printableString = (text: string) => element(TAG.printableString, Buffer.from(text, "latin1"));
export const utf8String = (text: string) => element(TAG.utf8String, Buffer.from(text, "utf8"));
export const trueValue = () => element(TAG.boolean, Buffer.from([0xff]));

/** `[number]` around whole elements. */
export const explicit = (number: number, ...contents: readonly Uint8Array[]) => element(0xa0 | number, ...contents);
/** `[number]` instead of a primitive's own tag. */
export const implicit = (number: number, contents: Uint8Array) => element(0x80 | number, contents);

/** A non-negative integer given as its big-endian octets. */
export function integer(octets: Uint8Array): Buffer {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const trimmed = octets.subarray(start);
  // A set top bit would make it negative.
  const padding = (trimmed[0] ?? 0) >= 0x80 || trimmed.length === 0 ? [0] : [];
  return element(TAG.integer, Buffer.from(padding), trimmed);
}

/** @param unusedBits of the last octet */
export function bitString(octets: Uint8Array, unusedBits = 0): Buffer {
  return element(TAG.bitString, Buffer.from([unusedBits]), octets);
}

/** @param dotted "1.2.840.10045.4.3.2" */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(TAG.oid, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** UTCTime until 2049, GeneralizedTime after, as RFC 5280 section 4.1.2.5 demands; whole seconds. */
export function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14);
  return Number(digits.slice(0, 4)) < 2050
    ? element(TAG.utcTime, Buffer.from(`${digits.slice(2)}Z`, "latin1"))
    : element(TAG.generalizedTime, Buffer.from(`${digits}Z`, "latin1"));
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([0x80 | octets.length, ...octets]);
}

function base128(value: number): number[] {
  const octets = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) octets.unshift(0x80 | (rest % 128));
  return octets;
}
