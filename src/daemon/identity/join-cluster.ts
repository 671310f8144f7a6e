/** A node's first call to a cluster: with a token, for an id and a certificate. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import { callUnary, openChannel } from "../../api/client-call.js";
import { NodeCAService } from "../../api/generated/docker/swarmkit/v1/ca.js";
import type { NodeSpec_Availability as Availability } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { IssuanceStatus_State as Issuance, NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService } from "../../api/generated/tswarm/v1/identity.js";
import { resourceExhausted, StatusError, unavailable } from "../../api/status-error.js";
import { acceptCertificate } from "../../security/node-certificate/accept-certificate.js";
import type { NodeCertificate } from "../../security/node-certificate/node-certificate.js";
import { certificateFacts } from "../../security/pki/certificate-facts.js";
import { makeCsr } from "../../security/pki/csr.js";
import { parseJoinToken } from "../../security/pki/join-token.js";
import { ORGANIZATIONAL_UNIT } from "../../security/pki/organizational-unit.js";
import { verifyingCredentials } from "../../security/tls/tls-identity.js";
import { grpcTarget } from "../../security/transport.js";
import type { KnownManager } from "../membership.js";
import { ForeignClusterError, fetchRoot } from "./fetch-root.js";

export interface JoinOptions {
  readonly token: string;
  /** Of managers, "HOST:PORT"; one that answers is enough. */
  readonly addresses: readonly string[];
  readonly availability: Availability;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

export interface Joined {
  readonly nodeId: string;
  /** What the token gave. */
  readonly role: NodeRole;
  readonly certificate: NodeCertificate;
  readonly managers: readonly KnownManager[];
}

const CALL_TIMEOUT_MS = 10_000;
/** SwarmKit's nodes wait as long, each time that they ask whether their certificate is there. */
const ISSUE_TIMEOUT_MS = 20_000;
/** So long nobody may answer, or lead. */
const PATIENCE_MS = 20_000;
/** A cluster that many join at once has them wait; that many wrong tokens came is also said so, and does not pass as soon. */
const CROWD_PATIENCE_MS = 60_000;
const PAUSE_MS = 500;

const PASSING: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.RESOURCE_EXHAUSTED,
]);

/**
 * Nothing of the token is sent before the manager has proven that it holds a key of the token's root.
 * @throws JoinTokenError, ForeignClusterError, StatusError with what the cluster said
 */
export async function joinCluster(options: JoinOptions): Promise<Joined> {
  const { token, addresses, random, log } = options;
  const { digest } = parseJoinToken(token);
  // The same request each time: a cluster that has taken it, and whose answer was lost, sees by the key who comes again.
  const request = makeCsr();
  const begun = performance.now();
  for (let round = 0; ; round++) {
    const reasons: string[] = [];
    let isCrowded = false;
    for (const address of addresses) {
      try {
        const rootPem = await fetchRoot(address, digest, CALL_TIMEOUT_MS);
        return await joinAt(address, rootPem, request, options);
      } catch (error) {
        const { code, details } = error as Partial<ServiceError>;
        if (error instanceof ForeignClusterError || error instanceof StatusError || code === undefined) throw error;
        if (!PASSING.has(code)) throw new StatusError(code, details ?? "");
        isCrowded ||= code === status.RESOURCE_EXHAUSTED;
        reasons.push(`${address}: ${details}`);
      }
    }
    const why = reasons.join("; ");
    if (performance.now() - begun > (isCrowded ? CROWD_PATIENCE_MS : PATIENCE_MS)) {
      throw isCrowded ? resourceExhausted(why) : unavailable(`no manager of the cluster takes this node in: ${why}`);
    }
    if (round === 0) log(`no manager takes this node in yet (${why}): asking on`);
    await sleep(PAUSE_MS * (0.5 + random()) * Math.min(round + 1, 8));
  }
}

interface Request {
  readonly csrPem: string;
  readonly keyPem: string;
}

async function joinAt(address: string, rootPem: string, request: Request, options: JoinOptions): Promise<Joined> {
  const client = openChannel(grpcTarget(address), verifyingCredentials(rootPem), true);
  try {
    return await join(client, request, options);
  } catch (error) {
    if ((error as Partial<ServiceError>).code !== status.UNIMPLEMENTED) throw error;
    return await joinSwarmKit(client, address, rootPem, request, options);
  } finally {
    client.close();
  }
}

async function join(
  client: Client,
  { csrPem, keyPem }: Request,
  { token, availability }: JoinOptions,
): Promise<Joined> {
  const { nodeId, role, certificate, rootCa, managers } = await callUnary(
    client,
    NodeIdentityService.join,
    { token, csr: Buffer.from(csrPem), availability },
    { timeoutMs: CALL_TIMEOUT_MS },
  );
  const answer = { certificate: certificate.toString(), rootCa: rootCa.toString() };
  return {
    nodeId,
    role,
    certificate: acceptCertificate({ keyPem, answer, expected: { nodeId, role: NodeRole.WORKER }, nowMs: Date.now() }),
    managers: managers.flatMap(({ peer }) => (peer ? [{ nodeId: peer.nodeId, address: peer.addr }] : [])),
  };
}

/** A cluster of SwarmKit's managers gives the role's certificate at once, after a while of its own. */
async function joinSwarmKit(
  client: Client,
  address: string,
  rootPem: string,
  { csrPem, keyPem }: Request,
  { token, availability }: JoinOptions,
): Promise<Joined> {
  const { nodeId } = await callUnary(
    client,
    NodeCAService.issueNodeCertificate,
    { role: NodeRole.WORKER, csr: Buffer.from(csrPem), token, availability },
    { timeoutMs: CALL_TIMEOUT_MS },
  );
  const answer = await callUnary(
    client,
    NodeCAService.nodeCertificateStatus,
    { nodeId },
    { timeoutMs: ISSUE_TIMEOUT_MS },
  );
  if (answer.status?.state !== Issuance.ISSUED || !answer.certificate) {
    throw unavailable(`the manager at ${address} signed no certificate: ${answer.status?.err || "it gives no reason"}`);
  }
  const certificatePem = answer.certificate.certificate.toString();
  const unit = certificateFacts(certificatePem).subject.organizationalUnit;
  const role = unit === ORGANIZATIONAL_UNIT[NodeRole.MANAGER] ? NodeRole.MANAGER : NodeRole.WORKER;
  return { nodeId, role, certificate: { certificatePem, keyPem, rootPem }, managers: [] };
}
