/** What a new cluster begins with. */
import { createHash } from "node:crypto";
import { Network } from "../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import { newObjectId, type RandomBytes } from "../store/object-id.js";
import type { Store } from "../store/store.js";
import { type IpRange, parseRange } from "./allocator/ip-range.js";
import type { SubnetSource } from "./allocator/subnet-pool.js";
import type { NewCluster } from "./ca/new-cluster.js";
import { newNode } from "./new-node.js";

export type { ClusterDefaults } from "./ca/new-cluster.js";

const SUBNET_LENGTH = 24;
const IPV6_SUBNET_LENGTH = 64;

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
  if (!cluster) return [];
  const subnetLength = cluster.subnetSize || SUBNET_LENGTH;
  const pools = cluster.defaultAddressPool.map((text) => ({ pool: readPool(text), subnetLength }));
  return [...pools, { pool: uniqueLocalPool(cluster.id), subnetLength: IPV6_SUBNET_LENGTH }];
}

function readPool(text: string): IpRange {
  const pool = parseRange(text);
  if (pool?.family !== 4) throw new Error(`the cluster's address pool "${text}" is no IPv4 subnet`);
  return pool;
}

/** A /48 of unique local addresses (RFC 4193), whose 40 bits of global id follow from the cluster's id. */
function uniqueLocalPool(clusterId: string): IpRange {
  const globalId = createHash("sha256").update(clusterId).digest("hex").slice(0, 10);
  const prefix = `fd${globalId.slice(0, 2)}:${globalId.slice(2, 6)}:${globalId.slice(6, 10)}`;
  return parseRange(`${prefix}::/48`)!;
}
