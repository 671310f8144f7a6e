/** Makes the certificate itself (RFC 5280 section 4.1), of version 3. */
import { type KeyObject, randomBytes } from "node:crypto";
import { bitString, explicit, integer, sequence, time } from "./der.js";
import { encodePem } from "./pem.js";
import { algorithmOf, signWith } from "./signature-algorithm.js";

export interface CertificateContents {
  /** DER of Name */
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DER of SubjectPublicKeyInfo */
  readonly publicKey: Buffer;
  /** DER of each */
  readonly extensions: readonly Buffer[];
}

const VERSION_3 = Buffer.from([2]);
const SERIAL_BYTES = 16;

/** Clocks of nodes differ: what is made now is valid from an hour ago. */
export const BACKDATE_MS = 3_600_000;

/** @returns PEM. @throws AlgorithmError for a key that a cluster does not take */
export function signCertificate(contents: CertificateContents, issuerKey: KeyObject): string {
  const algorithm = algorithmOf(issuerKey).identifier;
  const body = sequence(
    explicit(0, integer(VERSION_3)),
    integer(randomBytes(SERIAL_BYTES)),
    algorithm,
    contents.issuer,
    sequence(time(contents.notBeforeMs), time(contents.notAfterMs)),
    contents.subject,
    contents.publicKey,
    explicit(3, sequence(...contents.extensions)),
  );
  return encodePem("CERTIFICATE", sequence(body, algorithm, bitString(signWith(issuerKey, body))));
}
