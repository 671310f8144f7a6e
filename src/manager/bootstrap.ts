/** What a new cluster begins with. */
import { Cluster, Network } from "../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import { durationOf } from "../api/time.js";
import { newObjectId, type RandomBytes } from "../store/object-id.js";
import type { Store } from "../store/store.js";
import type { Ipv4Range } from "./allocator/ipv4-range.js";
import { parseRange } from "./allocator/ipv4-range.js";
import type { SubnetSource } from "./allocator/subnet-pool.js";
import { newNode } from "./new-node.js";

export interface ClusterDefaults {
  readonly heartbeatPeriodMs: number;
  readonly dataPathPort: number;
}

const ADDRESS_POOL = "10.0.0.0/8";
const SUBNET_LENGTH = 24;
const HISTORY_LIMIT = 5;
const NODE_CERTIFICATE_EXPIRY_MS = 90 * 86_400_000;

/** Makes the cluster object, the ingress network and the first manager's node, unless the store has a cluster. */
export async function bootstrapCluster(
  store: Store,
  random: RandomBytes,
  nodeId: string,
  defaults: ClusterDefaults,
): Promise<void> {
  await store.update((tx) => {
    if (tx.all("cluster").length > 0) return;
    const cluster = Cluster.fromPartial({
      id: newObjectId(random),
      spec: {
        annotations: { name: "default" },
        orchestration: { taskHistoryRetentionLimit: HISTORY_LIMIT },
        dispatcher: { heartbeatPeriod: durationOf(defaults.heartbeatPeriodMs) },
        raft: {
          snapshotInterval: 10_000,
          keepOldSnapshots: 0,
          logEntriesForSlowFollowers: 500,
          heartbeatTick: 1,
          electionTick: 10,
        },
        caConfig: { nodeCertExpiry: durationOf(NODE_CERTIFICATE_EXPIRY_MS) },
        encryptionConfig: { autoLockManagers: false },
        taskDefaults: {},
      },
      defaultAddressPool: [ADDRESS_POOL],
      subnetSize: SUBNET_LENGTH,
      VXLANUDPPort: defaults.dataPathPort,
    });
    tx.create("cluster", cluster);
    tx.create("node", newNode(nodeId, NodeRole.MANAGER, cluster));
    const spec = { annotations: { name: "ingress" }, ingress: true, driverConfig: { name: "overlay" }, ipam: {} };
    tx.create("network", Network.fromPartial({ id: newObjectId(random), spec }));
  });
}

/** The pools that the cluster's networks are cut from. */
export function subnetSources(store: Store): readonly SubnetSource[] {
  const [cluster] = store.view((read) => read.all("cluster"));
  const pools = cluster?.defaultAddressPool ?? [];
  return pools.map((text) => ({ pool: readPool(text), subnetLength: cluster?.subnetSize || SUBNET_LENGTH }));
}

function readPool(text: string): Ipv4Range {
  const pool = parseRange(text);
  if (!pool) throw new Error(`the cluster's address pool "${text}" is no IPv4 subnet`);
  return pool;
}
