/** What a new cluster begins with. */
import { Network } from "../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import { newObjectId, type RandomBytes } from "../store/object-id.js";
import type { Store } from "../store/store.js";
import type { Ipv4Range } from "./allocator/ipv4-range.js";
import { parseRange } from "./allocator/ipv4-range.js";
import type { SubnetSource } from "./allocator/subnet-pool.js";
import type { NewCluster } from "./ca/new-cluster.js";
import { newNode } from "./new-node.js";

export type { ClusterDefaults } from "./ca/new-cluster.js";

const SUBNET_LENGTH = 24;

/**
 * Writes down the cluster object, the ingress network and the first manager's node, unless the store has a cluster.
 * @param begin asked only then
 */
export async function bootstrapCluster(
  store: Store,
  random: RandomBytes,
  nodeId: string,
  begin: () => NewCluster,
): Promise<void> {
  if (store.view((read) => read.all("cluster")).length > 0) return;
  const { cluster, availability } = begin();
  await store.update((tx) => {
    if (tx.all("cluster").length > 0) return;
    tx.create("cluster", cluster);
    tx.create("node", newNode(nodeId, NodeRole.MANAGER, cluster, availability));
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
