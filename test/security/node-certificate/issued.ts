/** Certificates of nodes as managers give them. */
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { NodeCertificate } from "../../../src/security/node-certificate/node-certificate.js";
import type { CertificateAuthority } from "../../../src/security/pki/certified-key.js";
import { makeCsr } from "../../../src/security/pki/csr.js";
import { issueCertificate } from "../../../src/security/pki/issue.js";

export const START_MS = Date.UTC(2026, 0, 1);
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export interface Issue {
  readonly ca: CertificateAuthority;
  readonly nodeId?: string;
  readonly clusterId?: string;
  readonly role?: NodeRole;
  readonly nowMs?: number;
  readonly validMs?: number;
}

export function answerTo(csrPem: string, { ca, nowMs = START_MS, validMs = 90 * DAY_MS, ...who }: Issue): string {
  return issueCertificate({
    nodeId: "node1",
    clusterId: "cluster1",
    role: NodeRole.WORKER,
    ...who,
    ca,
    csr: csrPem,
    notBeforeMs: nowMs - HOUR_MS,
    notAfterMs: nowMs + validMs,
  });
}

export function issued(issue: Issue): NodeCertificate {
  const { csrPem, keyPem } = makeCsr();
  return { certificatePem: answerTo(csrPem, issue), keyPem, rootPem: issue.ca.certificatePem };
}
