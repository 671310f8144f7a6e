/** Wanted networks and sandboxes, worked out to the last link, address, route and entry. Pure. */
import type { NamespaceRole } from "./actual-state.js";
import { parsePrefix } from "./ipv4.js";
import { isIpv6, parsePrefix6 } from "./ipv6.js";
import { IPV6_OFF_FOR_NEW_LINKS, ipv6SettingsOf } from "./ipv6-settings.js";
import {
  type AddressObject,
  type FdbObject,
  HOST,
  type LinkObject,
  type NeighbourObject,
  type Place,
  type PortAttributes,
  type RouteObject,
  type RuleObject,
  type SysctlObject,
} from "./kernel-objects.js";
import { macFromAddress } from "./mac-address.js";
import { BRIDGE, gatewayPortName, LOOPBACK, networkNamespace, portName, sandboxNamespace, VXLAN } from "./names.js";
import type { GatewayBridge, NodeWanted, OverlayNetwork, Sandbox } from "./wanted.js";

/** The other end of a veth. */
export interface Peer {
  readonly place: Place;
  readonly link: string;
}

export interface ExpectedLink extends LinkObject {
  readonly peer?: Peer;
  /** Which sandbox it serves, for a port in a network's or the host's namespace. */
  readonly sandboxId?: string;
}

export interface ExpectedNamespace {
  readonly place: Place;
  readonly role: NamespaceRole;
  /** Of the network or the sandbox. */
  readonly id: string;
  /** Whether there is anything of IPv6 to look for. */
  readonly ipv6: boolean;
  readonly links: readonly ExpectedLink[];
  readonly addresses: readonly AddressObject[];
  readonly routes: readonly RouteObject[];
  readonly rules: readonly RuleObject[];
  readonly fdb: readonly FdbObject[];
  readonly neighbours: readonly NeighbourObject[];
  readonly sysctls: readonly SysctlObject[];
}

export interface ExpectedNode {
  readonly nodeId: string;
  readonly gatewayBridge: string;
  /** The host first, then networks, then sandboxes. */
  readonly namespaces: ReadonlyMap<Place, ExpectedNamespace>;
}

export const MAIN_TABLE = 254;
/** IP6_RT_PRIO_ADDRCONF of include/net/ip6_route.h. */
const IPV6_SUBNET_METRIC = 256;
/** Priority of the rules that lead marked packets to their table; every rule with it in a sandbox is ours. */
export const RETURN_RULE_PRIORITY = 100;

/**
 * A sandbox's port: only frames for its own, fixed MAC address and broadcasts reach it, and nothing that it sends moves an
 * entry. Unknown addresses are remote by definition, so they go to the tunnel alone.
 */
const SANDBOX_PORT: PortAttributes = { isolated: false, learning: false, unicastFlood: false, multicastFlood: true };
const TUNNEL_PORT: PortAttributes = { isolated: false, learning: false, unicastFlood: true, multicastFlood: false };
/**
 * With IPv6, neighbour solicitations, which are multicasts, have to reach the tunnel: the VXLAN device answers them. What else
 * comes this way ends there, for it has no entry for a group.
 */
const TUNNEL_PORT_IPV6: PortAttributes = { ...TUNNEL_PORT, multicastFlood: true };
/** Isolated ports do not reach each other; the host reaches them all. */
const GATEWAY_PORT: PortAttributes = { isolated: true, learning: true, unicastFlood: true, multicastFlood: true };

const PLAIN_BRIDGE = { stp: false, vlanFiltering: false, multicastSnooping: false };

/** Frames between ports of a network's bridge need no packet filter, and nothing here speaks IPv6 but what is told to. */
const NETWORK_SYSCTLS: readonly SysctlObject[] = [
  optional("net/bridge/bridge-nf-call-iptables", "0"),
  optional("net/bridge/bridge-nf-call-ip6tables", "0"),
  optional("net/bridge/bridge-nf-call-arptables", "0"),
  optional("net/ipv6/conf/all/disable_ipv6", "1"),
  optional("net/ipv6/conf/default/disable_ipv6", "1"),
];

