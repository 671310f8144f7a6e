/** A root that somebody brings along. Pure. */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { CAConfig } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { invalidArgument } from "../../../api/status-error.js";
import { CertificateError } from "../../../security/pki/certificate-error.js";
import { type CertificateFacts, readCertificates } from "../../../security/pki/certificate-facts.js";
import { encodePem } from "../../../security/pki/pem.js";
import { maySignCertificates } from "../../../security/pki/read-extensions.js";
import { AlgorithmError, algorithmOf, isSignedBy, readPublicKey } from "../../../security/pki/signature-algorithm.js";

export interface GivenRoot {
  readonly certificatePem: string;
  /** PKCS #8; undefined where an external authority has it. */
  readonly keyPem: string | undefined;
}

const MIN_VALIDITY_MS = 365 * 86_400_000;

/** @returns undefined when none is given @throws StatusError (INVALID_ARGUMENT) for one that cannot be the cluster's */
export function readGivenRoot({ signingCaCert, signingCaKey }: CAConfig, nowMs: number): GivenRoot | undefined {
  if (signingCaCert.length === 0) {
    if (signingCaKey.length === 0) return undefined;
    throw invalidArgument("if a signing CA key is provided, the signing CA cert must also be provided");
  }
  const certificates = certificatesOf(signingCaCert.toString());
  if (certificates.length > 1) {
    throw invalidArgument("the desired CA certificate cannot contain multiple certificates");
  }
  const root = certificates[0]!;
  checkRoot(root, nowMs);
  const certificatePem = encodePem("CERTIFICATE", root.der);
  if (signingCaKey.length === 0) return { certificatePem, keyPem: undefined };
  return { certificatePem, keyPem: keyOf(root, signingCaKey.toString()) };
}

function certificatesOf(pem: string): readonly CertificateFacts[] {
  try {
    return readCertificates(pem);
  } catch (error) {
    if (error instanceof CertificateError) {
      throw invalidArgument(`could not parse the desired CA certificate: ${error.message}`);
    }
    throw error;
  }
}

function checkRoot(root: CertificateFacts, nowMs: number): void {
  if (!root.isCa || !maySignCertificates(root)) throw invalidArgument("the desired CA certificate may not sign others");
  if (!root.algorithm || !isSelfSigned(root)) throw invalidArgument("the desired CA certificate is not self-signed");
  if (root.notBeforeMs > nowMs) throw invalidArgument("the desired CA certificate is not valid yet");
  if (root.notAfterMs < nowMs + MIN_VALIDITY_MS) throw invalidArgument("CA certificate expires too soon");
}

function isSelfSigned({ algorithm, publicKeyDer, signedDer, signature, subjectDer, issuerDer }: CertificateFacts) {
  try {
    return subjectDer.equals(issuerDer) && isSignedBy(readPublicKey(publicKeyDer), algorithm!, signedDer, signature);
  } catch (error) {
    if (error instanceof AlgorithmError)
      throw invalidArgument(`the desired CA certificate is refused: ${error.message}`);
    throw error;
  }
}

/** @returns PKCS #8. Errors cite nothing of it. */
function keyOf({ publicKeyDer }: CertificateFacts, pem: string): string {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
    algorithmOf(key);
  } catch (error) {
    const reason = error instanceof AlgorithmError ? `: ${error.message}` : "";
    throw invalidArgument(`the signing CA key cannot be read${reason}`);
  }
  if (!createPublicKey(key).export({ type: "spki", format: "der" }).equals(publicKeyDer)) {
    throw invalidArgument("the signing CA key does not belong to the desired CA certificate");
  }
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
