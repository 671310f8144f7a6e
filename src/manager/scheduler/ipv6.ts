/** Whether a task needs IPv6 on its networks, and whether a node carries it. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { IPV6_LABEL, isTswarmAgent } from "../../api/node-labels.js";

export function needsIpv6({ networks }: Task): boolean {
  return networks.some(({ network }) => network?.spec?.ipv6Enabled && !network.spec.ingress);
}

/** An agent that says nothing of IPv6 is older than it. Of engines of other kinds nothing is known. */
export function carriesIpv6({ description }: Node): boolean {
  if (!isTswarmAgent(description)) return true;
  const support = description?.engine?.labels[IPV6_LABEL];
  return support !== undefined && support !== "none";
}
