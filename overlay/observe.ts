/** Looks into the kernel. Synchronous: belongs in the data-plane Worker. */
import { closeSync, openSync } from "node:fs";
import { RouteSocket } from "../native-bindings/route/index.js";
import { namespacePrefix } from "../netns/names.js";
import { inNamespace, listNamespaces, namespaceExists, openNamespace } from "../netns/namespace.js";
import type { ActualNamespace, ActualNode, NamespaceRole } from "./actual-state.js";
import type { ExpectedNode } from "./expected-state.js";
import { HOST, type Place } from "./kernel-objects.js";
import { BRIDGE, roleOfNamespace, VXLAN } from "./names.js";
import { lookInside, type NamespaceView } from "./observe-namespace.js";
import { EVERYTHING, type Look, looks, type Scope } from "./scope.js";

/**
 * What the kernel has, where `scope` says to look. The host's namespace is the one that the calling thread is in.
 * @throws NetlinkError, NamespaceError, SystemCallError
 */
export function observe(expected: ExpectedNode, scope: Scope = "all"): ActualNode {
  const { nodeId } = expected;
  const namespaces = new Map<Place, ActualNamespace>();
  const absent = new Set<Place>();
  const hostFd = openSync("/proc/thread-self/ns/net", "r");
  try {
    for (const look of looks(scope, expected, existingNamespaces(nodeId, scope)).values()) {
      if (look.place !== HOST && !namespaceExists(look.place)) {
        // A name without a namespace is what an interrupted making left: unwanted, it has to go; wanted, it is made whole.
        if (expected.namespaces.has(look.place)) absent.add(look.place);
        else if (listNamespaces(look.place).includes(look.place)) namespaces.set(look.place, nothingIn(look));
        continue;
      }
      namespaces.set(look.place, observePlace(look, expected, hostFd));
    }
  } finally {
    closeSync(hostFd);
  }
  return { nodeId, namespaces, absent };
}

function existingNamespaces(nodeId: string, scope: Scope): ReadonlyMap<Place, NamespaceRole> {
  const existing = new Map<Place, NamespaceRole>();
  if (scope !== "all") return existing;
  for (const name of listNamespaces(namespacePrefix(nodeId))) {
    const role = roleOfNamespace(nodeId, name);
    if (role) existing.set(name, role);
  }
  return existing;
}

function observePlace(look: Look, expected: ExpectedNode, hostFd: number): ActualNamespace {
  const wanted = expected.namespaces.get(look.place);
  const view: NamespaceView = {
    nodeId: expected.nodeId,
    gatewayBridge: expected.gatewayBridge,
    hostFd,
    settings: wanted?.sysctls.map(({ path }) => path) ?? [],
    ipv6: wanted?.ipv6 ?? false,
  };
  const inside = () => {
    using socket = RouteSocket.open();
    const seen = lookInside(socket, look, view);
    // With a part looked at, and what it hangs on gone, the rest is gone too or hangs in the air: look at all of it.
    return stands(seen, expected) ? seen : lookInside(socket, { ...look, coverage: EVERYTHING }, view);
  };
  if (look.place === HOST) return inside();
  using namespace = openNamespace(look.place);
  return inNamespace(namespace, inside);
}

/** @returns whether a namespace of which only a part was looked at has the devices that everything in it hangs on */
function stands({ role, coverage, links }: ActualNamespace, { gatewayBridge }: ExpectedNode): boolean {
  if (coverage.links === "all") return true;
  const needed = role === "host" ? [gatewayBridge] : [BRIDGE, VXLAN];
  return needed.every((name) => coverage.links === "all" || !coverage.links.has(name) || links.has(name));
}

function nothingIn({ place, role }: Look): ActualNamespace {
  return {
    place,
    role,
    coverage: EVERYTHING,
    links: new Map(),
    addresses: [],
    routes: [],
    rules: [],
    fdb: [],
    neighbours: [],
    sysctls: [],
  };
}
