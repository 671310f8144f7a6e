/** Requests for a certificate: PKCS #10 (RFC 2986). */
import { generateKeyPairSync } from "node:crypto";
import { bitString, element, integer, sequence, TAG } from "./der.js";
import { DerError, DerReader } from "./der-reader.js";
import { encodeName, type NameParts, readName } from "./distinguished-name.js";
import { decodePem, encodePem, PemError } from "./pem.js";
import {
  AlgorithmError,
  algorithmOf,
  isSignedBy,
  readPublicKey,
  readSignatureAlgorithm,
  signWith,
} from "./signature-algorithm.js";

/** A request that is not answered, and why, in words for whoever sent it. Cites nothing of it. */
export class CsrError extends Error {
  override readonly name = "CsrError";
}

/** A request with an RSA key of 4096 bits has 1,700. */
export const MAX_CSR_BYTES = 16 * 1024;

const LABELS: readonly string[] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];
const VERSION_1 = Buffer.from([0]);
const ATTRIBUTES = 0xa0;

/** A new key on P-256, and the request for its certificate. The name is for people: managers decide whose it is. */
export function makeCsr(subject: NameParts = {}): { readonly csrPem: string; readonly keyPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const body = sequence(
    integer(VERSION_1),
    encodeName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    element(ATTRIBUTES),
  );
  const csr = sequence(body, algorithmOf(privateKey).identifier, bitString(signWith(privateKey, body)));
  return {
    csrPem: encodePem("CERTIFICATE REQUEST", csr),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

export interface CertificateRequest {
  /** DER of SubjectPublicKeyInfo; whoever asks has its private key. */
  readonly publicKey: Buffer;
  readonly subject: NameParts;
}

/**
 * Keys on P-256, P-384 and P-521, and RSA of 2048 bits and more.
 * @throws CsrError when it is malformed, too large, of another kind of key, or not signed with its key
 */
export function readCsr(csr: string | Uint8Array): CertificateRequest {
  if (csr.length > MAX_CSR_BYTES) {
    throw new CsrError(`the certificate request has ${csr.length} bytes: at most ${MAX_CSR_BYTES} are read`);
  }
  const text = typeof csr === "string" ? csr : Buffer.from(csr).toString("latin1");
  try {
    const blocks = decodePem(text);
    const [block] = blocks;
    if (!block || blocks.length > 1 || !LABELS.includes(block.label)) {
      throw new CsrError("the certificate request is not one PEM block CERTIFICATE REQUEST");
    }
    return parse(block.der);
  } catch (error) {
    if (error instanceof DerError || error instanceof PemError) {
      throw new CsrError(`the certificate request is malformed: ${error.message}`);
    }
    if (error instanceof AlgorithmError) throw new CsrError(`the certificate request is refused: ${error.message}`);
    throw error;
  }
}

function parse(der: Buffer): CertificateRequest {
  const outer = new DerReader(der);
  const request = outer.enter(TAG.sequence);
  outer.end();
  const signedPart = request.next(TAG.sequence);
  const algorithm = readSignatureAlgorithm(request);
  const signature = request.octetsOfBitString();
  request.end();

  const body = request.inside(signedPart);
  if (body.smallInteger() !== 0) throw new DerError("it is not of version 1");
  const subject = readName(body).parts;
  const publicKey = body.next(TAG.sequence).whole;
  // What it asks for beyond its key is not granted, and not read.
  body.optional(ATTRIBUTES);
  body.end();
  if (!isSignedBy(readPublicKey(publicKey), algorithm, signedPart.whole, signature)) {
    throw new CsrError("the certificate request is not signed with its own key");
  }
  return { publicKey, subject };
}
