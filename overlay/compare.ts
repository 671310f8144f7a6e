/** Wanted against found, namespace by namespace. Pure. */
import type { ActualLink, ActualNamespace, ActualNode, NamespaceRole } from "./actual-state.js";
import type { ExpectedLink, ExpectedNamespace, ExpectedNode } from "./expected-state.js";
import { RETURN_RULE_PRIORITY } from "./expected-state.js";
import { HOST, type KernelObject, keyOf, type Place, type SysctlObject } from "./kernel-objects.js";
import { isGatewayPort, LOOPBACK } from "./names.js";

export interface Comparison<W extends KernelObject, F extends KernelObject> {
  readonly present: readonly { readonly wanted: W; readonly found: F }[];
  readonly missing: readonly W[];
  readonly different: readonly Difference<W, F>[];
  /** Found, ours by its place and kind, and wanted by nobody. */
  readonly extra: readonly F[];
}

export interface Difference<W extends KernelObject, F extends KernelObject> {
  readonly wanted: W;
  readonly found: F;
  /** Names of the attributes that differ. */
  readonly attributes: readonly string[];
}

/** Attribute name of a veth's other end, which no single object shows. */
export const PEER = "peer";

/**
 * @param wanted those in the look's coverage
 * @param isOurs tells our objects from those of the kernel and of others among the unwanted
 */
export function compare<W extends KernelObject, F extends W>(
  wanted: readonly W[],
  found: Iterable<F>,
  isOurs: (object: F) => boolean,
  alsoDiffers: (wanted: W, found: F) => readonly string[] = () => [],
): Comparison<W, F> {
  const rest = new Map<string, F>();
  for (const object of found) rest.set(keyOf(object), object);
  const present: { wanted: W; found: F }[] = [];
  const missing: W[] = [];
  const different: Difference<W, F>[] = [];
  for (const object of wanted) {
    const key = keyOf(object);
    const match = rest.get(key);
    if (!match) {
      missing.push(object);
      continue;
    }
    rest.delete(key);
    const attributes = [...differingAttributes(object, match), ...alsoDiffers(object, match)];
    if (attributes.length > 0) different.push({ wanted: object, found: match, attributes });
    else present.push({ wanted: object, found: match });
  }
  return { present, missing, different, extra: [...rest.values()].filter(isOurs) };
}

function differingAttributes(wanted: KernelObject, found: KernelObject): readonly string[] {
  const differing: string[] = [];
  const { own, groups } = COMPARED[wanted.kind];
  differingFields(wanted, found, own, "", differing);
  for (const group of groups) {
    const values = field(wanted, group);
    if (typeof values !== "object" || values === null) continue;
    differingFields(values, field(found, group) ?? NOTHING, Object.keys(values), `${group}.`, differing);
  }
  return wanted.kind === "sysctl" && isGoodEnough(wanted, found) ? [] : differing;
}

/** The fields that make up an object's attributes, by themselves and in groups. */
const COMPARED: Readonly<
  Record<KernelObject["kind"], { readonly own: readonly string[]; readonly groups: readonly string[] }>
> = {
  link: { own: ["type", "up", "mtu", "mac", "master"], groups: ["bridge", "vxlan", "port"] },
  address: { own: [], groups: [] },
  route: { own: ["type", "via", "link", "source"], groups: [] },
  rule: { own: [], groups: [] },
  fdb: { own: ["tunnel", "fixed"], groups: [] },
  neighbour: { own: ["mac", "permanent"], groups: [] },
  sysctl: { own: ["value"], groups: [] },
};
const NOTHING = {};

function differingFields(
  wanted: object,
  found: object,
  names: readonly string[],
  prefix: string,
  differing: string[],
): void {
  for (const name of names) {
    const value = field(wanted, name);
    if (value !== undefined && value !== field(found, name)) differing.push(prefix + name);
  }
}

function field(object: object, name: string): unknown {
  return (object as Readonly<Record<string, unknown>>)[name];
}

function isGoodEnough({ value, optional, atLeast }: SysctlObject, found: KernelObject): boolean {
  const other = found.kind === "sysctl" ? found.value : undefined;
  if (other === undefined) return optional === true;
  return atLeast === true && Number(other) >= Number(value);
}

