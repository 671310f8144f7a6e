/**
 * The first half of a plan: what nobody wants, and what must go because it cannot be changed in place. Consumers go before
 * what they use: sandboxes before networks; in a namespace rules, routes, addresses, neighbours, FDB entries, then links.
 */
import type { ActualLink, ActualNamespace } from "./actual-state.js";
import { type NamespaceComparison, PEER } from "./compare.js";
import type { ExpectedNamespace, ExpectedNode } from "./expected-state.js";
import { HOST, type KernelObject, type Place } from "./kernel-objects.js";
import type { PlanPart } from "./plan.js";
import type { RemainingState, RemovableKind } from "./remaining-state.js";
import type { Step } from "./steps.js";

/** Attributes that a link has from birth: its kind, its other leg, and all that a VXLAN device is. */
function isInborn(attribute: string): boolean {
  return attribute === "type" || attribute === PEER || attribute.startsWith("vxlan.");
}

/** Ports before the devices that they are on. */
const LINK_ORDER: readonly string[] = ["veth", "vxlan", "bridge"];

/**
 * @param comparisons of the state before any removal: a link that one removal takes along is not removed again
 * @param remaining is brought to what is left after these steps
 */
export function planRemoval(
  expected: ExpectedNode,
  comparisons: ReadonlyMap<Place, NamespaceComparison>,
  remaining: RemainingState,
  part: PlanPart,
): readonly Step[] {
  const namespaces = [...remaining.node().namespaces.values()];
  const byRole = (role: ActualNamespace["role"]) => namespaces.filter((one) => one.role === role);
  const steps: Step[] = [];
  for (const role of ["sandbox", "network", "host"] as const) {
    const [unwanted, wanted] = partition(byRole(role), ({ place }) => !expected.namespaces.has(place));
    if (part !== "extend") for (const namespace of unwanted) steps.push(...removeNamespace(namespace, remaining));
    for (const { place } of wanted) {
      steps.push(...removeExtras(expected.namespaces.get(place)!, comparisons.get(place)!, remaining, part));
    }
  }
  return steps;
}

/** Links go first: they end at once, where a namespace lives on as long as a process or socket is in it. */
function removeNamespace({ place }: ActualNamespace, remaining: RemainingState): readonly Step[] {
  const links = [...remaining.node().namespaces.get(place)!.links.values()].filter(({ type }) =>
    LINK_ORDER.includes(type),
  );
  const steps = removeLinks(
    place,
    links.map((link) => ({ link, because: [] })),
    remaining,
  );
  remaining.removeNamespace(place);
  return [...steps, { kind: "remove-namespace", place }];
}

function removeExtras(
  wanted: ExpectedNamespace,
  comparison: NamespaceComparison,
  remaining: RemainingState,
  part: PlanPart,
): readonly Step[] {
  const { place } = wanted;
  const goes = part === "extend" ? inTheWayOf(wanted) : () => true;
  const steps: Step[] = [];
  const removeAll = (step: Step["kind"], kind: RemovableKind) => {
    const objects: readonly KernelObject[] = comparison[kind].extra.filter(goes);
    for (const object of remaining.removeObjects(place, kind, objects as never[])) {
      steps.push({ kind: step, place, object } as Step);
    }
  };
  removeAll("remove-rule", "rules");
  removeAll("remove-route", "routes");
  removeAll("remove-address", "addresses");
  removeAll("remove-neighbour", "neighbours");
  removeAll("remove-fdb", "fdb");
  const links = wrongLinks(comparison, place).filter(
    ({ because }) => part === "all" || because.length > 0 === (part === "extend"),
  );
  steps.push(...removeLinks(place, links, remaining));
  return steps;
}

/** An endpoint that has moved here: as long as the tunnel claims it, packets go there. An address that changes its link. */
function inTheWayOf({ fdb, addresses }: ExpectedNamespace): (object: KernelObject) => boolean {
  const localMacs = new Set(fdb.filter(({ table }) => table === "master").map(({ mac }) => mac));
  const localPrefixes = new Set(addresses.map(({ prefix }) => prefix));
  return (object) => {
    if (object.kind === "fdb" || object.kind === "neighbour") return localMacs.has(object.mac);
    return object.kind === "address" && localPrefixes.has(object.prefix);
  };
}

interface WrongLink {
  readonly link: ActualLink;
  readonly because: readonly string[];
}

function wrongLinks({ links }: NamespaceComparison, place: string): readonly WrongLink[] {
  const wrong: WrongLink[] = links.extra.map((link) => ({ link, because: [] }));
  for (const { found, attributes } of links.different) {
    const because = attributes.filter(isInborn);
    // In the host's namespace a link of another kind with our name belongs to somebody else.
    const foreign = place === HOST && because.includes("type");
    if (because.length > 0 && !foreign) wrong.push({ link: found, because });
  }
  return wrong;
}

function removeLinks(place: string, wrong: readonly WrongLink[], remaining: RemainingState): readonly Step[] {
  const steps: Step[] = [];
  const inOrder = [...wrong].sort((a, b) => LINK_ORDER.indexOf(a.link.type) - LINK_ORDER.indexOf(b.link.type));
  for (const { link, because } of inOrder) {
    if (!remaining.link(place, link.name)) continue;
    remaining.removeLink(place, link.name);
    steps.push({ kind: "remove-link", place, link: link.name, because });
  }
  return steps;
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): readonly [T[], T[]] {
  const yes: T[] = [];
  const no: T[] = [];
  for (const item of items) (test(item) ? yes : no).push(item);
  return [yes, no];
}
