/**
 * The second half of a plan: what is missing or can be set right in place. What is used comes before its users:
 *
 *   host       settings, gateway bridge, its address
 *   network    namespace, settings, loopback, bridge with its settings and addresses, VXLAN device with its settings, FDB
 *              entries and neighbours, then the ports are joined to the bridge and set up
 *   sandbox    namespace, settings, loopback, veth pairs, ports, fixed entries for them, settings by interface, addresses,
 *              routes, rules
 *
 * All networks come before all sandboxes, so that no interface leads to a half-built network.
 */
import type { ActualLink, ActualNode } from "./actual-state.js";
import type { Comparison, Difference, NamespaceComparison } from "./compare.js";
import type { ExpectedLink, ExpectedNamespace, ExpectedNode, Peer } from "./expected-state.js";
import { isIpv6 } from "./ipv6.js";
import type { BridgeAttributes, FdbObject, KernelObject, Place, RouteObject, SysctlObject } from "./kernel-objects.js";
import { BRIDGE, LOOPBACK, VXLAN } from "./names.js";
import type { LinkChange, Step } from "./steps.js";

export function planBringUp(
  expected: ExpectedNode,
  remaining: ActualNode,
  comparisons: ReadonlyMap<Place, NamespaceComparison>,
): readonly Step[] {
  const planner = new BringUp(expected, remaining, comparisons);
  for (const role of ["host", "network", "sandbox"] as const) {
    for (const namespace of expected.namespaces.values()) if (namespace.role === role) planner.plan(namespace);
  }
  return planner.steps;
}

/** Written, it becomes the value of every link and of those to come. */
const ALL_LINKS_OFF = "net/ipv6/conf/all/disable_ipv6";

/** A comparison with its missing and different links by name. */
interface Gaps extends NamespaceComparison {
  readonly missingLinks: ReadonlyMap<string, ExpectedLink>;
  readonly differentLinks: ReadonlyMap<string, Difference<ExpectedLink, ActualLink>>;
}

function gapsOf(comparison: NamespaceComparison): Gaps {
  const { missing, different } = comparison.links;
  return {
    ...comparison,
    missingLinks: new Map(missing.map((link) => [link.name, link])),
    differentLinks: new Map(different.map((difference) => [difference.wanted.name, difference])),
  };
}

/** Whether the namespace's links are told anew to speak no IPv6, those that should included: they then forget all of it. */
function losesIpv6({ sysctls }: NamespaceComparison): boolean {
  return [...sysctls.missing, ...sysctls.different.map(({ wanted }) => wanted)].some(
    ({ path }) => path === ALL_LINKS_OFF,
  );
}

/** All that is of IPv6 is to be made again: the links' own settings, addresses (routes come with them), neighbours. */
function afterIpv6Loss(comparison: NamespaceComparison): NamespaceComparison {
  const { sysctls, addresses, neighbours } = comparison;
  return {
    ...comparison,
    sysctls: lost(sysctls, ({ path }) => path.startsWith("net/ipv6/conf/") && path !== ALL_LINKS_OFF),
    addresses: lost(addresses, ({ prefix }) => isIpv6(prefix)),
    neighbours: lost(neighbours, ({ address }) => isIpv6(address)),
  };
}

function lost<W extends KernelObject, F extends KernelObject>(
  comparison: Comparison<W, F>,
  isLost: (wanted: W) => boolean,
): Comparison<W, F> {
  const again = comparison.present.filter(({ wanted }) => isLost(wanted)).map(({ wanted }) => wanted);
  return { ...comparison, missing: [...comparison.missing, ...again] };
}

/** What stands at the other end of a sandbox's interface. */
interface Port {
  readonly link: ExpectedLink;
  /** Absent on the gateway bridge, which learns. */
  readonly entry?: FdbObject;
}

class BringUp {
  readonly steps: Step[] = [];
  readonly #expected: ExpectedNode;
  readonly #remaining: ActualNode;
  readonly #comparisons: ReadonlyMap<Place, NamespaceComparison>;
  readonly #ports = new Map<Place, ReadonlyMap<string, Port>>();

  constructor(expected: ExpectedNode, remaining: ActualNode, comparisons: ReadonlyMap<Place, NamespaceComparison>) {
    this.#expected = expected;
    this.#remaining = remaining;
    this.#comparisons = comparisons;
  }

