/** Nodes of a cluster that a manager in this process leads, with ids that tests choose: signed by the cluster's own root. */

import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { InitClusterRequest } from "../../src/api/generated/tswarm/v1/node.js";
import { newNode } from "../../src/manager/new-node.js";
import type { CertificateAnswer } from "../../src/security/node-certificate/accept-certificate.js";
import { makeCsr } from "../../src/security/pki/csr.js";
import { issueCertificate } from "../../src/security/pki/issue.js";
import { TlsIdentity } from "../../src/security/tls/tls-identity.js";
import type { Store } from "../../src/store/store.js";

const YEAR_MS = 365 * 86_400_000;

/** TLS goes by the time of this machine, whatever a test's clock says: certificates hold long before and after. */
export const LONG_LIVED = InitClusterRequest.fromPartial({
  spec: { caConfig: { nodeCertExpiry: { seconds: (15 * YEAR_MS) / 1000 } } },
});

/** The node object, unless there is one. @param store of the leader */
export async function admit(store: Store, nodeId: string, role: NodeRole): Promise<void> {
  await store.update((tx) => {
    if (tx.get("node", nodeId)) return;
    tx.create("node", newNode(nodeId, role, tx.all("cluster")[0]));
  });
}

/** @param store of any manager */
export function sign(store: Store, nodeId: string, role: NodeRole, csr: string): CertificateAnswer {
  const cluster = store.view((read) => read.all("cluster"))[0]!;
  const { caCert, caKey } = cluster.rootCa!;
  const rootCa = caCert.toString();
  const certificate = issueCertificate({
    ca: { certificatePem: rootCa, keyPem: caKey.toString() },
    csr,
    nodeId,
    role,
    clusterId: cluster.id,
    notBeforeMs: Date.now() - YEAR_MS,
    notAfterMs: Date.now() + YEAR_MS,
  });
  return { certificate, rootCa };
}

/** What an agent of that node shows. */
export function agentIdentity(store: Store, nodeId: string, role = NodeRole.WORKER): TlsIdentity {
  const { csrPem, keyPem } = makeCsr();
  const { certificate: certificatePem, rootCa: rootPem } = sign(store, nodeId, role, csrPem);
  return new TlsIdentity({ certificatePem, keyPem, rootPem });
}
