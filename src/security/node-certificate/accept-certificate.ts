import { CertificateError } from "../pki/certificate-error.js";
import { checkChain, type ExpectedSubject } from "../pki/chain.js";
import { keyFits, readPrivateKey } from "../pki/private-key.js";
import type { NodeCertificate } from "./node-certificate.js";

/** What a manager gives for a request. */
export interface CertificateAnswer {
  /** PEM: the certificate, then what lies between it and a root. */
  readonly certificate: string;
  /** PEM: every root that is to be trusted. */
  readonly rootCa: string;
}

export interface AcceptOptions {
  /** Of the request. */
  readonly keyPem: string;
  readonly answer: CertificateAnswer;
  readonly expected: ExpectedSubject;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Nothing is taken on trust but the roots. @throws CertificateError */
export function acceptCertificate({ keyPem, answer, expected, nowMs }: AcceptOptions): NodeCertificate {
  const { certificate: certificatePem, rootCa: rootPem } = answer;
  const [leaf] = checkChain({ certificatePem, rootPem, nowMs, expected });
  if (!keyFits(readPrivateKey(keyPem), leaf!.publicKeyDer)) {
    throw new CertificateError("key-mismatch", "the certificate is not for the key that was asked for");
  }
  return { certificatePem, keyPem, rootPem };
}
