/** The extensions of a cluster's certificates (RFC 5280 section 4.2). */
import { createHash } from "node:crypto";
import { bitString, implicit, octetString, oid, sequence, TAG, trueValue } from "./der.js";
import { DerReader } from "./der-reader.js";
import { OID } from "./object-identifiers.js";

const DNS_NAME = 2;
const KEY_IDENTIFIER = 0;

/** Bits of keyUsage, from the first on. */
export const KEY_USAGE = { digitalSignature: 0x80, keyEncipherment: 0x20, keyCertSign: 0x04, cRLSign: 0x02 } as const;

export function basicConstraints({ isCa }: { readonly isCa: boolean }): Buffer {
  return extension(OID.basicConstraints, true, sequence(...(isCa ? [trueValue()] : [])));
}

/** @param bits of the first octet: the sum of some of {@link KEY_USAGE} */
export function keyUsage(bits: number): Buffer {
  const unusedBits = 31 - Math.clz32(bits & -bits);
  return extension(OID.keyUsage, true, bitString(Buffer.from([bits]), unusedBits));
}

/** Of both ends of a connection: each node is a server as well. */
export function serverAndClient(): Buffer {
  return extension(OID.extendedKeyUsage, false, sequence(oid(OID.serverAuth), oid(OID.clientAuth)));
}

export function subjectAltNames(dnsNames: readonly string[]): Buffer {
  const names = dnsNames.map((name) => implicit(DNS_NAME, Buffer.from(name, "latin1")));
  return extension(OID.subjectAltName, false, sequence(...names));
}

export function subjectKeyIdentifier(id: Uint8Array): Buffer {
  return extension(OID.subjectKeyIdentifier, false, octetString(id));
}

export function authorityKeyIdentifier(id: Uint8Array): Buffer {
  return extension(OID.authorityKeyIdentifier, false, sequence(implicit(KEY_IDENTIFIER, id)));
}

/** The hash of the key's bits (method 1 of section 4.2.1.2). @param spki DER of SubjectPublicKeyInfo */
export function keyIdentifierOf(spki: Buffer): Buffer {
  const reader = new DerReader(spki).enter(TAG.sequence);
  reader.next(TAG.sequence);
  return createHash("sha1").update(reader.octetsOfBitString()).digest();
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [trueValue()] : []), octetString(value));
}
