/**
 * What the store keeps of a node's certificate, as SwarmKit's managers keep it. Of a tswarm node, which has two, it is its agent's. Pure.
 */
import {
  type Certificate,
  IssuanceStatus_State as Issuance,
  type NodeRole,
} from "../../api/generated/docker/swarmkit/v1/types.js";

export interface CertificateSubject {
  readonly nodeId: string;
  readonly role: NodeRole;
}

const NOTHING = Buffer.alloc(0);

export function issuedRecord({ nodeId, role }: CertificateSubject, csrPem: string, chainPem: string): Certificate {
  const status = { state: Issuance.ISSUED, err: "" };
  return { role, csr: Buffer.from(csrPem), status, certificate: Buffer.from(chainPem), cn: nodeId };
}

/** Somebody waits for it. */
export function requestedRecord({ nodeId, role }: CertificateSubject, csr: Buffer, state: Issuance): Certificate {
  return { role, csr, status: { state, err: "" }, certificate: NOTHING, cn: nodeId };
}

export function withStatus(record: Certificate, state: Issuance, err = ""): Certificate {
  return { ...record, status: { state, err } };
}

export function issuanceOf(record: Certificate | undefined): Issuance {
  return record?.status?.state ?? Issuance.UNKNOWN;
}

/** A manager is to sign it. */
export function isRequested(record: Certificate | undefined): boolean {
  const state = issuanceOf(record);
  return state === Issuance.PENDING || state === Issuance.RENEW;
}
