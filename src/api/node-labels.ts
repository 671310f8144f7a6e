/** The engine labels by which tswarm's agents say what they are; engines of other kinds have none of them. */
import type { NodeDescription } from "./generated/docker/swarmkit/v1/types.js";

/** Which driver balances load: ipvs, nftables or none. Every tswarm agent says it. */
export const LOAD_BALANCER_LABEL = "tswarm.load-balancer";
/** Which back-end writes the packet filter. */
export const PACKET_FILTER_LABEL = "tswarm.packet-filter";
/** balanced, unbalanced or none; agents that are older than IPv6 do not say it. */
export const IPV6_LABEL = "tswarm.ipv6";
/** The address of the node's VXLAN tunnel endpoint. */
export const TUNNEL_ADDRESS_LABEL = "tswarm.tunnel-address";

/** The node's agent is tswarm's. */
export function isTswarmAgent(description: NodeDescription | undefined): boolean {
  return description?.engine?.labels[LOAD_BALANCER_LABEL] !== undefined;
}
