import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";

/** The organizational unit of a node's certificate says its role; it is a name of the node's server as well. */
export const ORGANIZATIONAL_UNIT = {
  [NodeRole.WORKER]: "swarm-worker",
  [NodeRole.MANAGER]: "swarm-manager",
} as const;

/** The common name of a root, and a name of every manager's server. */
export const CA_NAME = "swarm-ca";

export function roleOfOrganizationalUnit(unit: string | undefined): NodeRole | undefined {
  if (unit === ORGANIZATIONAL_UNIT[NodeRole.WORKER]) return NodeRole.WORKER;
  if (unit === ORGANIZATIONAL_UNIT[NodeRole.MANAGER]) return NodeRole.MANAGER;
  return undefined;
}
