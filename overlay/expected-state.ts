/** Wanted networks and sandboxes, worked out to the last link, address, route and entry. Pure. */
import type { NamespaceRole } from "./actual-state.js";
import { parsePrefix } from "./ipv4.js";
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
/** Priority of the rules that lead marked packets to their table; every rule with it in a sandbox is ours. */
export const RETURN_RULE_PRIORITY = 100;

/**
 * A sandbox's port: only frames for its own, fixed MAC address and broadcasts reach it, and nothing that it sends moves an
 * entry. Unknown addresses are remote by definition, so they go to the tunnel alone.
 */
const SANDBOX_PORT: PortAttributes = { isolated: false, learning: false, unicastFlood: false, multicastFlood: true };
const TUNNEL_PORT: PortAttributes = { isolated: false, learning: false, unicastFlood: true, multicastFlood: false };
/** Isolated ports do not reach each other; the host reaches them all. */
const GATEWAY_PORT: PortAttributes = { isolated: true, learning: true, unicastFlood: true, multicastFlood: true };

const PLAIN_BRIDGE = { stp: false, vlanFiltering: false, multicastSnooping: false };

/** Frames between ports of a network's bridge need no packet filter, and nothing here speaks IPv6. */
const NETWORK_SYSCTLS: readonly SysctlObject[] = [
  optional("net/bridge/bridge-nf-call-iptables", "0"),
  optional("net/bridge/bridge-nf-call-ip6tables", "0"),
  optional("net/bridge/bridge-nf-call-arptables", "0"),
  optional("net/ipv6/conf/all/disable_ipv6", "1"),
  optional("net/ipv6/conf/default/disable_ipv6", "1"),
];

/**
 * Neighbours of all namespaces share one table, whose default limit of 1,024 is soon met. Only the first network namespace has
 * these settings.
 */
const NEIGHBOUR_LIMITS: readonly SysctlObject[] = [
  { ...optional("net/ipv4/neigh/default/gc_thresh3", "65536"), atLeast: true },
  { ...optional("net/ipv4/neigh/default/gc_thresh2", "49152"), atLeast: true },
  { ...optional("net/ipv4/neigh/default/gc_thresh1", "8192"), atLeast: true },
];

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

function hostNamespace({ gatewayBridge, sandboxes }: NodeWanted, nodeId: string): ExpectedNamespace {
  const ports = sandboxes
    .filter((sandbox) => sandbox.gateway)
    .map((sandbox) => gatewayPort(sandbox, gatewayBridge, nodeId));
  return {
    place: HOST,
    role: "host",
    id: "",
    links: [bridgeLink(gatewayBridge.name, gatewayBridge.addressPrefix, gatewayBridge.mtu), ...ports],
    addresses: [address(gatewayBridge.name, gatewayBridge.addressPrefix)],
    routes: [connectedRoute(gatewayBridge.name, gatewayBridge.addressPrefix)],
    rules: [],
    fdb: [],
    neighbours: [],
    sysctls: [
      exact("net/ipv4/ip_forward", "1"),
      ...NEIGHBOUR_LIMITS,
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
  const localMacs = new Set<string>();
  for (const sandbox of attached) {
    const place = sandboxNamespace(nodeId, sandbox.id);
    for (const { networkId, name, mac, addressPrefix } of sandbox.interfaces) {
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
      localAddresses.add(addressPrefix.slice(0, addressPrefix.indexOf("/")));
    }
  }
  // An endpoint that has just moved here may still stand in another node's rows: what runs here is the truth.
  const remotes = network.remotes.filter((remote) => !localAddresses.has(remote.address) && !localMacs.has(remote.mac));
  return {
    place: networkNamespace(nodeId, network.id),
    role: "network",
    id: network.id,
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
        port: TUNNEL_PORT,
      },
      ...ports,
    ],
    addresses: [LOOPBACK_ADDRESS, address(BRIDGE, network.gatewayPrefix)],
    routes: [connectedRoute(BRIDGE, network.gatewayPrefix)],
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
    neighbours: remotes.map(({ address: remote, mac }) => ({
      kind: "neighbour",
      address: remote,
      link: VXLAN,
      mac,
      permanent: true,
    })),
    sysctls: NETWORK_SYSCTLS,
  };
}

function sandboxNamespaceOf(sandbox: Sandbox, wanted: NodeWanted, nodeId: string): ExpectedNamespace {
  const mtuOf = new Map(wanted.networks.map(({ id, mtu }) => [id, mtu]));
  const place = sandboxNamespace(nodeId, sandbox.id);
  const links: ExpectedLink[] = [LOOPBACK_LINK];
  const addresses: AddressObject[] = [LOOPBACK_ADDRESS];
  const routes: RouteObject[] = [];
  for (const { networkId, name, mac, addressPrefix } of sandbox.interfaces) {
    const peer = { place: networkNamespace(nodeId, networkId), link: portName(place, name) };
    links.push({ kind: "link", name, type: "veth", up: true, mtu: mtuOf.get(networkId), mac, master: "", peer });
    addresses.push(address(name, addressPrefix));
    routes.push(connectedRoute(name, addressPrefix));
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
    sysctls: Object.entries(sandbox.sysctls).map(([path, value]) => exact(path, value)),
  };
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

function connectedRoute(link: string, prefix: string): RouteObject {
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

/** The kernel separates the numbers of one setting by tabs, people by spaces. */
export function normalSysctl(value: string): string {
  return value.trim().replace(/\s+/g, " ");
}

function optional(path: string, value: string): SysctlObject {
  return { kind: "sysctl", path, value, optional: true };
}