const NETWORK_SYSCTLS_IPV6: readonly SysctlObject[] = [
  ...NETWORK_SYSCTLS,
  ...[BRIDGE, VXLAN].flatMap(ipv6SettingsOf).map(([path, value]) => exact(path, value)),
];

/**
 * Neighbours of all namespaces share one table, whose default limit of 1,024 is soon met. Only the first network namespace has
 * these settings.
 */
const NEIGHBOUR_LIMITS = neighbourLimits("ipv4");
const NEIGHBOUR_LIMITS_IPV6 = neighbourLimits("ipv6");

function neighbourLimits(family: "ipv4" | "ipv6"): readonly SysctlObject[] {
  return [
    { ...optional(`net/${family}/neigh/default/gc_thresh3`, "65536"), atLeast: true },
    { ...optional(`net/${family}/neigh/default/gc_thresh2`, "49152"), atLeast: true },
    { ...optional(`net/${family}/neigh/default/gc_thresh1`, "8192"), atLeast: true },
  ];
}

/** @param wanted a valid one, see {@link checkWanted} */
export function expectedNode(wanted: NodeWanted, nodeId: string): ExpectedNode {
  const ports = new Map<string, Sandbox[]>();
  for (const sandbox of wanted.sandboxes) {
    for (const { networkId } of sandbox.interfaces) {
      const attached = ports.get(networkId) ?? [];
      attached.push(sandbox);
      ports.set(networkId, attached);
    }
  }
  const namespaces = [
    hostNamespace(wanted, nodeId),
    ...wanted.networks.map((network) => networkNamespaceOf(network, ports.get(network.id) ?? [], nodeId)),
    ...wanted.sandboxes.map((sandbox) => sandboxNamespaceOf(sandbox, wanted, nodeId)),
  ];
  return {
    nodeId,
    gatewayBridge: wanted.gatewayBridge.name,
    namespaces: new Map(namespaces.map((namespace) => [namespace.place, namespace])),
  };
}

function hostNamespace({ gatewayBridge, networks, sandboxes }: NodeWanted, nodeId: string): ExpectedNamespace {
  const ports = sandboxes
    .filter((sandbox) => sandbox.gateway)
    .map((sandbox) => gatewayPort(sandbox, gatewayBridge, nodeId));
  return {
    place: HOST,
    role: "host",
    id: "",
    ipv6: false,
    links: [bridgeLink(gatewayBridge.name, gatewayBridge.addressPrefix, gatewayBridge.mtu), ...ports],
    addresses: [address(gatewayBridge.name, gatewayBridge.addressPrefix)],
    routes: [connectedRoute(gatewayBridge.name, gatewayBridge.addressPrefix)],
    rules: [],
    fdb: [],
    neighbours: [],
    sysctls: [
      exact("net/ipv4/ip_forward", "1"),
      ...NEIGHBOUR_LIMITS,
      ...(networks.some(({ gatewayPrefix6 }) => gatewayPrefix6 !== undefined) ? NEIGHBOUR_LIMITS_IPV6 : []),
      exact(`net/ipv4/conf/${gatewayBridge.name}/route_localnet`, "1"),
    ],
  };
}

function gatewayPort(sandbox: Sandbox, bridge: GatewayBridge, nodeId: string): ExpectedLink {
  const place = sandboxNamespace(nodeId, sandbox.id);
  return {
    kind: "link",
    name: gatewayPortName(nodeId, place),
    type: "veth",
    up: true,
    mtu: bridge.mtu,
    master: bridge.name,
    port: { ...GATEWAY_PORT, isolated: bridge.isolated ?? true },
    peer: { place, link: sandbox.gateway!.name },
    sandboxId: sandbox.id,
  };
}

