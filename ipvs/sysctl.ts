/** Kernel settings of the network namespace that the calling thread is in: /proc/sys/net shows the thread's own namespace. */
import { readFileSync, writeFileSync } from "node:fs";
import { hasIpv6 } from "./family.js";
import type { VirtualService } from "./load-balancer.js";

/** Path below /proc/sys, value. */
export type Sysctl = readonly [path: string, value: string];

/** A virtual address is nobody's on the wire: no interface answers ARP for an address that it does not carry itself. */
const ARP_IGNORE: Sysctl = ["net/ipv4/conf/all/arp_ignore", "1"];

/** Local routes of IPv6 lead by `lo`, also in a namespace whose other interfaces have IPv6 switched off. */
const LOOPBACK_IPV6: Sysctl = ["net/ipv6/conf/lo/disable_ipv6", "0"];

/** Of both drivers. */
export function familySettings(services: readonly VirtualService[]): readonly Sysctl[] {
  return hasIpv6(services) ? [ARP_IGNORE, LOOPBACK_IPV6] : [ARP_IGNORE];
}

/**
 * Sets those that differ.
 * @returns how many were written
 * @throws Error of node:fs, with the path, for a setting that this kernel lacks or that may not be written
 */
export function setSysctls(wanted: readonly Sysctl[]): number {
  const differing = differingSysctls(wanted);
  for (const [path, value] of differing) writeFileSync(`/proc/sys/${path}`, value);
  return differing.length;
}

export function differingSysctls(wanted: readonly Sysctl[]): Sysctl[] {
  return wanted.filter(([path, value]) => readFileSync(`/proc/sys/${path}`, "utf8").trim() !== value);
}