  plan(namespace: ExpectedNamespace): void {
    const comparison = this.#comparisons.get(namespace.place);
    if (!comparison) return;
    const gaps = gapsOf(losesIpv6(comparison) ? afterIpv6Loss(comparison) : comparison);
    if (this.#remaining.absent.has(namespace.place))
      this.steps.push({ kind: "create-namespace", place: namespace.place });
    if (namespace.role === "host") this.#host(namespace, gaps);
    else if (namespace.role === "network") this.#network(namespace, gaps);
    else this.#sandbox(namespace, gaps);
  }

  #host({ place, links, sysctls }: ExpectedNamespace, gaps: Gaps): void {
    const bridge = this.#expected.gatewayBridge;
    const [ofBridge, general] = settingsOf([bridge], settingsDue(sysctls, gaps));
    this.#settings(place, general);
    this.#bridge(place, bridge, gaps);
    this.#settings(place, ofBridge);
    this.#changedPorts(place, links, gaps);
  }

  #network({ place, links, sysctls }: ExpectedNamespace, gaps: Gaps): void {
    const due = settingsDue(sysctls, gaps);
    // A new device has none of its settings, whether or not they were looked at.
    const dueOf = (link: string) => settingsOf([link], gaps.missingLinks.has(link) ? sysctls : due)[0];
    this.#settings(place, settingsOf([BRIDGE, VXLAN], due)[1]);
    this.#loopback(place, gaps);
    this.#bridge(place, BRIDGE, gaps, dueOf(BRIDGE));
    const tunnel = gaps.missingLinks.get(VXLAN);
    if (tunnel?.vxlan) {
      const { vni, port } = tunnel.vxlan;
      this.steps.push({ kind: "create-vxlan", place, link: VXLAN, vni, port, mtu: tunnel.mtu! });
    }
    this.#settings(place, dueOf(VXLAN));
    // An address is answered for by proxy as soon as its neighbour stands: the way there comes first.
    this.#replace("replace-fdb", place, gaps.fdb, ({ table }) => table === "self");
    this.#replace("replace-neighbour", place, gaps.neighbours);
    this.#changeLink(place, VXLAN, gaps);
    this.#changedPorts(
      place,
      links.filter(({ peer }) => peer),
      gaps,
    );
    this.#replace(
      "replace-fdb",
      place,
      gaps.fdb,
      ({ table, link }) => table === "master" && !gaps.missingLinks.has(link),
    );
  }

  #sandbox({ place, links, sysctls }: ExpectedNamespace, gaps: Gaps): void {
    const own = links.filter(({ peer }) => peer);
    const [ofInterfaces, general] = settingsOf(
      own.map(({ name }) => name),
      settingsDue(sysctls, gaps),
    );
    this.#settings(place, general);
    this.#loopback(place, gaps);
    for (const link of own) {
      if (gaps.missingLinks.has(link.name)) this.#veth(place, link);
      this.#changeLink(place, link.name, gaps);
    }
    this.#settings(place, ofInterfaces);
    this.#replace("replace-address", place, gaps.addresses, ({ link }) => link !== LOOPBACK);
    this.#replace("replace-route", place, gaps.routes, (route) => !this.#comesByItself(route, gaps));
    for (const object of gaps.rules.missing) this.steps.push({ kind: "add-rule", place, object });
  }

  /** A sandbox's interface: the pair, then its port with the entry that leads to it, then the interface itself. */
  #veth(place: Place, { name, mac, peer }: ExpectedLink): void {
    const { link, entry } = this.#port(peer!);
    this.steps.push({
      kind: "create-veth",
      place: peer!.place,
      link: link.name,
      mtu: link.mtu!,
      peer: { place, link: name, mac },
    });
    this.#setLink(peer!.place, link.name, { master: link.master, port: link.port, up: true }, ["new"]);
    if (entry) this.steps.push({ kind: "replace-fdb", place: peer!.place, object: entry });
    this.#setLink(place, name, { up: true }, ["new"]);
  }

  #port({ place, link }: Peer): Port {
    let ports = this.#ports.get(place);
    if (!ports) {
      const namespace = this.#expected.namespaces.get(place)!;
      const entries = namespace.fdb.filter(({ table }) => table === "master");
      const entryOf = new Map(entries.map((entry) => [entry.link, entry]));
      ports = new Map(namespace.links.map((one) => [one.name, { link: one, entry: entryOf.get(one.name) }]));
      this.#ports.set(place, ports);
    }
    return ports.get(link)!;
  }

  #loopback(place: Place, gaps: Gaps): void {
    // With the link up the kernel gives it its address.
    if (gaps.missingLinks.has(LOOPBACK) || gaps.differentLinks.has(LOOPBACK))
      this.#setLink(place, LOOPBACK, { up: true }, ["up"]);
    else this.#replace("replace-address", place, gaps.addresses, ({ link }) => link === LOOPBACK);
  }

  /** @param settings what the bridge's addresses need */
  #bridge(place: Place, name: string, gaps: Gaps, settings: readonly SysctlObject[] = []): void {
    const difference = gaps.differentLinks.get(name);
    const inTheWay = difference?.attributes.includes("type") ? difference.wanted : undefined;
    const created = gaps.missingLinks.get(name) ?? inTheWay;
    if (created) {
      const { mac, mtu } = created;
      this.steps.push({ kind: "create-bridge", place, link: name, mac: mac! });
      // An MTU given at birth would follow the ports'; one that is set afterwards stays.
      this.#setLink(place, name, { mtu, up: true }, ["new"]);
    } else {
      this.#changeLink(place, name, gaps);
    }
    this.#settings(place, settings);
    this.#replace("replace-address", place, gaps.addresses, ({ link }) => link === name);
    this.#replace(
      "replace-route",
      place,
      gaps.routes,
      (route) => route.link === name && !this.#comesByItself(route, gaps),
    );
  }

  #changedPorts(place: Place, links: readonly ExpectedLink[], gaps: Gaps): void {
    for (const { name, peer } of links) if (peer) this.#changeLink(place, name, gaps);
  }

  /** Sets what differs on a link that is there, or joins one that this plan has just made. */
  #changeLink(place: Place, name: string, { missingLinks, differentLinks }: Gaps): void {
    const missing = missingLinks.get(name);
    if (missing?.vxlan) {
      this.#setLink(place, name, { master: missing.master, port: missing.port, up: true }, ["new"]);
      return;
    }
    const difference = differentLinks.get(name);
    if (!difference) return;
    const { wanted, attributes } = difference;
    const differs = (attribute: string) => attributes.includes(attribute);
    const differsWithin = (group: string) => attributes.some((attribute) => attribute.startsWith(`${group}.`));
    const change: LinkChange = {
      ...(differs("mtu") ? { mtu: wanted.mtu } : {}),
      ...(differs("mac") ? { mac: wanted.mac } : {}),
      ...(differsWithin("bridge") ? { bridge: onlyDiffering(wanted.bridge!, attributes) } : {}),
      ...(differs("master") ? { master: wanted.master } : {}),
      ...(differsWithin("port") || (differs("master") && wanted.port) ? { port: wanted.port } : {}),
      ...(differs("up") ? { up: wanted.up } : {}),
    };
    this.#setLink(place, name, change, attributes);
  }

  #setLink(place: Place, link: string, change: LinkChange, because: readonly string[]): void {
    if (Object.keys(change).length > 0) this.steps.push({ kind: "set-link", place, link, change, because });
  }

  #settings(place: Place, objects: readonly SysctlObject[]): void {
    for (const object of objects) this.steps.push({ kind: "set-sysctl", place, object });
  }

  #replace<K extends Step["kind"], O extends KernelObject>(
    kind: K,
    place: Place,
    comparison: { readonly missing: readonly O[]; readonly different: readonly { readonly wanted: O }[] },
    only: (object: O) => boolean = () => true,
  ): void {
    for (const object of comparison.missing) if (only(object)) this.#object(kind, place, object);
    for (const { wanted } of comparison.different) if (only(wanted)) this.#object(kind, place, wanted);
  }

  #object(kind: Step["kind"], place: Place, object: KernelObject): void {
    this.steps.push({ kind, place, object } as Step);
  }

  /** The kernel adds the subnet's route with an address, and again when a link comes up. */
  #comesByItself(route: RouteObject, { addresses, differentLinks }: Gaps): boolean {
    if (!route.connected) return false;
    const newAddress = addresses.missing.some(
      ({ link, prefix }) => link === route.link && isIpv6(prefix) === isIpv6(route.destination),
    );
    return newAddress || (differentLinks.get(route.link)?.attributes.includes("up") ?? false);
  }
}

function onlyDiffering(bridge: BridgeAttributes, attributes: readonly string[]): Partial<BridgeAttributes> {
  return Object.fromEntries(Object.entries(bridge).filter(([name]) => attributes.includes(`bridge.${name}`)));
}

/** Settings to write, in their order. */
function settingsDue(wanted: readonly SysctlObject[], { sysctls }: Gaps): readonly SysctlObject[] {
  const due = new Set([...sysctls.missing, ...sysctls.different.map((difference) => difference.wanted)]);
  return due.size === 0 ? [] : wanted.filter((object) => due.has(object));
}

/** Splits settings into those of the given links, which exist only with them, and all others. */
function settingsOf(
  links: readonly string[],
  settings: readonly SysctlObject[],
): readonly [ofLinks: readonly SysctlObject[], others: readonly SysctlObject[]] {
  const ofLink = ({ path }: SysctlObject) => links.includes(path.split("/")[3] ?? "");
  return [settings.filter(ofLink), settings.filter((object) => !ofLink(object))];
}
