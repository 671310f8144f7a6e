/** What a certificate says of the node that holds it. */
import type { PeerCertificate } from "node:tls";

/** The subject of a verified certificate. */
export interface CertificateSubject {
  /** Common name. */
  readonly nodeId: string;
  /** The node's role: "swarm-worker" or "swarm-manager". */
  readonly organizationalUnit: string;
  /** The cluster's id. */
  readonly organization: string;
}

/** A connection has one certificate, as one object, and many calls. */
const known = new WeakMap<PeerCertificate, CertificateSubject>();

/** @returns empty strings for what the certificate does not say, or says more than once: nobody is let in by those */
export function subjectOf(certificate: PeerCertificate): CertificateSubject {
  const parsed = known.get(certificate);
  if (parsed) return parsed;
  const { CN, OU, O } = certificate.subject;
  const subject = { nodeId: single(CN), organizationalUnit: single(OU), organization: single(O) };
  known.set(certificate, subject);
  return subject;
}

function single(value: unknown): string {
  return typeof value === "string" ? value : "";
}
