/** Nodes that were removed: refused everywhere until their certificates have expired, and some days beyond. Pure. */
import type { Cluster, Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { timestampMs, timestampOf } from "../../api/time.js";
import { certificateFacts } from "../../security/pki/certificate-facts.js";
import type { StoreReader } from "../../store/reader.js";
import { nodeCertificateExpiryMs } from "./cluster-root.js";

/** Clocks of nodes differ, and who has one that stands still must not come back. */
const GRACE_MS = 7 * 86_400_000;

/** Cheap enough for every call. */
export function isRemoved(read: StoreReader, nodeId: string): boolean {
  const [cluster] = read.all("cluster");
  return cluster !== undefined && Object.hasOwn(cluster.blacklistedCertificates, nodeId);
}

/** The node is refused as long as any of its certificates could be valid. */
export function withRemoved(cluster: Cluster, node: Node, nowMs: number): Cluster {
  const expiry = timestampOf(Math.max(expiryOf(node), nowMs + nodeCertificateExpiryMs(cluster.spec?.caConfig)));
  const { blacklistedCertificates } = withoutExpired(cluster, nowMs);
  return { ...cluster, blacklistedCertificates: { ...blacklistedCertificates, [node.id]: { expiry } } };
}

/** @returns the same cluster when there is nothing to forget */
export function withoutExpired(cluster: Cluster, nowMs: number): Cluster {
  const entries = Object.entries(cluster.blacklistedCertificates);
  const kept = entries.filter(([, { expiry }]) => expiry === undefined || timestampMs(expiry) + GRACE_MS > nowMs);
  if (kept.length === entries.length) return cluster;
  return { ...cluster, blacklistedCertificates: Object.fromEntries(kept) };
}

/** When the next of them is to be forgotten, in milliseconds since 1970. */
export function nextForgottenMs(cluster: Cluster | undefined): number | undefined {
  let next: number | undefined;
  for (const { expiry } of Object.values(cluster?.blacklistedCertificates ?? {})) {
    if (expiry) next = Math.min(next ?? Number.POSITIVE_INFINITY, timestampMs(expiry) + GRACE_MS);
  }
  return next;
}

/** 0 where the store holds no certificate that could be read. */
function expiryOf({ certificate }: Node): number {
  if (!certificate || certificate.certificate.length === 0) return 0;
  return certificateFacts(certificate.certificate.toString())?.notAfterMs ?? 0;
}
