/** What the store says of nodes that call. Before there is a store, certificates alone count: who joins knows no node yet. */
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { KnownNodes } from "../../security/identity.js";
import type { Store } from "../../store/store.js";

export function knownNodes(store: () => Store | undefined): KnownNodes {
  return {
    isRemoved: (nodeId) => {
      const [cluster] = store()?.view((read) => read.all("cluster")) ?? [];
      return cluster !== undefined && Object.hasOwn(cluster.blacklistedCertificates, nodeId);
    },
    isManager: (nodeId) => {
      const node = store()?.view((read) => read.get("node", nodeId));
      // While it is made a worker it is a member of the log until that has let go of it.
      return node && (node.role === NodeRole.MANAGER || node.spec?.desiredRole === NodeRole.MANAGER);
    },
  };
}
