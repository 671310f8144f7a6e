/** Asks the cluster for another certificate of this node, with the one that it has. */
import { type ChannelCredentials, type Client, type ServiceError, status } from "@grpc/grpc-js";
import { callUnary, openChannel } from "../../api/client-call.js";
import { NodeCAService } from "../../api/generated/docker/swarmkit/v1/ca.js";
import { IssuanceStatus_State as Issuance, NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService } from "../../api/generated/tswarm/v1/identity.js";
import { permissionDenied, StatusError, unavailable } from "../../api/status-error.js";
import { grpcTarget } from "../../security/transport.js";

export interface RenewalRequest {
  readonly role: NodeRole;
  /** PEM */
  readonly csr: Buffer;
}

/** PEM, both. */
export interface IssuedCertificate {
  readonly certificate: Buffer;
  readonly rootCa: Buffer;
}

/** A manager, and how it is known to be one. */
export interface RenewalDoor {
  /** "HOST:PORT", or a socket's path. */
  readonly address: string;
  readonly credentials: ChannelCredentials;
}

export interface SwarmKitNode {
  readonly nodeId: string;
  /** SwarmKit's managers send no roots with a certificate; those of the session count. */
  readonly rootPem: string;
}

const CALL_TIMEOUT_MS = 10_000;
const ISSUE_TIMEOUT_MS = 20_000;
/** Of those that another manager would say as well. */
const FINAL: ReadonlySet<status> = new Set([status.PERMISSION_DENIED, status.INVALID_ARGUMENT, status.NOT_FOUND]);

/**
 * Asks one after the other.
 * @throws StatusError of the first that refuses for good, or UNAVAILABLE with what each said
 */
export async function renewCertificate(
  doors: readonly RenewalDoor[],
  request: RenewalRequest,
  node: SwarmKitNode,
): Promise<IssuedCertificate> {
  const reasons: string[] = [];
  for (const door of doors) {
    try {
      return await renewAt(door, request, node);
    } catch (error) {
      const { code, details } = error as Partial<ServiceError>;
      if (error instanceof StatusError || code === undefined) throw error;
      if (FINAL.has(code)) throw new StatusError(code, details ?? "");
      reasons.push(`${door.address}: ${details}`);
    }
  }
  throw unavailable(reasons.length > 0 ? reasons.join("; ") : "no manager of the cluster is known");
}

async function renewAt(
  { address, credentials }: RenewalDoor,
  request: RenewalRequest,
  node: SwarmKitNode,
): Promise<IssuedCertificate> {
  const client = openChannel(grpcTarget(address), credentials, true);
  try {
    return await callUnary(client, NodeIdentityService.renew, request, { timeoutMs: CALL_TIMEOUT_MS });
  } catch (error) {
    if ((error as Partial<ServiceError>).code !== status.UNIMPLEMENTED) throw error;
    return await renewSwarmKit(client, request, node);
  } finally {
    client.close();
  }
}

/** A SwarmKit manager decides on the role by itself, and signs after a while. */
async function renewSwarmKit(
  client: Client,
  { role, csr }: RenewalRequest,
  { nodeId, rootPem }: SwarmKitNode,
): Promise<IssuedCertificate> {
  if (role === NodeRole.MANAGER)
    throw permissionDenied("a cluster of SwarmKit's managers takes no manager of tswarm in");
  const about = { role, csr, token: "", availability: 0 };
  await callUnary(client, NodeCAService.issueNodeCertificate, about, { timeoutMs: CALL_TIMEOUT_MS });
  const answer = await callUnary(
    client,
    NodeCAService.nodeCertificateStatus,
    { nodeId },
    { timeoutMs: ISSUE_TIMEOUT_MS },
  );
  const { status: issuance, certificate } = answer;
  if (issuance?.state !== Issuance.ISSUED || !certificate) {
    throw unavailable(`no certificate was signed: ${issuance?.err || "no reason is given"}`);
  }
  return { certificate: certificate.certificate, rootCa: Buffer.from(rootPem) };
}
