/** Where to look, so that the work follows what changed and not what is there. Pure. */

import type { Coverage, NamespaceRole } from "./actual-state.js";
import type { ExpectedNamespace, ExpectedNode } from "./expected-state.js";
import { HOST, type Place } from "./kernel-objects.js";
import { BRIDGE, networkNamespace, sandboxNamespace, VXLAN } from "./names.js";

/** "all": the host's part, and every namespace of this node, those that nobody wants included. */
export type Scope =
  | "all"
  | {
      /** Whole networks, with every sandbox that is wanted on them. */
      readonly networks?: Iterable<string>;
      /** Whole sandboxes, with their ports; wanted ones, or ones to remove. */
      readonly sandboxes?: Iterable<string>;
      /** Only FDB entries and neighbours of remote endpoints of these networks. */
      readonly entries?: Iterable<string>;
    };

/** One namespace to look at. */
export interface Look {
  readonly place: Place;
  readonly role: NamespaceRole;
  readonly coverage: Coverage;
}

export const EVERYTHING: Coverage = { links: "all", entries: "all", routing: true, sysctls: true };

/** @param existing names of this node's namespaces by role, for scope "all" */
export function looks(
  scope: Scope,
  expected: ExpectedNode,
  existing: ReadonlyMap<Place, NamespaceRole>,
): ReadonlyMap<Place, Look> {
  const result = new Looks();
  if (scope === "all") {
    for (const { place, role } of expected.namespaces.values()) result.whole(place, role);
    for (const [place, role] of existing) result.whole(place, role);
    return result.byPlace;
  }
  const { nodeId } = expected;
  for (const id of scope.networks ?? []) {
    const place = networkNamespace(nodeId, id);
    result.whole(place, "network");
    for (const link of expected.namespaces.get(place)?.links ?? []) {
      if (link.sandboxId !== undefined) sandboxLooks(result, link.sandboxId, expected);
    }
  }
  for (const id of scope.sandboxes ?? []) sandboxLooks(result, id, expected);
  for (const id of scope.entries ?? []) {
    const place = networkNamespace(nodeId, id);
    if (expected.namespaces.has(place)) result.part(place, "network", [BRIDGE, VXLAN], [VXLAN]);
    else result.whole(place, "network");
  }
  return result.byPlace;
}

/** A sandbox, and of the namespaces that it is joined to only its ports and what they hang on. */
function sandboxLooks(result: Looks, id: string, expected: ExpectedNode): void {
  const place = sandboxNamespace(expected.nodeId, id);
  result.whole(place, "sandbox");
  for (const { peer } of expected.namespaces.get(place)?.links ?? []) {
    if (!peer) continue;
    const other: ExpectedNamespace = expected.namespaces.get(peer.place)!;
    if (peer.place === HOST) result.part(HOST, "host", [expected.gatewayBridge, peer.link], []);
    else result.part(peer.place, other.role, [BRIDGE, VXLAN, peer.link], [peer.link]);
  }
}

class Looks {
  readonly byPlace = new Map<Place, Look>();

  whole(place: Place, role: NamespaceRole): void {
    this.byPlace.set(place, { place, role, coverage: EVERYTHING });
  }

  part(place: Place, role: NamespaceRole, links: readonly string[], entries: readonly string[]): void {
    const { coverage } = this.byPlace.get(place) ?? { coverage: NOTHING };
    this.byPlace.set(place, {
      place,
      role,
      coverage: {
        ...coverage,
        links: union(coverage.links, links),
        entries: union(coverage.entries, entries),
      },
    });
  }
}

const NOTHING: Coverage = { links: new Set(), entries: new Set(), routing: false, sysctls: false };

function union(names: "all" | ReadonlySet<string>, more: readonly string[]): "all" | ReadonlySet<string> {
  return names === "all" ? names : new Set([...names, ...more]);
}
