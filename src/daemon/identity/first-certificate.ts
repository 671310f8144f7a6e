/** The agent's certificate on the node that begins a cluster: its own manager signs it. */
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { acceptCertificate } from "../../security/node-certificate/accept-certificate.js";
import type { NodeCertificate } from "../../security/node-certificate/node-certificate.js";
import { makeCsr } from "../../security/pki/csr.js";
import { trustingCredentials } from "../../security/transport.js";
import { renewCertificate } from "./renew-certificate.js";

/** @param socket the manager's control socket @throws StatusError, CertificateError */
export async function firstCertificate(socket: string, nodeId: string): Promise<NodeCertificate> {
  const { csrPem, keyPem } = makeCsr();
  const issued = await renewCertificate(
    [{ address: socket, credentials: trustingCredentials() }],
    { role: NodeRole.WORKER, csr: Buffer.from(csrPem) },
    { nodeId, rootPem: "" },
  );
  return acceptCertificate({
    keyPem,
    answer: { certificate: issued.certificate.toString(), rootCa: issued.rootCa.toString() },
    expected: { nodeId, role: NodeRole.WORKER },
    nowMs: Date.now(),
  });
}
