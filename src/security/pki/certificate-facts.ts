/** What a certificate says (RFC 5280 section 4.1). Nothing here is proven: see chain.ts. */
import { CertificateError } from "./certificate-error.js";
import { TAG } from "./der.js";
import { DerError, DerReader } from "./der-reader.js";
import { type NameParts, readName } from "./distinguished-name.js";
import { decodePem, PemError } from "./pem.js";
import { type Extensions, readExtensions } from "./read-extensions.js";
import { AlgorithmError, readSignatureAlgorithm, type SignatureAlgorithm } from "./signature-algorithm.js";

export interface CertificateFacts extends Extensions {
  /** The whole certificate. */
  readonly der: Buffer;
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly subject: NameParts;
  /** DER of Name */
  readonly subjectDer: Buffer;
  readonly issuer: NameParts;
  readonly issuerDer: Buffer;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DER of SubjectPublicKeyInfo */
  readonly publicKeyDer: Buffer;
  /** What the signature is over, and the signature. */
  readonly signedDer: Buffer;
  readonly signature: Buffer;
  /** Undefined for one that a cluster does not take. */
  readonly algorithm: SignatureAlgorithm | undefined;
}

const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const VERSION_3 = 2;

/** Certificates in one text: a bundle of roots, or a node's with what lies between it and its root. */
const MAX_CERTIFICATES = 32;

/** Of the first certificate of the text. @throws CertificateError */
export function certificateFacts(pem: string): CertificateFacts {
  return readCertificates(pem)[0]!;
}

/** All of the text, at least one. @throws CertificateError */
export function readCertificates(pem: string): CertificateFacts[] {
  let blocks: ReturnType<typeof decodePem>;
  try {
    blocks = decodePem(pem);
  } catch (error) {
    if (error instanceof PemError) throw new CertificateError("malformed", error.message);
    throw error;
  }
  const found = blocks.filter(({ label }) => label === "CERTIFICATE");
  if (found.length === 0) throw new CertificateError("missing", "no certificate found in the PEM text");
  if (found.length > MAX_CERTIFICATES) {
    throw new CertificateError("too-many", `more than ${MAX_CERTIFICATES} certificates in one text`);
  }
  return found.map(({ der }) => readCertificate(der));
}

/** @throws CertificateError */
export function readCertificate(der: Buffer): CertificateFacts {
  try {
    return parse(der);
  } catch (error) {
    if (error instanceof DerError) {
      throw new CertificateError("malformed", `the certificate is malformed: ${error.message}`);
    }
    throw error;
  }
}

function parse(der: Buffer): CertificateFacts {
  const outer = new DerReader(der);
  const certificate = outer.enter(TAG.sequence);
  outer.end();
  const signedPart = certificate.next(TAG.sequence);
  const outerAlgorithm = certificate.next(TAG.sequence);
  const signature = certificate.octetsOfBitString();
  certificate.end();

  const body = certificate.inside(signedPart);
  const version = body.optional(VERSION);
  if (!version || body.inside(version).smallInteger() !== VERSION_3) throw new DerError("it is not of version 3");
  const serialNumber = body.unsigned().toString("hex");
  const algorithm = body.next(TAG.sequence);
  if (!algorithm.whole.equals(outerAlgorithm.whole)) throw new DerError("it names two signature algorithms");
  const issuer = readName(body);
  const validity = body.enter(TAG.sequence);
  const notBeforeMs = validity.time();
  const notAfterMs = validity.time();
  validity.end();
  const subject = readName(body);
  const publicKeyDer = body.next(TAG.sequence).whole;
  // Unique identifiers, of version 2, are not in use.
  const extensions = readExtensions(body.peek() === EXTENSIONS ? body.enter(EXTENSIONS) : undefined);
  body.end();
  return {
    ...extensions,
    der,
    serialNumber,
    subject: subject.parts,
    subjectDer: subject.der,
    issuer: issuer.parts,
    issuerDer: issuer.der,
    notBeforeMs,
    notAfterMs,
    publicKeyDer,
    signedDer: signedPart.whole,
    signature,
    algorithm: algorithmFrom(algorithm.whole),
  };
}

function algorithmFrom(identifier: Buffer): SignatureAlgorithm | undefined {
  try {
    return readSignatureAlgorithm(new DerReader(identifier));
  } catch (error) {
    if (error instanceof AlgorithmError || error instanceof DerError) return undefined;
    throw error;
  }
}
