/**
 * A link's IPv6 settings as its message tells them (`IFLA_AF_SPEC`, `IFLA_INET6_CONF`): what /proc/sys/net/ipv6/conf shows,
 * without a file to open for each. An array of i32, by the numbers of include/uapi/linux/ipv6.h.
 */
import { AF_INET6 } from "../libc.js";
import { type Attributes, parseAttributes } from "../netlink/message-reader.js";
import * as rt from "./constants.js";

/** Name of the setting's file → its place in the array. Not all that there are. */
const PLACES = {
  accept_ra: 3,
  accept_redirects: 4,
  autoconf: 5,
  dad_transmits: 6,
  disable_ipv6: 26,
  accept_dad: 27,
  addr_gen_mode: 47,
} as const;

/** What an older kernel does not tell is absent. */
export type Ipv6Settings = Readonly<Partial<Record<keyof typeof PLACES, number>>>;

/** @returns undefined for a link without IPv6: one that is too small for it, or of a kernel without. @throws NetlinkFormatError */
export function parseIpv6Settings(attributes: Attributes): Ipv6Settings | undefined {
  const families = attributes.get(rt.IFLA_AF_SPEC);
  const own = families && parseAttributes(families).get(AF_INET6);
  const array = own && parseAttributes(own).get(rt.IFLA_INET6_CONF);
  if (!array) return undefined;
  const settings: Partial<Record<keyof typeof PLACES, number>> = {};
  for (const [name, place] of ENTRIES) {
    if (array.length >= (place + 1) * 4) settings[name] = array.readInt32LE(place * 4);
  }
  return settings;
}

const ENTRIES = Object.entries(PLACES) as readonly (readonly [keyof typeof PLACES, number])[];