function networkNamespaceOf(network: OverlayNetwork, attached: readonly Sandbox[], nodeId: string): ExpectedNamespace {
  const ports: ExpectedLink[] = [];
  const localEntries: FdbObject[] = [];
  const localAddresses = new Set<string>();
  const localAddresses6 = new Set<string>();
  const localMacs = new Set<string>();
  for (const sandbox of attached) {
    const place = sandboxNamespace(nodeId, sandbox.id);
    for (const { networkId, name, mac, addressPrefix, addressPrefix6 } of sandbox.interfaces) {
      if (networkId !== network.id) continue;
      const port = portName(place, name);
      ports.push({
        kind: "link",
        name: port,
        type: "veth",
        up: true,
        mtu: network.mtu,
        master: BRIDGE,
        port: SANDBOX_PORT,
        peer: { place, link: name },
        sandboxId: sandbox.id,
      });
      localEntries.push({ kind: "fdb", mac, link: port, table: "master", tunnel: "", fixed: true });
      localMacs.add(mac);
      localAddresses.add(bare(addressPrefix));
      if (addressPrefix6 !== undefined) localAddresses6.add(bare(addressPrefix6));
    }
  }
  // An endpoint that has just moved here may still stand in another node's rows: what runs here is the truth.
  const remotes = network.remotes.filter((remote) => !localAddresses.has(remote.address) && !localMacs.has(remote.mac));
  const { gatewayPrefix6 } = network;
  const neighbours = remotes.map(({ address: remote, mac }) => neighbour(remote, mac));
  for (const { address6, mac } of remotes) {
    if (address6 !== undefined && !localAddresses6.has(address6)) neighbours.push(neighbour(address6, mac));
  }
  return {
    place: networkNamespace(nodeId, network.id),
    role: "network",
    id: network.id,
    ipv6: gatewayPrefix6 !== undefined,
    links: [
      LOOPBACK_LINK,
      bridgeLink(BRIDGE, network.gatewayPrefix, network.mtu),
      {
        kind: "link",
        name: VXLAN,
        type: "vxlan",
        up: true,
        mtu: network.mtu,
        master: BRIDGE,
        vxlan: {
          vni: network.vni,
          port: network.vxlanPort,
          learning: false,
          proxy: true,
          l2Miss: false,
          l3Miss: false,
          underlayIsHost: true,
        },
        port: gatewayPrefix6 === undefined ? TUNNEL_PORT : TUNNEL_PORT_IPV6,
      },
      ...ports,
    ],
    addresses: [LOOPBACK_ADDRESS, ...onBridge(address, network)],
    routes: onBridge(connectedRoute, network),
    rules: [],
    fdb: [
      ...remotes.map(
        ({ mac, tunnelAddress }): FdbObject => ({
          kind: "fdb",
          mac,
          link: VXLAN,
          table: "self",
          tunnel: tunnelAddress,
          fixed: true,
        }),
      ),
      ...localEntries,
    ],
    neighbours,
    // The kernel takes neighbours of IPv6 only for a link that speaks it: the VXLAN device has to, without an address.
    sysctls: gatewayPrefix6 === undefined ? NETWORK_SYSCTLS : NETWORK_SYSCTLS_IPV6,
  };
}

function onBridge<T>(make: (link: string, prefix: string) => T, network: OverlayNetwork): readonly T[] {
  const first = make(BRIDGE, network.gatewayPrefix);
  return network.gatewayPrefix6 === undefined ? [first] : [first, make(BRIDGE, network.gatewayPrefix6)];
}

function neighbour(remote: string, mac: string): NeighbourObject {
  return { kind: "neighbour", address: remote, link: VXLAN, mac, permanent: true };
}

