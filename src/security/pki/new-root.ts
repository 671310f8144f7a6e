/** Whether what a person brings can be a cluster's root. Texts follow SwarmKit's `manager/controlapi/ca_rotation.go`. */
import { CertificateError } from "./certificate-error.js";
import { certificateFacts, readCertificates } from "./certificate-facts.js";
import { hasSigned } from "./chain.js";
import { encodePem } from "./pem.js";
import { keyFits, readPrivateKey } from "./private-key.js";
import { maySignCertificates } from "./read-extensions.js";
import { AlgorithmError, readPublicKey } from "./signature-algorithm.js";

/** The shortest time that a new root must be valid for. */
export const MIN_ROOT_VALIDITY_MS = 365 * 86_400_000;

export interface NewRoot {
  readonly certificatePem: string;
  /** PKCS #8; undefined where an external authority has it. */
  readonly keyPem: string | undefined;
}

/**
 * @param keyPem undefined where an external authority has it
 * @returns the same in the form in which a cluster keeps it
 * @throws CertificateError
 */
export function checkNewRoot(certificatePem: string, keyPem: string | undefined, nowMs: number): NewRoot {
  const certificates = readCertificates(certificatePem);
  if (certificates.length > 1) {
    throw new CertificateError("too-many", "the desired CA certificate cannot contain multiple certificates");
  }
  const root = certificates[0]!;
  if (!maySignCertificates(root)) {
    throw new CertificateError("no-ca", "the desired certificate is not a CA certificate that may sign others");
  }
  if (root.unknownCritical.length > 0) {
    throw new CertificateError(
      "malformed",
      `the desired CA certificate has a critical extension that is not known (${root.unknownCritical[0]})`,
    );
  }
  checkKey(root.publicKeyDer);
  if (!root.issuerDer.equals(root.subjectDer) || !hasSigned(root, root)) {
    throw new CertificateError("not-self-signed", "the desired CA certificate is not self-signed: it is no root");
  }
  if (root.notBeforeMs > nowMs) {
    throw new CertificateError("not-yet-valid", "the desired CA certificate is not valid yet");
  }
  if (root.notAfterMs < nowMs + MIN_ROOT_VALIDITY_MS) {
    throw new CertificateError(
      "expires-soon",
      "the desired CA certificate expires too soon: it must be valid for at least a year",
    );
  }
  return {
    certificatePem: encodePem("CERTIFICATE", root.der),
    keyPem: keyPem && checkedKey(keyPem, root.publicKeyDer),
  };
}

/** Whether two certificates are those of one key: a root with the key of the present one replaces nothing. @throws CertificateError */
export function haveSameKey(onePem: string, otherPem: string): boolean {
  return certificateFacts(onePem).publicKeyDer.equals(certificateFacts(otherPem).publicKeyDer);
}

function checkedKey(keyPem: string, publicKeyDer: Buffer): string {
  const key = readPrivateKey(keyPem);
  if (!keyFits(key, publicKeyDer)) {
    throw new CertificateError("key-mismatch", "certificate key mismatch: the key is not that of the CA certificate");
  }
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function checkKey(publicKeyDer: Buffer): void {
  try {
    readPublicKey(publicKeyDer);
  } catch (error) {
    if (!(error instanceof AlgorithmError)) throw error;
    throw new CertificateError("unsupported-algorithm", `the desired CA certificate: ${error.message}`);
  }
}
