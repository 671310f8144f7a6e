/** One namespace, from the dumps of a socket in it to objects with names for indexes. */
import { readFileSync } from "node:fs";
import { AF_INET, AF_INET6 } from "../native-bindings/libc.js";
import {
  type FdbEntry,
  type Link,
  type Neighbour,
  type Route,
  type RouteSocket,
  rt,
} from "../native-bindings/route/index.js";
import { sysctlFile } from "../netns/sysctl.js";
import type { ActualLink, ActualNamespace } from "./actual-state.js";
import { MAIN_TABLE, normalSysctl, RETURN_RULE_PRIORITY } from "./expected-state.js";
import {
  type AddressObject,
  type FdbObject,
  HOST,
  isGroupMac,
  type NeighbourObject,
  type RouteObject,
  type RuleObject,
  type SysctlObject,
} from "./kernel-objects.js";
import { isGatewayPort } from "./names.js";
import type { Look } from "./scope.js";

/** What to look for. */
export interface NamespaceView {
  readonly nodeId: string;
  readonly gatewayBridge: string;
  /** The host's namespace. */
  readonly hostFd: number;
  /** Paths of settings. */
  readonly settings: readonly string[];
  /** Whether to look for what is of IPv6: asked only where some is wanted, for each question is a dump. */
  readonly ipv6: boolean;
}

/**
 * @param socket one of the namespace that the calling thread is in
 * @throws NetlinkError, NetlinkTransportError, the error of reading a setting
 */
export function lookInside(socket: RouteSocket, look: Look, view: NamespaceView): ActualNamespace {
  const { place, role, coverage } = look;
  const raw = findLinks(socket, look, view);
  const nameOf = new Map(raw.map(({ index, name }) => [index, name]));
  const hostId = raw.some(({ kind, linkNamespaceId }) => kind === "vxlan" && linkNamespaceId !== undefined)
    ? socket.namespaceId(view.hostFd)
    : undefined;
  const links = new Map(raw.map((link) => [link.name, toLink(link, nameOf, hostId)]));
  const devices = raw.filter(({ kind, name }) => kind === "vxlan" && covers(coverage.entries, name));
  const families = view.ipv6 ? BOTH_FAMILIES : IPV4_ALONE;
  const routed = place === HOST ? raw.filter(({ name }) => name === view.gatewayBridge) : raw;
  return {
    place,
    role,
    coverage,
    links,
    addresses: coverage.routing ? families.flatMap((family) => findAddresses(socket, routed, family)) : [],
    routes: coverage.routing ? families.flatMap((family) => findRoutes(socket, routed, place === HOST, family)) : [],
    rules: coverage.routing && place !== HOST ? findRules(socket) : [],
    fdb: role === "network" ? findFdb(socket, raw, look) : [],
    neighbours: role === "network" ? devices.flatMap((device) => findNeighbours(socket, device, families)) : [],
    sysctls: coverage.sysctls ? findSettings(view.settings, raw) : [],
  };
}

const IPV4_ALONE: readonly number[] = [AF_INET];
const BOTH_FAMILIES: readonly number[] = [AF_INET, AF_INET6];

function covers(names: "all" | ReadonlySet<string>, name: string): boolean {
  return names === "all" || names.has(name);
}

function findLinks(socket: RouteSocket, { place, coverage }: Look, view: NamespaceView): readonly Link[] {
  const { links } = coverage;
  if (links !== "all") return [...links].flatMap((name) => socket.link({ name }) ?? []);
  const all = socket.links({ ipv6: view.ipv6 });
  if (place !== HOST) return all;
  return all.filter(({ name }) => name === view.gatewayBridge || isGatewayPort(view.nodeId, name));
}

function toLink(link: Link, nameOf: ReadonlyMap<number, string>, hostId: number | undefined): ActualLink {
  const { name, index, kind, up, mtu, mac, master, peerIndex, bridge, vxlan, port, linkNamespaceId } = link;
  return {
    kind: "link",
    name,
    type: kind,
    index,
    up,
    mtu,
    mac,
    master: master === 0 ? "" : (nameOf.get(master) ?? `link ${master}`),
    peerIndex: kind === "veth" ? peerIndex : 0,
    // A kernel without a feature does not tell of it, and behaves as if it were off.
    ...(bridge && {
      bridge: {
        stp: bridge.stp ?? false,
        vlanFiltering: bridge.vlanFiltering ?? false,
        multicastSnooping: bridge.multicastSnooping ?? false,
      },
    }),
    ...(vxlan && {
      vxlan: {
        vni: vxlan.vni ?? 0,
        port: vxlan.port ?? 0,
        learning: vxlan.learning ?? false,
        proxy: vxlan.proxy ?? false,
        l2Miss: vxlan.l2Miss ?? false,
        l3Miss: vxlan.l3Miss ?? false,
        underlayIsHost: linkNamespaceId !== undefined && linkNamespaceId >= 0 && linkNamespaceId === hostId,
      },
    }),
    ...(port && {
      port: {
        isolated: port.isolated ?? false,
        learning: port.learning ?? false,
        unicastFlood: port.unicastFlood ?? false,
        multicastFlood: port.multicastFlood ?? false,
      },
    }),
  };
}

function findAddresses(socket: RouteSocket, links: readonly Link[], family: number): readonly AddressObject[] {
  const nameOf = new Map(links.map(({ index, name }) => [index, name]));
  const only = links.length === 1 ? { family, linkIndex: links[0]!.index } : { family };
  if (links.length === 0) return [];
  return socket.addresses(only).flatMap(({ linkIndex, address, prefixLength }) => {
    const link = nameOf.get(linkIndex);
    return link === undefined ? [] : [{ kind: "address" as const, link, prefix: `${address}/${prefixLength}` }];
  });
}

