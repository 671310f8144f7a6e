/** Which networks this node carries IPv6 on. Pure. */
import { IPV6_MTU_MIN } from "../../../overlay/ipv6.js";
import { overlayMtu } from "../../../overlay/mtu.js";
import type { NetworkFacts } from "./network-facts.js";

/** What decides it. */
export interface Ipv6Means {
  /** The kernel speaks IPv6. */
  readonly hasIpv6: boolean;
  /** MTU of the link that carries VXLAN, bytes. */
  readonly underlayMtu: number;
}

/** @returns why the node cannot carry IPv6 on networks with this MTU option; undefined when it can */
export function ipv6Hindrance(
  { mtuOption }: Pick<NetworkFacts, "mtuOption">,
  { hasIpv6, underlayMtu }: Ipv6Means,
): string | undefined {
  if (!hasIpv6) return "its kernel has no IPv6";
  const mtu = networkMtu({ mtuOption }, underlayMtu);
  if (mtu < IPV6_MTU_MIN)
    return `an MTU of ${mtu} bytes on the overlay is too small for IPv6, which needs ${IPV6_MTU_MIN}`;
  return undefined;
}

/** The network has IPv6, and the node carries it. */
export function carriesIpv6(network: NetworkFacts, means: Ipv6Means): boolean {
  return network.gatewayPrefix6 !== undefined && ipv6Hindrance(network, means) === undefined;
}

/** MTU of a network's links, bytes. */
export function networkMtu({ mtuOption }: Pick<NetworkFacts, "mtuOption">, underlayMtu: number): number {
  return overlayMtu({ family: 4, mtu: underlayMtu }, { driverMtu: mtuOption });
}

/** What the node tells of itself: addresses of services are balanced, names stand for the tasks instead, or no IPv6 at all. */
export function ipv6Support(means: Ipv6Means & { readonly balancesIpv6: boolean }): "balanced" | "unbalanced" | "none" {
  if (ipv6Hindrance({}, means) !== undefined) return "none";
  return means.balancesIpv6 ? "balanced" : "unbalanced";
}
