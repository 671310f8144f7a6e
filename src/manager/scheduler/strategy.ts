/**
 * How nodes are chosen among those that fit. "spread" evens out tasks of a service over its nodes; "binpack" fills one node after the
 * other: of those where the task fits, the one with the least room left, so that big tasks find empty nodes and unused nodes can be
 * switched off. Tasks without reservations take no room: without a maximum of replicas per node, all of them go to the fullest node.
 *
 * A label on the service says which, else one on the cluster, else it is "spread". Placement preferences come first with both.
 */
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Annotations } from "../../api/generated/docker/swarmkit/v1/types.js";

export type Strategy = "spread" | "binpack";

export const STRATEGY_LABEL = "tswarm.placement.strategy";

export function isStrategy(text: string): text is Strategy {
  return text === "spread" || text === "binpack";
}

/** @param service annotations of the service; what is not a strategy counts as not said */
export function strategyOf(service: Annotations | undefined, cluster: Strategy): Strategy {
  const text = service?.labels[STRATEGY_LABEL] ?? "";
  return isStrategy(text) ? text : cluster;
}

export function clusterStrategy(cluster: Cluster | undefined): Strategy {
  return strategyOf(cluster?.spec?.annotations, "spread");
}
