/** What is asked of whoever signs certificates. */
import type { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { CertificateRequest } from "../../security/pki/csr.js";

export interface SigningRequest {
  readonly nodeId: string;
  readonly role: NodeRole;
  readonly csrPem: string;
  readonly csr: CertificateRequest;
}

export type Signed =
  /** PEM: the certificate, and what leads from it to an older root where there is one. */
  | { readonly kind: "signed"; readonly chainPem: string }
  /** Not now: the authority cannot be reached, or does not do it. */
  | { readonly kind: "failed"; readonly reason: string };
