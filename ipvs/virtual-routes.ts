/**
 * Virtual addresses as local routes: `local VIP dev lo table local src SOURCE`, /32 or /128.
 *
 * With them a caller inside the namespace has a route to the virtual address and calls from its own address, wherever the
 * virtual address lies; no interface owns it, and nobody answers for it on the wire: of ARP that needs `arp_ignore=1`, while
 * neighbour solicitations (RFC 4861) are answered only for addresses of the interface itself, and for what proxy_ndp names.
 */

import * as rt from "../native-bindings/route/constants.js";
import {
  deleteRoute,
  type Route,
  type RouteOperation,
  type RouteSocket,
  replaceRoute,
} from "../native-bindings/route/index.js";
import { AF, familyOfAddress, kernelFamilies } from "./family.js";
import type { VirtualService } from "./load-balancer.js";

/** Marks the routes as ours (RTPROT_*, of which 5…255 are free for routing daemons to take). */
export const ROUTE_PROTOCOL = 84;
/** `lo` is the first link of every namespace. */
const LOOPBACK_INDEX = 1;

/** Virtual address → preferred source. */
export type VirtualRoutes = ReadonlyMap<string, string>;

export interface RoutePlan {
  readonly remove: readonly string[];
  /** Made, or changed to be so. */
  readonly write: readonly { readonly address: string; readonly source: string }[];
}

export function wantedRoutes(services: readonly VirtualService[]): VirtualRoutes {
  const routes = new Map<string, string>();
  for (const { virtual } of services) if (virtual) routes.set(virtual.address, virtual.sourceAddress);
  return routes;
}

export function planRoutes(actual: VirtualRoutes, wanted: VirtualRoutes): RoutePlan {
  const remove: string[] = [];
  const write: { address: string; source: string }[] = [];
  for (const address of actual.keys()) if (!wanted.has(address)) remove.push(address);
  for (const [address, source] of wanted) if (actual.get(address) !== source) write.push({ address, source });
  return { remove, write };
}

/** The routes of this kind that the namespace has. @throws NetlinkError, NetlinkTransportError */
export function readRoutes(socket: RouteSocket): VirtualRoutes {
  const routes = new Map<string, string>();
  for (const family of kernelFamilies()) {
    const filter = { table: rt.RT_TABLE_LOCAL, type: "local", protocol: ROUTE_PROTOCOL, family: AF[family] } as const;
    for (const route of socket.routes(filter)) {
      if (route.protocol !== ROUTE_PROTOCOL || route.type !== "local") continue;
      routes.set(route.destination.slice(0, route.destination.indexOf("/")), route.preferredSource ?? "");
    }
  }
  return routes;
}

/** One that is gone already is as wanted. @returns refusals, in words */
export function removeRoutes(socket: RouteSocket, addresses: readonly string[]): string[] {
  const refused = socket.executeAll(addresses.map((address) => deleteRoute(routeTo(address))));
  return [...refused.values()].filter(({ code }) => code !== "ESRCH").map(({ message }) => message);
}

/** @returns refusals, in words */
export function writeRoutes(socket: RouteSocket, routes: RoutePlan["write"]): string[] {
  const operations = routes.map(
    ({ address, source }): RouteOperation => replaceRoute({ ...routeTo(address), preferredSource: source }),
  );
  return [...socket.executeAll(operations).values()].map(({ message }) => message);
}

function routeTo(address: string): Route {
  return {
    destination: `${address}/${familyOfAddress(address) === "ip6" ? 128 : 32}`,
    type: "local",
    table: rt.RT_TABLE_LOCAL,
    protocol: ROUTE_PROTOCOL,
    linkIndex: LOOPBACK_INDEX,
  };
}
