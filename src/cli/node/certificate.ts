/** What a node's certificate, as the cluster issued it last, means for a person. */
import { X509Certificate } from "node:crypto";
import type { Cluster, Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { IssuanceStatus_State as Issuance } from "../../api/generated/docker/swarmkit/v1/types.js";
import { humanSpan } from "../render/time-ago.js";
import { desiredRoot, isRotating } from "../swarm/root-certificate.js";
import { hasIssuer } from "../swarm/rotation.js";

/** "": the cluster keeps no certificate of the node. */
export type CertificateState = "" | "ready" | "rotating" | "expired";

export interface NodeCertificateView {
  /** Milliseconds since 1970; undefined when there is no readable certificate. */
  readonly expiresMs: number | undefined;
  readonly state: CertificateState;
  /** `in 89 days`, `expired`, `in 89 days, rotating` */
  readonly text: string;
}

const DAY_MS = 86_400_000;

/** @param cluster tells whether nodes are to have certificates of another root */
export function nodeCertificates(cluster: Cluster | undefined, nowMs: number): (node: Node) => NodeCertificateView {
  const newRootKey = isRotating(cluster) ? desiredRoot(cluster).publicKey : undefined;
  return (node) => {
    const expiresMs = expiryOf(node);
    const status = node.certificate?.status?.state;
    const isBehind = newRootKey !== undefined && !hasIssuer(node, newRootKey);
    const rotating = isBehind || status === Issuance.ROTATE || status === Issuance.RENEW;
    if (expiresMs === undefined)
      return { expiresMs, state: rotating ? "rotating" : "", text: rotating ? "rotating" : "" };
    const leftMs = expiresMs - nowMs;
    const left = leftMs <= 0 ? "expired" : `in ${remaining(leftMs)}`;
    return {
      expiresMs,
      state: leftMs <= 0 ? "expired" : rotating ? "rotating" : "ready",
      text: rotating ? `${left}, rotating` : left,
    };
  };
}

function expiryOf({ certificate }: Node): number | undefined {
  if (!certificate || certificate.certificate.length === 0) return undefined;
  try {
    return Date.parse(new X509Certificate(certificate.certificate).validTo);
  } catch {
    return undefined;
  }
}

/** Days while there are two or more: lifetimes are set in days. */
function remaining(spanMs: number): string {
  return spanMs >= 2 * DAY_MS ? `${Math.floor(spanMs / DAY_MS)} days` : humanSpan(spanMs);
}
