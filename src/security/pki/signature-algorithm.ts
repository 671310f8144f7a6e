/**
 * The keys and signatures of a cluster: ECDSA on the NIST curves and RSA (PKCS #1 v1.5), with SHA-2; what SwarmKit takes as well.
 * RFC 5758 section 3.2, RFC 4055 section 5.
 */
import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { oid, sequence, TAG } from "./der.js";
import { DerError, DerReader } from "./der-reader.js";

export interface SignatureAlgorithm {
  readonly name: string;
  readonly keyType: "ec" | "rsa";
  readonly hash: "sha256" | "sha384" | "sha512";
  /** DER of AlgorithmIdentifier */
  readonly identifier: Buffer;
}

/** A key or a signature that a cluster does not take. */
export class AlgorithmError extends Error {
  override readonly name = "AlgorithmError";
}

const NULL = Buffer.from([TAG.null, 0]);

function algorithm(name: string, id: string, keyType: "ec" | "rsa", hash: SignatureAlgorithm["hash"]) {
  return { name, id, keyType, hash, identifier: sequence(oid(id), ...(keyType === "rsa" ? [NULL] : [])) };
}

const ALGORITHMS = {
  ecdsaSha256: algorithm("ECDSA with SHA-256", "1.2.840.10045.4.3.2", "ec", "sha256"),
  ecdsaSha384: algorithm("ECDSA with SHA-384", "1.2.840.10045.4.3.3", "ec", "sha384"),
  ecdsaSha512: algorithm("ECDSA with SHA-512", "1.2.840.10045.4.3.4", "ec", "sha512"),
  rsaSha256: algorithm("RSA with SHA-256", "1.2.840.113549.1.1.11", "rsa", "sha256"),
  rsaSha384: algorithm("RSA with SHA-384", "1.2.840.113549.1.1.12", "rsa", "sha384"),
  rsaSha512: algorithm("RSA with SHA-512", "1.2.840.113549.1.1.13", "rsa", "sha512"),
} as const;

const BY_ID = new Map(Object.values(ALGORITHMS).map((one) => [one.id, one] as const));

const OF_CURVE: Readonly<Record<string, SignatureAlgorithm>> = {
  prime256v1: ALGORITHMS.ecdsaSha256,
  secp384r1: ALGORITHMS.ecdsaSha384,
  secp521r1: ALGORITHMS.ecdsaSha512,
};

const MIN_RSA_BITS = 2048;
/** Larger ones cost a manager more time than they are worth. */
const MAX_RSA_BITS = 8192;
/** DER of the largest key that is taken is about half of it. */
const MAX_KEY_BYTES = 2048;
const UNCOMPRESSED = 4;

/** What a key signs with. @throws AlgorithmError for a key that a cluster does not take */
export function algorithmOf(key: KeyObject): SignatureAlgorithm {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa") {
    if (modulusLength < MIN_RSA_BITS || modulusLength > MAX_RSA_BITS) {
      throw new AlgorithmError(`an RSA key has ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits, not ${modulusLength}`);
    }
    return ALGORITHMS.rsaSha256;
  }
  const found = key.asymmetricKeyType === "ec" ? OF_CURVE[namedCurve ?? ""] : undefined;
  if (found) return found;
  const kind = [key.asymmetricKeyType, namedCurve].filter(Boolean).join(" ");
  throw new AlgorithmError(`unsupported key (${kind}): ECDSA on P-256, P-384 or P-521, or RSA, is needed`);
}

/** @param spki DER of SubjectPublicKeyInfo. @throws AlgorithmError */
export function readPublicKey(spki: Buffer): KeyObject {
  if (spki.length > MAX_KEY_BYTES) throw new AlgorithmError(`a public key of ${spki.length} bytes is too large`);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki, format: "der", type: "spki" });
  } catch (error) {
    throw new AlgorithmError(`the public key is damaged, or of an unknown kind (${(error as Error).message})`);
  }
  algorithmOf(key);
  if (key.asymmetricKeyType === "ec") checkPoint(spki);
  return key;
}

/** Curve by its name, point in full: the form that everybody reads; OpenSSL takes others as well. RFC 5480 section 2. */
function checkPoint(spki: Buffer): void {
  try {
    const reader = new DerReader(spki).enter(TAG.sequence);
    const algorithm = reader.enter(TAG.sequence);
    algorithm.oid();
    algorithm.oid();
    algorithm.end();
    if (reader.octetsOfBitString()[0] === UNCOMPRESSED) return;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
  }
  throw new AlgorithmError("unsupported form of an ECDSA key: a named curve and an uncompressed point are needed");
}

/** Reads an AlgorithmIdentifier. @throws DerError, AlgorithmError */
export function readSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  const inside = reader.enter(TAG.sequence);
  const id = inside.oid();
  const found = BY_ID.get(id);
  if (!found) throw new AlgorithmError(`unsupported signature algorithm ${id}: ECDSA or RSA with SHA-2 is needed`);
  // RFC 4055 section 5: those that read take RSA without NULL as well.
  if (found.keyType === "rsa" && !inside.isAtEnd) inside.null();
  inside.end();
  return found;
}

export function signWith(key: KeyObject, body: Buffer): Buffer {
  return sign(algorithmOf(key).hash, body, key);
}

/** Whether `key` signed `body` so. */
export function isSignedBy(
  key: KeyObject,
  { keyType, hash }: SignatureAlgorithm,
  body: Buffer,
  signature: Buffer,
): boolean {
  return key.asymmetricKeyType === keyType && verify(hash, body, key, signature);
}
