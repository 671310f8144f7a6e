/** Whether an authority signed what it was asked to. Pure. */
import { X509Certificate } from "node:crypto";
import { CertificateError } from "../../../security/pki/certificate-error.js";
import { type CertificateFacts, readCertificates } from "../../../security/pki/certificate-facts.js";
import { ORGANIZATIONAL_UNIT } from "../../../security/pki/organizational-unit.js";
import { encodePem } from "../../../security/pki/pem.js";
import type { SigningRequest } from "../signing.js";
import { AuthorityError } from "./cfssl-protocol.js";

/** @returns the certificate alone, PEM @throws AuthorityError for another one than was asked for */
export function checkLeaf(pem: string, request: SigningRequest, clusterId: string, rootPem: string): string {
  const leaf = first(pem);
  const { subject, dnsNames, publicKeyDer, isCa } = leaf;
  const unit = ORGANIZATIONAL_UNIT[request.role];
  const faults = [
    publicKeyDer.equals(request.csr.publicKey) ? "" : "is of another key",
    subject.commonName === request.nodeId ? "" : "names another node",
    subject.organizationalUnit === unit ? "" : "names another role",
    subject.organization === clusterId ? "" : "names another cluster",
    [unit, request.nodeId].every((name) => dnsNames.includes(name)) ? "" : "lacks the node's names as a server",
    isCa ? "is a CA's" : "",
    isSignedBy(leaf, rootPem) ? "" : "is not signed by the cluster's root",
  ].filter(Boolean);
  if (faults.length > 0) throw new AuthorityError(`the certificate that it signed ${faults.join(", ")}`);
  return encodePem("CERTIFICATE", leaf.der);
}

/** @returns the next root, signed by the present one, PEM @throws AuthorityError */
export function checkCrossSigned(pem: string, nextRootPem: string, presentRootPem: string): string {
  const crossSigned = first(pem);
  const next = first(nextRootPem);
  const faults = [
    crossSigned.publicKeyDer.equals(next.publicKeyDer) ? "" : "is of another key",
    crossSigned.subjectDer.equals(next.subjectDer) ? "" : "has another name",
    crossSigned.isCa ? "" : `is no CA's (is there a profile "CA" with "is_ca" in its configuration?)`,
    isSignedBy(crossSigned, presentRootPem) ? "" : "is not signed by the cluster's root",
  ].filter(Boolean);
  if (faults.length > 0) throw new AuthorityError(`the certificate that it signed ${faults.join(", ")}`);
  return encodePem("CERTIFICATE", crossSigned.der);
}

function first(pem: string): CertificateFacts {
  try {
    return readCertificates(pem)[0]!;
  } catch (error) {
    if (error instanceof CertificateError)
      throw new AuthorityError(`its answer holds no certificate: ${error.message}`);
    throw error;
  }
}

function isSignedBy({ der }: CertificateFacts, rootPem: string): boolean {
  const root = new X509Certificate(rootPem);
  const certificate = new X509Certificate(der);
  return certificate.checkIssued(root) && certificate.verify(root.publicKey);
}