function findRoutes(
  socket: RouteSocket,
  links: readonly Link[],
  onHost: boolean,
  family: number,
): readonly RouteObject[] {
  const nameOf = new Map(links.map(({ index, name }) => [index, name]));
  if (onHost && links.length === 0) return [];
  const found = socket.routes({
    family,
    ...(onHost ? { linkIndex: links[0]!.index, table: MAIN_TABLE } : {}),
  });
  return found.filter(({ table }) => table !== rt.RT_TABLE_LOCAL).map((route) => toRoute(route, nameOf));
}

function toRoute(route: Route, nameOf: ReadonlyMap<number, string>): RouteObject {
  const { destination, table, type, linkIndex, gateway, preferredSource, priority, protocol, nextHops } = route;
  return {
    kind: "route",
    table: table ?? MAIN_TABLE,
    destination,
    metric: priority ?? 0,
    link: linkIndex === undefined ? "" : (nameOf.get(linkIndex) ?? `link ${linkIndex}`),
    type: type ?? "unicast",
    via: nextHops ? "several" : (gateway ?? ""),
    source: preferredSource ?? "",
    connected: protocol === rt.RTPROT_KERNEL && gateway === undefined,
  };
}

/** Only those with our priority that choose by mark alone: the kernel's own and others' are not told. */
function findRules(socket: RouteSocket): readonly RuleObject[] {
  return socket.rules().flatMap((rule) => {
    const { priority, mark, mask, table, source, destination, incomingLink, outgoingLink } = rule;
    const byMark = [source, destination, incomingLink, outgoingLink].every((selector) => selector === undefined);
    if (priority !== RETURN_RULE_PRIORITY || mark === undefined || !byMark) return [];
    return [{ kind: "rule" as const, priority, mark, mask: mask ?? 0xffffffff, table: table ?? 0 }];
  });
}

function findFdb(socket: RouteSocket, links: readonly Link[], { coverage }: Look): readonly FdbObject[] {
  const byIndex = new Map(links.map((link) => [link.index, link]));
  const covered = links.filter(({ name }) => covers(coverage.entries, name));
  const entries =
    coverage.entries === "all" ? socket.fdb() : covered.flatMap(({ index }) => socket.fdb({ linkIndex: index }));
  return entries.flatMap((entry) => toFdb(entry, byIndex.get(entry.linkIndex)) ?? []);
}

/**
 * Left out are a bridge's entries for its ports' own addresses, for VLANs (which it does not filter), and the addresses that
 * devices other than VXLAN list for themselves.
 */
function toFdb(entry: FdbEntry, link: Link | undefined): FdbObject | undefined {
  if (!link) return undefined;
  const { mac, state = 0, flags = 0 } = entry;
  if ((flags & rt.NTF_SELF) !== 0) {
    if (link.kind !== "vxlan") return undefined;
    const fixed = (state & (rt.NUD_PERMANENT | rt.NUD_NOARP)) !== 0;
    return { kind: "fdb", mac, link: link.name, table: "self", tunnel: tunnelOf(entry), fixed };
  }
  if (link.master === 0 || entry.vlan !== undefined || (state & rt.NUD_PERMANENT) !== 0) return undefined;
  return { kind: "fdb", mac, link: link.name, table: "master", tunnel: "", fixed: (state & rt.NUD_NOARP) !== 0 };
}

/** The other node's address, with what differs from the device's own port and VNI. */
function tunnelOf({ tunnelAddress, tunnelPort, vni, tunnelLinkIndex }: FdbEntry): string {
  const port = tunnelPort === undefined ? "" : ` port ${tunnelPort}`;
  const network = vni === undefined ? "" : ` vni ${vni}`;
  return `${tunnelAddress ?? ""}${port}${network}${tunnelLinkIndex === undefined ? "" : ` via ${tunnelLinkIndex}`}`;
}

function findNeighbours(socket: RouteSocket, device: Link, families: readonly number[]): readonly NeighbourObject[] {
  return families
    .flatMap((family) => socket.neighbours({ family, linkIndex: device.index }))
    .flatMap((neighbour) => toNeighbour(neighbour, device) ?? []);
}

/** Left out are the entries that the kernel makes for group addresses. */
function toNeighbour({ address, mac, state = 0 }: Neighbour, device: Link): NeighbourObject | undefined {
  if ((state & rt.NUD_NOARP) !== 0 || (mac !== undefined && mac !== "" && isGroupMac(mac))) return undefined;
  const permanent = (state & rt.NUD_PERMANENT) !== 0;
  return { kind: "neighbour", address, link: device.name, mac: mac ?? "", permanent };
}

/** A link's IPv6 settings came with the link; the others are files. */
function findSettings(paths: readonly string[], links: readonly Link[]): readonly SysctlObject[] {
  const told = new Map<string, number>();
  for (const { name, ipv6 } of links) {
    for (const [setting, value] of Object.entries(ipv6 ?? {})) told.set(`net/ipv6/conf/${name}/${setting}`, value);
  }
  return paths.map((path) => {
    const value = told.get(path);
    return value === undefined ? readSetting(path) : { kind: "sysctl", path, value: String(value) };
  });
}

function readSetting(path: string): SysctlObject {
  try {
    return { kind: "sysctl", path, value: normalSysctl(readFileSync(sysctlFile(path), "utf8")) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { kind: "sysctl", path, value: undefined };
    throw error;
  }
}
