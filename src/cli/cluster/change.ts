import { ControlService, type KeyRotation } from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ClusterSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import type { Connection } from "../connection.js";
import { CommandError } from "../failure.js";
import { theCluster } from "../objects.js";
import { untilFresh } from "../until-fresh.js";

const NO_ROTATION: KeyRotation = { workerJoinToken: false, managerJoinToken: false, managerUnlockKey: false };

/** The manager that answers may not know the change yet, when another one leads: what comes after goes by {@link after}. */
export interface ClusterChange {
  readonly before: Cluster;
  readonly after: Cluster;
}

/** Changes the cluster as it is at this moment. */
export async function changeCluster(
  connection: Connection,
  change: (spec: ClusterSpec) => ClusterSpec,
  rotation: Partial<KeyRotation> = {},
): Promise<ClusterChange> {
  const cluster = await theCluster(connection);
  return untilFresh("the cluster", cluster, {
    async write(current) {
      if (current.spec === undefined) throw new CommandError("the cluster has no specification to change");
      const { cluster: after } = await connection.call(ControlService.updateCluster, {
        clusterId: current.id,
        clusterVersion: current.meta?.version,
        spec: change(current.spec),
        rotation: { ...NO_ROTATION, ...rotation },
      });
      return { before: current, after: after ?? (await theCluster(connection)) };
    },
    reread: () => theCluster(connection),
  });
}
