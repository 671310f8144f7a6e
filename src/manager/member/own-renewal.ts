/** How a manager renews its certificate: over its own socket, to itself or, through it, to whoever leads. */
import { callUnary, openChannel } from "../../api/client-call.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService } from "../../api/generated/tswarm/v1/identity.js";
import { IssueManagerCertificateRequest, ManagerSupportService } from "../../api/generated/tswarm/v1/node.js";
import type { CertificateAnswer } from "../../security/node-certificate/accept-certificate.js";
import { grpcTarget, trustingCredentials } from "../../security/transport.js";

const CALL_TIMEOUT_MS = 15_000;
/** The daemon asks one manager after the other. */
const SUPPORT_TIMEOUT_MS = 40_000;

/** @param socket its control socket @throws ServiceError */
export async function renewOverSocket(socket: string, csrPem: string): Promise<CertificateAnswer> {
  const client = openChannel(grpcTarget(socket), trustingCredentials(), true);
  try {
    const request = { role: NodeRole.MANAGER, csr: Buffer.from(csrPem) };
    const answer = await callUnary(client, NodeIdentityService.renew, request, { timeoutMs: CALL_TIMEOUT_MS });
    return { certificate: answer.certificate.toString(), rootCa: answer.rootCa.toString() };
  } finally {
    client.close();
  }
}

/** @param socket of the daemon beside this manager @throws ServiceError */
export async function issueBySupport(socket: string, csrPem: string): Promise<CertificateAnswer> {
  const client = openChannel(grpcTarget(socket), trustingCredentials(), true);
  try {
    const request = IssueManagerCertificateRequest.fromPartial({ csr: Buffer.from(csrPem) });
    const answer = await callUnary(client, ManagerSupportService.issueManagerCertificate, request, {
      timeoutMs: SUPPORT_TIMEOUT_MS,
    });
    return { certificate: answer.certificate.toString(), rootCa: answer.rootCa.toString() };
  } finally {
    client.close();
  }
}
