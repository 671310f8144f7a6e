import type {
  GetClusterRequest,
  GetClusterResponse,
  ListClustersRequest,
  ListClustersResponse,
  UpdateClusterRequest,
  UpdateClusterResponse,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { failedPrecondition, invalidArgument, notFound, unimplemented } from "../../api/status-error.js";
import { unlockKeyOf, withNewUnlockKey, withoutUnlockKey } from "../autolock/cluster-key.js";
import { checkClusterSpec } from "./cluster-spec.js";
import { atVersion, type ControlContext, control, type Methods } from "./context.js";
import { fitsFilters } from "./filter.js";
import { checkId } from "./validation/name.js";

export function clusterMethods(context: ControlContext): Methods {
  return {
    getCluster: control(context, (request: GetClusterRequest) => getCluster(context, request)),
    listClusters: control(context, (request: ListClustersRequest) => listClusters(context, request)),
    updateCluster: control(context, (request: UpdateClusterRequest) => updateCluster(context, request)),
  };
}

function getCluster({ store }: ControlContext, { clusterId }: GetClusterRequest): GetClusterResponse {
  checkId("cluster", clusterId);
  const cluster = store.view((read) => read.get("cluster", clusterId));
  if (!cluster) throw notFound(`cluster ${clusterId} not found`);
  return { cluster: withoutKeys(cluster) };
}

function listClusters({ store }: ControlContext, { filters }: ListClustersRequest): ListClustersResponse {
  const clusters = store.view((read) => read.all("cluster"));
  return {
    clusters: clusters
      .filter(({ id, spec }) =>
        fitsFilters(filters, { id, name: spec?.annotations?.name ?? "", labels: spec?.annotations?.labels ?? {} }),
      )
      .map(withoutKeys),
  };
}

async function updateCluster(
  { store, random }: ControlContext,
  { clusterId, clusterVersion, spec, rotation }: UpdateClusterRequest,
): Promise<UpdateClusterResponse> {
  checkId("cluster", clusterId);
  if (!spec) throw invalidArgument("invalid argument: the specification of the cluster is missing");
  if (rotation?.workerJoinToken || rotation?.managerJoinToken) {
    throw unimplemented("join tokens are not available in this version of tswarm");
  }
  await store.update((tx) => {
    const cluster = tx.get("cluster", clusterId);
    if (!cluster) throw notFound(`cluster ${clusterId} not found`);
    checkClusterSpec(spec, cluster.spec);
    const isLocked = spec.encryptionConfig?.autoLockManagers ?? false;
    if (rotation?.managerUnlockKey && !isLocked) {
      throw failedPrecondition("there is no unlock key to rotate: autolock is off");
    }
    const caConfig = spec.caConfig && { ...spec.caConfig, signingCaKey: cluster.spec?.caConfig?.signingCaKey };
    const updated: Cluster = {
      ...atVersion(cluster, clusterVersion),
      spec: { ...spec, caConfig } as Cluster["spec"],
    };
    const needsKey = rotation?.managerUnlockKey || unlockKeyOf(cluster) === undefined;
    if (!isLocked) tx.update("cluster", withoutUnlockKey(updated));
    else tx.update("cluster", needsKey ? withNewUnlockKey(updated, random) : updated);
  });
  const cluster = store.view((read) => read.get("cluster", clusterId));
  return { cluster: cluster && withoutKeys(cluster) };
}

/** Keys never leave the managers. */
function withoutKeys(cluster: Cluster): Cluster {
  const none = Buffer.alloc(0);
  const { rootCa, spec } = cluster;
  return {
    ...cluster,
    unlockKeys: [],
    networkBootstrapKeys: [],
    rootCa: rootCa && { ...rootCa, caKey: none },
    spec: spec && { ...spec, caConfig: spec.caConfig && { ...spec.caConfig, signingCaKey: none } },
  };
}
