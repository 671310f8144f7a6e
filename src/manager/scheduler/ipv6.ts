/** Whether a task needs IPv6 on its networks, and whether a node carries it. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";

/** tswarm's agents say by these labels that they are such, and what they do with IPv6. */
const TSWARM_LABEL = "tswarm.load-balancer";
const IPV6_LABEL = "tswarm.ipv6";

export function needsIpv6({ networks }: Task): boolean {
  return networks.some(({ network }) => network?.spec?.ipv6Enabled && !network.spec.ingress);
}

/** An agent that says nothing of IPv6 is older than it. Of engines of other kinds nothing is known. */
export function carriesIpv6({ description }: Node): boolean {
  const labels = description?.engine?.labels;
  if (labels?.[TSWARM_LABEL] === undefined) return true;
  return labels[IPV6_LABEL] !== undefined && labels[IPV6_LABEL] !== "none";
}
