/** Who gets another certificate. Pure. */
import { NodeSpec_Membership as Membership } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { notFound, permissionDenied, type StatusError } from "../../api/status-error.js";
import type { StoreReader } from "../../store/reader.js";
import { isRemoved } from "./removed-nodes.js";

/** @returns why a node does not get a certificate of a role; undefined when it does */
export function renewalRefusal(read: StoreReader, nodeId: string, role: NodeRole): StatusError | undefined {
  if (isRemoved(read, nodeId)) return permissionDenied(`Permission denied: node ${nodeId} was removed from swarm`);
  const node = read.get("node", nodeId);
  if (!node) return notFound(`node ${nodeId} not found when attempting to renew certificate`);
  if (node.spec?.membership !== Membership.ACCEPTED) {
    return permissionDenied(`Permission denied: node ${nodeId} is not accepted into the swarm`);
  }
  if (role === NodeRole.MANAGER && node.spec.desiredRole !== NodeRole.MANAGER) {
    return permissionDenied(`Permission denied: the cluster does not want node ${nodeId} to be a manager`);
  }
  return undefined;
}
