/** Whether an authority signed what it was asked to. Pure. */
import { CertificateError } from "../../../security/pki/certificate-error.js";
import { type CertificateFacts, certificateFacts } from "../../../security/pki/certificate-facts.js";
import { checkChain, hasSigned } from "../../../security/pki/chain.js";
import { ORGANIZATIONAL_UNIT } from "../../../security/pki/organizational-unit.js";
import { encodePem } from "../../../security/pki/pem.js";
import { maySignCertificates } from "../../../security/pki/read-extensions.js";
import type { SigningRequest } from "../signing.js";
import { AuthorityError } from "./cfssl-protocol.js";

/** What a node's certificate is asked for with. */
export interface AskedLeaf {
  readonly request: SigningRequest;
  readonly clusterId: string;
  /** PEM: what it is to lead to. */
  readonly rootPem: string;
  readonly nowMs: number;
}

/** @returns the certificate alone, PEM @throws AuthorityError for another one than was asked for */
export function checkLeaf(pem: string, { request, clusterId, rootPem, nowMs }: AskedLeaf): string {
  return judged(() => {
    const leaf = certificateFacts(pem);
    const { nodeId, role, csr } = request;
    if (!leaf.publicKeyDer.equals(csr.publicKey)) throw new AuthorityError("it signed another key");
    const certificatePem = encodePem("CERTIFICATE", leaf.der);
    checkChain({ certificatePem, rootPem, nowMs, expected: { clusterId, nodeId, role } });
    if (leaf.isCa) throw new AuthorityError("it signed a certificate that may sign others");
    const missing = [ORGANIZATIONAL_UNIT[role], nodeId].filter((name) => !leaf.dnsNames.includes(name));
    if (missing.length > 0) throw new AuthorityError(`its certificate lacks the server's name ${missing[0]}`);
    return certificatePem;
  });
}

/** @returns the next root, signed by the present one, PEM @throws AuthorityError */
export function checkCrossSigned(pem: string, nextRootPem: string, presentRootPem: string): string {
  return judged(() => {
    const crossSigned = certificateFacts(pem);
    const next = certificateFacts(nextRootPem);
    const faults = [
      crossSigned.publicKeyDer.equals(next.publicKeyDer) ? "" : "is of another key",
      crossSigned.subjectDer.equals(next.subjectDer) ? "" : "has another name",
      isTakenForSelfSigned(crossSigned)
        ? "looks self-signed, as it bears the name of the present root: give the next root another name"
        : "",
      maySignCertificates(crossSigned) ? "" : `may not sign others: its profile "CA" must say so ("is_ca")`,
      isSignedBy(crossSigned, presentRootPem) ? "" : "is not signed by the cluster's root",
    ].filter(Boolean);
    if (faults.length > 0) throw new AuthorityError(`the certificate that it signed ${faults.join(", ")}`);
    return encodePem("CERTIFICATE", crossSigned.der);
  });
}

/** By OpenSSL, which goes by names where no key is named. */
function isTakenForSelfSigned({ subjectDer, issuerDer, authorityKeyId }: CertificateFacts): boolean {
  return subjectDer.equals(issuerDer) && authorityKeyId === undefined;
}

function isSignedBy(certificate: CertificateFacts, rootPem: string): boolean {
  const root = certificateFacts(rootPem);
  return certificate.issuerDer.equals(root.subjectDer) && hasSigned(root, certificate);
}

function judged<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof CertificateError) throw new AuthorityError(`its certificate is refused: ${error.message}`);
    throw error;
  }
}
