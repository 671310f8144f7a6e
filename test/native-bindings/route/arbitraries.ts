/** Random objects of rtnetlink, in the form in which the kernel would tell them: every field that it always tells is there. */
import fc from "fast-check";
import { AF_INET, AF_INET6 } from "../../../native-bindings/libc.js";
import type { Address } from "../../../native-bindings/route/address.js";
import type { BridgeOptions, BridgePortOptions } from "../../../native-bindings/route/bridge.js";
import type { FdbEntry } from "../../../native-bindings/route/fdb.js";
import type { LinkSpec, NewLink } from "../../../native-bindings/route/link.js";
import type { Neighbour } from "../../../native-bindings/route/neighbour.js";
import type { NextHop, Route } from "../../../native-bindings/route/route.js";
import type { Rule } from "../../../native-bindings/route/rule.js";
import type { VxlanOptions } from "../../../native-bindings/route/vxlan.js";

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const index = fc.integer({ min: 1, max: 0x7fffffff });
const flag = fc.boolean();
const centiseconds = fc.nat(0xffffffff).map((count) => count * 10);
export const ipv4 = fc.ipV4();
export const ipv6 = fc.constantFrom("::", "::1", "fe80::1", "2001:db8::1:0:0:1", "fd00:1:2:3:4:5:6:7");
export const mac = fc
  .array(u8, { minLength: 6, maxLength: 6 })
  .map((bytes) => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":"));
const linkName = fc.string({ unit: fc.constantFrom(..."abz09_-."), minLength: 1, maxLength: 15 });

/** An object with any of the fields. */
function some<T extends object>(fields: { [K in keyof T]-?: fc.Arbitrary<NonNullable<T[K]>> }): fc.Arbitrary<T> {
  return fc.record(fields, { requiredKeys: [] }) as unknown as fc.Arbitrary<T>;
}

export const bridgeOptions: fc.Arbitrary<BridgeOptions> = some<BridgeOptions>({
  forwardDelayMs: centiseconds,
  ageingMs: centiseconds,
  stp: flag,
  priority: u16,
  vlanFiltering: flag,
  groupForwardMask: u16,
  multicastRouter: u8,
  multicastSnooping: flag,
  multicastQuerier: flag,
  callIptables: flag,
  callIp6tables: flag,
  callArptables: flag,
  vlanDefaultPvid: u16,
});

export const bridgePortOptions: fc.Arbitrary<BridgePortOptions> = some<BridgePortOptions>({
  state: u8,
  priority: u16,
  cost: u32,
  hairpin: flag,
  guard: flag,
  learning: flag,
  unicastFlood: flag,
  proxyArp: flag,
  multicastFlood: flag,
  broadcastFlood: flag,
  neighbourSuppress: flag,
  isolated: flag,
});

const vxlanOptions: fc.Arbitrary<VxlanOptions> = some<VxlanOptions>({
  vni: fc.nat(0xffffff),
  remote: ipv4,
  remote6: ipv6,
  lowerIndex: index,
  local: ipv4,
  local6: ipv6,
  ttl: u8,
  tos: u8,
  learning: flag,
  ageingSeconds: u32,
  limit: u32,
  sourcePorts: fc.record({ low: u16, high: u16 }),
  proxy: flag,
  routeShortCircuit: flag,
  l2Miss: flag,
  l3Miss: flag,
  port: u16,
  udpChecksum: flag,
  udpZeroChecksum6Tx: flag,
  udpZeroChecksum6Rx: flag,
  // False is not written: the kernel knows the attribute as one that is there or not.
  groupPolicy: fc.constant(true),
  collectMetadata: flag,
  dontFragment: u8,
  vniFilter: flag,
});

const newLink: fc.Arbitrary<NewLink> = fc.record(
  {
    name: linkName,
    index,
    mtu: u32,
    mac,
    master: index,
    transmitQueueLength: u32,
    up: flag,
    linkNamespaceId: fc.nat(1000),
  },
  { requiredKeys: ["name"] },
);

