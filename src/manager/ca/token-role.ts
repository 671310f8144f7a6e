/** What a join token makes of whoever has it. Pure. */
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { tokenMatches } from "../../security/pki/join-token.js";

/** Takes as long for every token of a length. @returns undefined for one that is none of the cluster's */
export function roleOfToken(cluster: Cluster | undefined, token: string): NodeRole | undefined {
  const { worker = "", manager = "" } = cluster?.rootCa?.joinTokens ?? {};
  // Both are looked at, whatever the first says.
  const isWorkers = worker !== "" && tokenMatches(worker, token);
  const isManagers = manager !== "" && tokenMatches(manager, token);
  if (isManagers) return NodeRole.MANAGER;
  return isWorkers ? NodeRole.WORKER : undefined;
}
