import type {
  GetClusterRequest,
  GetClusterResponse,
  ListClustersRequest,
  ListClustersResponse,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { notFound } from "../../api/status-error.js";
import { type ControlContext, control, type Methods } from "./context.js";
import { fitsFilters } from "./filter.js";
import { checkId } from "./validation/name.js";

export function clusterMethods(context: ControlContext): Methods {
  return {
    getCluster: control(context, (request: GetClusterRequest) => getCluster(context, request)),
    listClusters: control(context, (request: ListClustersRequest) => listClusters(context, request)),
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
