/** Private keys as people and other programs bring them. Errors never cite them, nor what OpenSSL says of them. */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { CertificateError } from "./certificate-error.js";
import { AlgorithmError, algorithmOf } from "./signature-algorithm.js";

const ENCRYPTED = /ENCRYPTED/;

/** @param keyPem PKCS #8, SEC 1 or PKCS #1, open. @throws CertificateError */
export function readPrivateKey(keyPem: string): KeyObject {
  if (ENCRYPTED.test(keyPem)) {
    throw new CertificateError("malformed", "the private key is encrypted: an open one is needed");
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(keyPem);
  } catch {
    throw new CertificateError("malformed", "malformed private key");
  }
  try {
    algorithmOf(key);
  } catch (error) {
    if (error instanceof AlgorithmError) throw new CertificateError("unsupported-algorithm", error.message);
    throw error;
  }
  return key;
}

/** Whether a certificate is that of a key. @param publicKeyDer DER of the certificate's SubjectPublicKeyInfo */
export function keyFits(key: KeyObject, publicKeyDer: Buffer): boolean {
  return createPublicKey(key).equals(createPublicKey({ key: publicKeyDer, format: "der", type: "spki" }));
}
