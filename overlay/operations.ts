/** Steps as netlink operations. A step of a link, an address or an entry becomes one to four of them. */
import {
  type Address,
  addRule,
  deleteAddress,
  deleteFdbEntry,
  deleteLink,
  deleteNeighbour,
  deleteRoute,
  deleteRule,
  type Route,
  type RouteOperation,
  type RouteType,
  replaceAddress,
  replaceFdbEntry,
  replaceNeighbour,
  replaceRoute,
  rt,
  setBridgePort,
  setLink,
  splitPrefix,
} from "../native-bindings/route/index.js";
import { isIpv6 } from "./ipv6.js";
import {
  type AddressObject,
  type FdbObject,
  isGroupMac,
  type NeighbourObject,
  type RouteObject,
} from "./kernel-objects.js";
import { LOOPBACK } from "./names.js";
import type { Step } from "./steps.js";

/** Steps that need no more than a socket of their namespace, and can travel with others. */
export type SocketStep = Exclude<
  Step,
  {
    readonly kind:
      | "create-namespace"
      | "remove-namespace"
      | "create-bridge"
      | "create-vxlan"
      | "create-veth"
      | "set-sysctl";
  }
>;

/**
 * @param indexOf the index of a link of the step's namespace
 * @throws what `indexOf` throws for a link that does not exist
 */
export function operationsOf(step: SocketStep, indexOf: (link: string) => number): readonly RouteOperation[] {
  switch (step.kind) {
    case "set-link":
      return setLinkOperations(step, indexOf);
    case "remove-link":
      return [deleteLink({ name: step.link })];
    case "replace-address":
      return [replaceAddress(addressOf(step.object, indexOf))];
    case "remove-address":
      return [deleteAddress(addressOf(step.object, indexOf))];
    case "replace-route":
      return [replaceRoute(routeOf(step.object, indexOf))];
    case "remove-route":
      return [deleteRoute(anyRouteLike(step.object, indexOf))];
    case "add-rule":
      return [addRule(step.object)];
    case "remove-rule": {
      const { priority, mark, mask, table } = step.object;
      return [deleteRule({ priority, mark, mask, table })];
    }
    case "replace-fdb":
      return [replaceFdbEntry({ ...fdbOf(step.object, indexOf), tunnelAddress: step.object.tunnel || undefined })];
    case "remove-fdb":
      return [deleteFdbEntry({ ...fdbOf(step.object, indexOf), ...oneOfGroup(step.object) })];
    case "replace-neighbour":
      return [replaceNeighbour(neighbourOf(step.object, indexOf))];
    case "remove-neighbour":
      return [deleteNeighbour(neighbourOf(step.object, indexOf))];
  }
}

/** A port is up last, when its bridge knows how to treat it. */
function setLinkOperations(
  { link, change }: Extract<SocketStep, { readonly kind: "set-link" }>,
  indexOf: (link: string) => number,
): readonly RouteOperation[] {
  const { mtu, mac, bridge, master, port, up } = change;
  const id = { name: link };
  const operations: RouteOperation[] = [];
  if (mtu !== undefined || mac !== undefined || bridge) {
    operations.push(
      setLink(id, { ...(mtu === undefined ? {} : { mtu }), ...(mac === undefined ? {} : { mac }), bridge }),
    );
  }
  if (master !== undefined) operations.push(setLink(id, { master: master === "" ? 0 : indexOf(master) }));
  if (port) operations.push(setBridgePort(indexOf(link), port));
  if (up !== undefined) operations.push(setLink(id, { up }));
  return operations;
}

function addressOf({ link, prefix }: AddressObject, indexOf: (link: string) => number): Address {
  const { address, length } = splitPrefix(prefix);
  const scope = link === LOOPBACK ? rt.RT_SCOPE_HOST : rt.RT_SCOPE_UNIVERSE;
  return {
    linkIndex: indexOf(link),
    address,
    prefixLength: length,
    scope,
    // Nobody is asked whether he has it too.
    ...(isIpv6(prefix) ? { flags: rt.IFA_F_NODAD } : {}),
  };
}

function routeOf(route: RouteObject, indexOf: (link: string) => number): Route {
  return {
    destination: route.destination,
    table: route.table,
    linkIndex: indexOf(route.link),
    ...(route.via === "" ? {} : { gateway: route.via }),
    ...(route.source === "" ? {} : { preferredSource: route.source }),
    ...(route.metric === 0 ? {} : { priority: route.metric }),
    protocol: route.connected ? rt.RTPROT_KERNEL : rt.RTPROT_STATIC,
  };
}

/** Enough to name a route that anybody made: protocol and scope are left open. */
function anyRouteLike(
  { destination, table, type, link, via, metric }: RouteObject,
  indexOf: (link: string) => number,
): Route {
  const byLink = link === "" || link.startsWith("link ");
  return {
    destination,
    table,
    type: type as RouteType,
    protocol: rt.RTPROT_UNSPEC,
    scope: rt.RT_SCOPE_NOWHERE,
    ...(byLink ? {} : { linkIndex: indexOf(link) }),
    ...(via === "" || via === "several" ? {} : { gateway: via }),
    ...(metric === 0 ? {} : { priority: metric }),
  };
}

function fdbOf({ mac, link, table }: FdbObject, indexOf: (link: string) => number) {
  const self = table === "self";
  return {
    linkIndex: indexOf(link),
    mac,
    flags: self ? rt.NTF_SELF : rt.NTF_MASTER,
    state: self ? rt.NUD_PERMANENT : rt.NUD_NOARP,
  };
}

/** Of an entry with several tunnel addresses only the unwanted one goes. */
function oneOfGroup({ mac, table, tunnel }: FdbObject) {
  const [address, ...details] = tunnel.split(" ");
  if (table !== "self" || !isGroupMac(mac) || !address) return {};
  const detail = (name: string) => (details.includes(name) ? Number(details[details.indexOf(name) + 1]) : undefined);
  return {
    tunnelAddress: address,
    tunnelPort: detail("port"),
    vni: detail("vni"),
    tunnelLinkIndex: detail("via"),
  };
}

function neighbourOf({ address, link, mac }: NeighbourObject, indexOf: (link: string) => number) {
  return { linkIndex: indexOf(link), address, ...(mac === "" ? {} : { mac }) };
}
