/** A cluster's root and the certificates that it gives, for tests. */
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import type { NodeCertificate } from "../../src/security/node-certificate/node-certificate.js";
import type { CertifiedKey } from "../../src/security/pki/certified-key.js";
import { makeCsr } from "../../src/security/pki/csr.js";
import { issueCertificate } from "../../src/security/pki/issue.js";
import { makeRootCa } from "../../src/security/pki/root-ca.js";
import { TlsIdentity } from "../../src/security/tls/tls-identity.js";

const HOUR_MS = 3_600_000;
export const CLUSTER = "cluster".padEnd(25, "0");

export class Authority {
  readonly clusterId: string;
  readonly root: CertifiedKey;

  constructor(clusterId = CLUSTER, root = makeRootCa(Date.now())) {
    this.clusterId = clusterId;
    this.root = root;
  }

  certificate(
    nodeId: string,
    role: NodeRole,
    validity: { readonly fromMs?: number; readonly untilMs?: number } = {},
  ): NodeCertificate {
    const { csrPem, keyPem } = makeCsr();
    const certificatePem = issueCertificate({
      ca: this.root,
      csr: csrPem,
      nodeId,
      role,
      clusterId: this.clusterId,
      notBeforeMs: validity.fromMs ?? Date.now() - HOUR_MS,
      notAfterMs: validity.untilMs ?? Date.now() + 24 * HOUR_MS,
    });
    return { certificatePem, keyPem, rootPem: this.root.certificatePem };
  }

  worker(nodeId: string): TlsIdentity {
    return new TlsIdentity(this.certificate(nodeId, NodeRole.WORKER));
  }

  manager(nodeId: string): TlsIdentity {
    return new TlsIdentity(this.certificate(nodeId, NodeRole.MANAGER));
  }
}