function sandboxNamespaceOf(sandbox: Sandbox, wanted: NodeWanted, nodeId: string): ExpectedNamespace {
  const mtuOf = new Map(wanted.networks.map(({ id, mtu }) => [id, mtu]));
  const place = sandboxNamespace(nodeId, sandbox.id);
  const links: ExpectedLink[] = [LOOPBACK_LINK];
  const addresses: AddressObject[] = [LOOPBACK_ADDRESS];
  const routes: RouteObject[] = [];
  const linksOfIpv6: string[] = [];
  for (const { networkId, name, mac, addressPrefix, addressPrefix6 } of sandbox.interfaces) {
    const peer = { place: networkNamespace(nodeId, networkId), link: portName(place, name) };
    links.push({ kind: "link", name, type: "veth", up: true, mtu: mtuOf.get(networkId), mac, master: "", peer });
    addresses.push(address(name, addressPrefix));
    routes.push(connectedRoute(name, addressPrefix));
    if (addressPrefix6 === undefined) continue;
    linksOfIpv6.push(name);
    addresses.push(address(name, addressPrefix6));
    routes.push(connectedRoute(name, addressPrefix6));
  }
  const { gateway } = sandbox;
  if (gateway) {
    const { name, addressPrefix } = gateway;
    const peer = { place: HOST, link: gatewayPortName(nodeId, place) };
    links.push({ kind: "link", name, type: "veth", up: true, mtu: wanted.gatewayBridge.mtu, master: "", peer });
    addresses.push(address(name, addressPrefix));
    routes.push(connectedRoute(name, addressPrefix));
    const via = parsePrefix(wanted.gatewayBridge.addressPrefix)!.address;
    routes.push(defaultRoute(MAIN_TABLE, name, via, gateway.sourceAddress ?? ""));
  }
  for (const { table, interfaceName, via } of sandbox.returnRoutes)
    routes.push(defaultRoute(table, interfaceName, via, ""));
  return {
    place,
    role: "sandbox",
    id: sandbox.id,
    ipv6: linksOfIpv6.length > 0,
    links,
    addresses,
    routes,
    rules: sandbox.returnRoutes.map(({ mark, mask, table }) => ({
      kind: "rule",
      priority: RETURN_RULE_PRIORITY,
      mark,
      mask,
      table,
    })),
    fdb: [],
    neighbours: [],
    sysctls: settingsOfSandbox(sandbox, linksOfIpv6),
  };
}

function settingsOfSandbox({ sysctls }: Sandbox, linksOfIpv6: readonly string[]): readonly SysctlObject[] {
  if (linksOfIpv6.length === 0) return Object.entries(sysctls).map(([path, value]) => exact(path, value));
  const settings = new Map(Object.entries({ ...IPV6_OFF_FOR_NEW_LINKS, ...sysctls }));
  for (const link of linksOfIpv6) for (const [path, value] of ipv6SettingsOf(link)) settings.set(path, value);
  return [...settings].map(([path, value]) => exact(path, value));
}

const LOOPBACK_LINK: ExpectedLink = { kind: "link", name: LOOPBACK, type: "loopback", up: true };
const LOOPBACK_ADDRESS: AddressObject = { kind: "address", link: LOOPBACK, prefix: "127.0.0.1/8" };

/** With an address of its own a bridge does not change it when ports come and go. */
function bridgeLink(name: string, prefix: string, mtu: number): ExpectedLink {
  const mac = macFromAddress(parsePrefix(prefix)!.address);
  return { kind: "link", name, type: "bridge", up: true, mtu, mac, bridge: PLAIN_BRIDGE };
}

function address(link: string, prefix: string): AddressObject {
  return { kind: "address", link, prefix };
}

/** What the kernel makes with an address: for IPv6 without a source, and with a metric of its own. */
function connectedRoute(link: string, prefix: string): RouteObject {
  if (isIpv6(prefix)) {
    const { subnet } = parsePrefix6(prefix)!;
    const base = routeBase(MAIN_TABLE, link);
    return { ...base, metric: IPV6_SUBNET_METRIC, destination: subnet, via: "", source: "", connected: true };
  }
  const { address: source, subnet } = parsePrefix(prefix)!;
  return { ...routeBase(MAIN_TABLE, link), destination: subnet, via: "", source, connected: true };
}

function defaultRoute(table: number, link: string, via: string, source: string): RouteObject {
  return { ...routeBase(table, link), destination: "0.0.0.0/0", via, source, connected: false };
}

function routeBase(table: number, link: string) {
  return { kind: "route", table, metric: 0, link, type: "unicast" } as const;
}

function exact(path: string, value: string): SysctlObject {
  return { kind: "sysctl", path, value: normalSysctl(value) };
}

function bare(prefix: string): string {
  return prefix.slice(0, prefix.indexOf("/"));
}

/** The kernel separates the numbers of one setting by tabs, people by spaces. */
export function normalSysctl(value: string): string {
  return value.trim().replace(/\s+/g, " ");
}

function optional(path: string, value: string): SysctlObject {
  return { kind: "sysctl", path, value, optional: true };
}