export interface NamespaceComparison {
  readonly links: Comparison<ExpectedLink, ActualLink>;
  readonly addresses: Comparison<ExpectedNamespace["addresses"][number], ActualNamespace["addresses"][number]>;
  readonly routes: Comparison<ExpectedNamespace["routes"][number], ActualNamespace["routes"][number]>;
  readonly rules: Comparison<ExpectedNamespace["rules"][number], ActualNamespace["rules"][number]>;
  readonly fdb: Comparison<ExpectedNamespace["fdb"][number], ActualNamespace["fdb"][number]>;
  readonly neighbours: Comparison<ExpectedNamespace["neighbours"][number], ActualNamespace["neighbours"][number]>;
  readonly sysctls: Comparison<ExpectedNamespace["sysctls"][number], ActualNamespace["sysctls"][number]>;
}

/**
 * @param found what was seen of it; of a namespace that does not exist pass {@link emptyNamespace}
 * @param node all that was seen, to find the other ends of veths
 */
function compareNamespace(
  wanted: ExpectedNamespace,
  found: ActualNamespace,
  node: ActualNode,
  gatewayBridge: string,
): NamespaceComparison {
  const { coverage } = found;
  const wantsLink = (name: string) => coverage.links === "all" || coverage.links.has(name);
  const wantsEntry = (link: string) => coverage.entries === "all" || coverage.entries.has(link);
  const onHost = wanted.place === HOST;
  const ownLink = (name: string) => !onHost || name === gatewayBridge;
  const routing = <T>(objects: readonly T[]) => (coverage.routing ? objects : []);
  return {
    links: compare(
      wanted.links.filter(({ name }) => wantsLink(name)),
      found.links.values(),
      (link) => coverage.links === "all" && isOurLink(link, node.nodeId, onHost),
      (want, have) => peerDifference(want, have, node),
    ),
    addresses: compare(routing(wanted.addresses), found.addresses, ({ link }) => ownLink(link) && link !== LOOPBACK),
    routes: compare(
      routing(wanted.routes),
      found.routes,
      (route) => ownLink(route.link) && !onHost && !route.connected,
    ),
    rules: compare(routing(wanted.rules), found.rules, ({ priority }) => !onHost && priority === RETURN_RULE_PRIORITY),
    fdb: compare(
      wanted.fdb.filter(({ link }) => wantsEntry(link)),
      found.fdb,
      () => true,
    ),
    neighbours: compare(
      wanted.neighbours.filter(({ link }) => wantsEntry(link)),
      found.neighbours,
      ({ mac }) => mac !== "",
    ),
    sysctls: compare(coverage.sysctls ? wanted.sysctls : [], found.sysctls, () => false),
  };
}

/** In our namespaces every link that somebody made is ours; in the host's, only the gateway legs with this node's name. */
function isOurLink(link: ActualLink, nodeId: string, onHost: boolean): boolean {
  if (onHost) return link.type === "veth" && isGatewayPort(nodeId, link.name);
  return link.type === "veth" || link.type === "bridge" || link.type === "vxlan";
}

/** Two legs belong together when each names the other's index. */
function peerDifference(wanted: ExpectedLink, found: ActualLink, node: ActualNode): readonly string[] {
  if (!wanted.peer || found.type !== "veth") return [];
  const other = node.namespaces.get(wanted.peer.place);
  if (!other) return node.absent.has(wanted.peer.place) ? [PEER] : [];
  const { links } = other.coverage;
  if (links !== "all" && !links.has(wanted.peer.link)) return [];
  const peer = other.links.get(wanted.peer.link);
  return peer && peer.peerIndex === found.index && found.peerIndex === peer.index ? [] : [PEER];
}

/** A namespace in which nothing is, fully looked at. */
export function emptyNamespace(place: string, role: NamespaceRole): ActualNamespace {
  return {
    place,
    role,
    coverage: { links: "all", entries: "all", routing: true, sysctls: true },
    links: new Map(),
    addresses: [],
    routes: [],
    rules: [],
    fdb: [],
    neighbours: [],
    sysctls: [],
  };
}

/** Every wanted namespace that was looked at, those that do not exist included. */
export function compareNode(expected: ExpectedNode, node: ActualNode): ReadonlyMap<Place, NamespaceComparison> {
  const comparisons = new Map<Place, NamespaceComparison>();
  for (const namespace of expected.namespaces.values()) {
    const { place, role } = namespace;
    const found = node.namespaces.get(place) ?? (node.absent.has(place) ? emptyNamespace(place, role) : undefined);
    if (found) comparisons.set(place, compareNamespace(namespace, found, node, expected.gatewayBridge));
  }
  return comparisons;
}