export const linkSpec: fc.Arbitrary<LinkSpec> = fc.oneof(
  fc.tuple(newLink, bridgeOptions).map(([end, bridge]) => ({ ...end, kind: "bridge" as const, bridge })),
  fc
    .tuple(newLink, vxlanOptions, fc.nat(0xffffff))
    .map(([end, vxlan, vni]) => ({ ...end, kind: "vxlan" as const, vxlan: { ...vxlan, vni } })),
  fc
    .tuple(newLink, newLink)
    .map(([end, { up: _up, master: _master, ...peer }]) => ({ ...end, kind: "veth" as const, peer })),
  newLink.map((end) => ({ ...end, kind: "dummy" as const })),
);

/** IPv4 or IPv6 with the longest prefix. */
const addressOfFamily = fc.oneof(
  ipv4.map((address) => [address, 32] as const),
  ipv6.map((address) => [address, 128] as const),
);

export const address: fc.Arbitrary<Address> = addressOfFamily.chain(([text, bits]) => {
  const other = bits === 32 ? ipv4 : ipv6;
  return fc.record(
    {
      linkIndex: index,
      address: fc.constant(text),
      prefixLength: fc.nat(bits),
      peer: other.filter((peer) => peer !== text),
      broadcast: other,
      scope: u8,
      flags: fc.oneof(u8, u32),
      label: linkName,
    },
    { requiredKeys: ["linkIndex", "address", "prefixLength", "scope", "flags"] },
  );
});

/** Prefixes as the kernel tells them: a length of 0 leaves no address over. */
const prefix = addressOfFamily.chain(([text, bits]) =>
  fc.nat(bits).map((length) => `${length === 0 ? (bits === 32 ? "0.0.0.0" : "::") : text}/${length}`),
);

const nextHop = (ipv6Route: boolean): fc.Arbitrary<NextHop> =>
  fc.record(
    { linkIndex: index, gateway: ipv6Route ? ipv6 : ipv4, weight: fc.integer({ min: 1, max: 256 }), flags: u8 },
    { requiredKeys: ["linkIndex", "weight", "flags"] },
  );

export const route: fc.Arbitrary<Route> = prefix.chain((destination) => {
  const ipv6Route = destination.includes(":");
  const other = ipv6Route ? ipv6 : ipv4;
  return fc.record(
    {
      destination: fc.constant(destination),
      type: fc.constantFrom("unicast", "local", "blackhole", "unreachable", "prohibit", "broadcast"),
      table: fc.oneof(fc.nat(255), u32),
      protocol: u8,
      scope: u8,
      linkIndex: index,
      gateway: other,
      preferredSource: other,
      priority: u32,
      mtu: u32,
      flags: u32,
      nextHops: fc.array(nextHop(ipv6Route), { maxLength: 4 }),
    },
    { requiredKeys: ["destination", "type", "table", "protocol", "scope", "flags"] },
  );
});

export const rule: fc.Arbitrary<Rule> = fc.boolean().chain((ipv6Rule) => {
  const ofFamily = prefix.filter((text) => text.includes(":") === ipv6Rule && !text.endsWith("/0"));
  return fc.record(
    {
      family: fc.constant(ipv6Rule ? AF_INET6 : AF_INET),
      action: fc.constantFrom("lookup", "blackhole", "unreachable", "prohibit", "nop"),
      priority: u32,
      table: fc.oneof(fc.nat(255), u32),
      mark: u32,
      mask: u32,
      source: ofFamily,
      destination: ofFamily,
      incomingLink: linkName,
      outgoingLink: linkName,
      invert: flag,
      protocol: u8,
    },
    { requiredKeys: ["family", "action", "table", "invert"] },
  );
});

export const neighbour: fc.Arbitrary<Neighbour> = fc.record(
  { linkIndex: index, address: fc.oneof(ipv4, ipv6), mac, state: u16, flags: u8 },
  { requiredKeys: ["linkIndex", "address", "state", "flags"] },
);

export const fdbEntry: fc.Arbitrary<FdbEntry> = fc.record(
  {
    linkIndex: index,
    mac,
    state: u16,
    flags: u8,
    tunnelAddress: fc.oneof(ipv4, ipv6),
    tunnelPort: u16,
    vni: u32,
    tunnelLinkIndex: index,
    vlan: u16,
    sourceVni: u32,
    master: index,
  },
  { requiredKeys: ["linkIndex", "mac", "state", "flags"] },
);
