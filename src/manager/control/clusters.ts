import type {
  GetClusterRequest,
  GetClusterResponse,
  KeyRotation,
  ListClustersRequest,
  ListClustersResponse,
  UpdateClusterRequest,
  UpdateClusterResponse,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ClusterSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import type { RootCA } from "../../api/generated/docker/swarmkit/v1/types.js";
import { failedPrecondition, invalidArgument, notFound } from "../../api/status-error.js";
import { versionOf } from "../../store/change.js";
import { StoreError } from "../../store/errors.js";
import type { RandomBytes } from "../../store/object-id.js";
import { unlockKeyOf, withNewUnlockKey, withoutUnlockKey } from "../autolock/cluster-key.js";
import { freshTokens } from "../ca/cluster-root.js";
import { withoutExpired } from "../ca/removed-nodes.js";
import { desiredRoot } from "../ca/rotation/desired-root.js";
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
  context: ControlContext,
  { clusterId, clusterVersion, spec, rotation }: UpdateClusterRequest,
): Promise<UpdateClusterResponse> {
  const { store, clock, random } = context;
  checkId("cluster", clusterId);
  if (!spec) throw invalidArgument("invalid argument: the specification of the cluster is missing");
  const before = store.view((read) => read.get("cluster", clusterId));
  if (!before) throw notFound(`cluster ${clusterId} not found`);
  checkClusterSpec(spec, before.spec);
  if (rotation?.managerUnlockKey && !spec.encryptionConfig?.autoLockManagers) {
    throw failedPrecondition("there is no unlock key to rotate: autolock is off");
  }
  const rootCa = await rootFor(context, atVersion(before, clusterVersion), before, spec);
  await store.update((tx) => {
    const cluster = tx.get("cluster", clusterId);
    if (!cluster) throw notFound(`cluster ${clusterId} not found`);
    // At the version that the client has seen: what was decided about the root above stands on that too.
    const updated = withoutExpired(atVersion(cluster, clusterVersion), clock.now());
    const rooted = { ...updated, rootCa: withTokens(rootCa, rotation), spec: withoutRoot(spec) };
    tx.update("cluster", withUnlockKey(rooted, cluster, rotation, random));
  });
  const cluster = store.view((read) => read.get("cluster", clusterId));
  return { cluster: cluster && withoutKeys(cluster) };
}

/** @param seen with the version that the client has seen @throws StoreError out-of-sequence before anybody is asked to sign anything */
async function rootFor(
  { clock, authorities, log }: ControlContext,
  seen: Cluster,
  cluster: Cluster,
  { caConfig }: ClusterSpec,
): Promise<RootCA | undefined> {
  if (versionOf(seen) !== versionOf(cluster)) throw new StoreError("out-of-sequence", "cluster", cluster.id);
  if (!caConfig || !cluster.rootCa) return cluster.rootCa;
  return desiredRoot({ cluster, config: caConfig, nowMs: clock.now(), authorities, log });
}

function withTokens(rootCa: RootCA | undefined, rotation: KeyRotation | undefined): RootCA | undefined {
  if (!rootCa || !(rotation?.workerJoinToken || rotation?.managerJoinToken)) return rootCa;
  const fresh = freshTokens(rootCa.caCert.toString());
  const { worker, manager } = rootCa.joinTokens ?? fresh;
  return {
    ...rootCa,
    joinTokens: {
      worker: rotation.workerJoinToken ? fresh.worker : worker,
      manager: rotation.managerJoinToken ? fresh.manager : manager,
    },
  };
}

function withUnlockKey(
  updated: Cluster,
  before: Cluster,
  rotation: KeyRotation | undefined,
  random: RandomBytes,
): Cluster {
  if (!updated.spec?.encryptionConfig?.autoLockManagers) return withoutUnlockKey(updated);
  const needsKey = rotation?.managerUnlockKey || unlockKeyOf(before) === undefined;
  return needsKey ? withNewUnlockKey(updated, random) : updated;
}

/**
 * A root that was asked for has its own place in the cluster. Left in the settings it would be asked for again by everybody who changes
 * something else.
 */
function withoutRoot(spec: ClusterSpec): ClusterSpec {
  const none = Buffer.alloc(0);
  return { ...spec, caConfig: spec.caConfig && { ...spec.caConfig, signingCaCert: none, signingCaKey: none } };
}

/** Keys never leave the managers. */
function withoutKeys(cluster: Cluster): Cluster {
  const none = Buffer.alloc(0);
  const { rootCa, spec } = cluster;
  const rootRotation = rootCa?.rootRotation && { ...rootCa.rootRotation, caKey: none };
  return {
    ...cluster,
    unlockKeys: [],
    networkBootstrapKeys: [],
    rootCa: rootCa && { ...rootCa, caKey: none, rootRotation },
    spec: spec && withoutRoot(spec),
  };
}
