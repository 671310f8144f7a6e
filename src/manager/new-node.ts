import type { Cluster, Node } from "../api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeSpec_Availability as Availability,
  NodeSpec_Membership as Membership,
} from "../api/generated/docker/swarmkit/v1/specs.js";
import type { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";

/** A node as it begins: nothing has been heard of it yet. */
export function newNode(
  id: string,
  role: NodeRole,
  cluster: Cluster | undefined,
  availability: Availability = Availability.ACTIVE,
): Node {
  return {
    id,
    meta: undefined,
    spec: {
      annotations: { name: "", labels: {}, indices: [] },
      desiredRole: role,
      membership: Membership.ACCEPTED,
      availability,
    },
    description: undefined,
    status: undefined,
    managerStatus: undefined,
    attachment: undefined,
    certificate: undefined,
    role,
    attachments: [],
    VXLANUDPPort: cluster?.VXLANUDPPort ?? 0,
  };
}
