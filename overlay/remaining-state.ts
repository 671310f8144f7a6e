/**
 * What is left of a look after removals that are planned but not yet done: with a link go its addresses, routes, entries,
 * settings and other leg. The plan's second half compares with this, so that it puts back what the first half takes along.
 */
import type { ActualLink, ActualNamespace, ActualNode } from "./actual-state.js";
import type { Place } from "./kernel-objects.js";

import { gatewayPortName, portName } from "./names.js";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What can be taken away by itself. */
export type RemovableKind = "addresses" | "routes" | "rules" | "fdb" | "neighbours";

export class RemainingState {
  readonly #namespaces = new Map<Place, Mutable<ActualNamespace>>();
  readonly #absent: Set<Place>;
  readonly #nodeId: string;

  constructor(actual: ActualNode) {
    this.#nodeId = actual.nodeId;
    this.#absent = new Set(actual.absent);
    for (const [place, namespace] of actual.namespaces) this.#namespaces.set(place, { ...namespace });
  }

  node(): ActualNode {
    return { nodeId: this.#nodeId, namespaces: this.#namespaces, absent: this.#absent };
  }

  link(place: Place, name: string): ActualLink | undefined {
    return this.#namespaces.get(place)?.links.get(name);
  }

  removeNamespace(place: Place): void {
    for (const name of this.#namespaces.get(place)?.links.keys() ?? []) this.removeLink(place, name);
    this.#namespaces.delete(place);
    this.#absent.add(place);
  }

  removeLink(place: Place, name: string): void {
    const link = this.#takeLink(place, name);
    if (link?.type !== "veth") return;
    for (const [otherPlace, other] of this.#namespaces) {
      if (otherPlace === place) continue;
      const peer = otherLeg(link, place, other, this.#nodeId);
      if (peer) this.#takeLink(otherPlace, peer.name);
    }
  }

  /**
   * Takes objects away, which must be those of the look themselves.
   * @returns those that were still there
   */
  removeObjects<K extends RemovableKind, T extends ActualNamespace[K][number]>(
    place: Place,
    kind: K,
    objects: readonly T[],
  ): readonly T[] {
    const namespace = this.#namespaces.get(place);
    if (!namespace || objects.length === 0) return [];
    const there: ReadonlySet<unknown> = new Set<unknown>(namespace[kind]);
    const removed = new Set<unknown>(objects.filter((object) => there.has(object)));
    namespace[kind] = (namespace[kind] as readonly unknown[]).filter((object) => !removed.has(object)) as never;
    return objects.filter((object) => removed.has(object));
  }

  #takeLink(place: Place, name: string): ActualLink | undefined {
    const namespace = this.#namespaces.get(place);
    const link = namespace?.links.get(name);
    if (!namespace || !link) return undefined;
    const rest = new Map<string, ActualLink>();
    for (const one of namespace.links.values()) {
      if (one === link) continue;
      rest.set(one.name, one.master === name ? { ...one, master: "", port: undefined } : one);
    }
    namespace.links = rest;
    const elsewhere = <T extends { readonly link: string }>(objects: readonly T[]) =>
      objects.filter((one) => one.link !== name);
    namespace.addresses = elsewhere(namespace.addresses);
    namespace.routes = elsewhere(namespace.routes);
    const isPort = (one: string) => rest.get(one)?.master !== "";
    namespace.fdb = elsewhere(namespace.fdb).filter((one) => one.table === "self" || isPort(one.link));
    namespace.neighbours = elsewhere(namespace.neighbours);
    const settings = new RegExp(`^net/ipv[46]/(conf|neigh)/${escapeForRegExp(name)}/`);
    namespace.sysctls = namespace.sysctls.filter((one) => !settings.test(one.path));
    return link;
  }
}

/** Indices are small numbers that repeat from namespace to namespace: the names must belong together too. */
function otherLeg(leg: ActualLink, place: Place, other: ActualNamespace, nodeId: string): ActualLink | undefined {
  for (const one of other.links.values()) {
    if (one.type !== "veth" || one.index !== leg.peerIndex || one.peerIndex !== leg.index) continue;
    if (isPair(place, leg.name, one.name, nodeId) || isPair(other.place, one.name, leg.name, nodeId)) return one;
  }
  return undefined;
}

function isPair(sandboxPlace: Place, interfaceName: string, port: string, nodeId: string): boolean {
  return port === portName(sandboxPlace, interfaceName) || port === gatewayPortName(nodeId, sandboxPlace);
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
