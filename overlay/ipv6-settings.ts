/**
 * How the kernel's IPv6 is kept to what the overlays need: on only for the links that have an address of a network's IPv6
 * subnet, and there without anything that a link works out, asks or believes by itself.
 */

/**
 * Of a namespace: a link that comes into it speaks no IPv6 until it is told to. Sandboxes with IPv6 need this as much as
 * those without; expectedNode adds it to those with IPv6 where Sandbox.sysctls does not have it.
 */
export const IPV6_OFF_FOR_NEW_LINKS: Readonly<Record<string, string>> = {
  "net/ipv6/conf/default/disable_ipv6": "1",
};

/**
 * Of a link with an IPv6 address, by name, in the order of writing: the switch comes last, when the rest stands. expectedNode
 * adds them; nobody else needs to.
 */
const LINK_SETTINGS: readonly (readonly [name: string, value: string])[] = [
  // No link-local address: it would be one that no table of the cluster knows.
  ["addr_gen_mode", "1"],
  ["accept_ra", "0"],
  ["autoconf", "0"],
  ["accept_redirects", "0"],
  // The manager gives each address once; to ask around costs a second each time.
  ["dad_transmits", "0"],
  ["accept_dad", "0"],
  ["disable_ipv6", "0"],
];

/** @returns path below /proc/sys → value */
export function ipv6SettingsOf(link: string): readonly (readonly [path: string, value: string])[] {
  return LINK_SETTINGS.map(([name, value]) => [`net/ipv6/conf/${link}/${name}`, value]);
}
