/**
 * A kernel reduced to what plans rely on: it takes steps, refuses those that a real one would refuse at that moment, and does
 * by itself what a real one does (subnet routes come with addresses, entries go with links, neighbours when a link goes down).
 */
import type { ActualLink, ActualNamespace, ActualNode, NamespaceRole } from "../../overlay/actual-state.js";
import { emptyNamespace } from "../../overlay/compare.js";
import { MAIN_TABLE } from "../../overlay/expected-state.js";
import { inSubnet, parsePrefix } from "../../overlay/ipv4.js";
import { isIpv6, parsePrefix6 } from "../../overlay/ipv6.js";
import {
  type AddressObject,
  type FdbObject,
  HOST,
  type KernelObject,
  keyOf,
  type NeighbourObject,
  type Place,
  type RouteObject,
  type RuleObject,
} from "../../overlay/kernel-objects.js";
import { LOOPBACK } from "../../overlay/names.js";
import { describeStep, type LinkChange, type Step } from "../../overlay/steps.js";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type ModelLink = Mutable<ActualLink> & { peerPlace?: Place };

const PLAIN_BRIDGE = { stp: false, vlanFiltering: false, multicastSnooping: false };

interface ModelNamespace {
  role: NamespaceRole;
  links: Map<string, ModelLink>;
  addresses: Map<string, AddressObject>;
  routes: Map<string, RouteObject>;
  rules: Map<string, RuleObject>;
  fdb: Map<string, FdbObject>;
  neighbours: Map<string, NeighbourObject>;
  sysctls: Map<string, string>;
  nextIndex: number;
}

export class ModelKernel {
  readonly namespaces = new Map<Place, ModelNamespace>();
  /** Steps taken. */
  readonly taken: Step[] = [];

  constructor(
    readonly nodeId: string,
    readonly roleOf: (place: Place) => NamespaceRole,
  ) {
    this.#makeNamespace(HOST);
  }

  take(step: Step): void {
    try {
      this.#take(step);
    } catch (error) {
      throw new Error(`${describeStep(step)}: ${(error as Error).message}`);
    }
    this.taken.push(step);
  }

  /** What a full look would find; `wantedPlaces` decides which absent namespaces are named. */
  observe(wantedPlaces: Iterable<Place>, settings: (place: Place) => readonly string[]): ActualNode {
    const namespaces = new Map<Place, ActualNamespace>();
    for (const [place, namespace] of this.namespaces) {
      namespaces.set(place, {
        ...emptyNamespace(place, namespace.role),
        links: new Map([...namespace.links].map(([name, link]) => [name, { ...link }])),
        addresses: [...namespace.addresses.values()],
        routes: [...namespace.routes.values()],
        rules: [...namespace.rules.values()],
        fdb: [...namespace.fdb.values()],
        neighbours: [...namespace.neighbours.values()],
        sysctls: settings(place).map((path) => ({ kind: "sysctl", path, value: this.#setting(namespace, path) })),
      });
    }
    const absent = new Set([...wantedPlaces].filter((place) => !this.namespaces.has(place)));
    return { nodeId: this.nodeId, namespaces, absent };
  }

  #take(step: Step): void {
    if (step.kind === "create-namespace") {
      if (this.namespaces.has(step.place)) throw new Error("exists");
      this.#makeNamespace(step.place);
      return;
    }
    const namespace = this.#namespace(step.place);
    switch (step.kind) {
      case "remove-namespace":
        for (const name of [...namespace.links.keys()]) this.removeLink(step.place, name);
        this.namespaces.delete(step.place);
        return;
      case "create-bridge":
        this.#addLink(step.place, { name: step.link, type: "bridge", mac: step.mac, mtu: 1500, bridge: PLAIN_BRIDGE });
        return;
      case "create-vxlan": {
        const { vni, port } = step;
        for (const other of this.namespaces.values()) {
          for (const { vxlan } of other.links.values()) {
            if (vxlan?.vni === vni && vxlan.port === port) throw new Error(`VNI ${vni} is in use`);
          }
        }
        const vxlan = {
          vni,
          port,
          learning: false,
          proxy: true,
          l2Miss: false,
          l3Miss: false,
          underlayIsHost: true,
        };
        this.#addLink(step.place, { name: step.link, type: "vxlan", mtu: step.mtu, vxlan });
        return;
      }
      case "create-veth": {
        const { peer } = step;
        this.#namespace(peer.place);
        const port = this.#addLink(step.place, { name: step.link, type: "veth", mtu: step.mtu });
        const leg = this.#addLink(peer.place, { name: peer.link, type: "veth", mtu: step.mtu, mac: peer.mac });
        port.peerIndex = leg.index;
        port.peerPlace = peer.place;
        leg.peerIndex = port.index;
        leg.peerPlace = step.place;
        return;
      }
      case "set-link":
        this.setLink(step.place, step.link, step.change);
        return;
      case "remove-link":
        this.removeLink(step.place, step.link);
        return;
      case "replace-address":
        this.#link(namespace, step.object.link);
        this.#checkFamily(namespace, step.object.link, step.object.prefix);
        namespace.addresses.set(keyOf(step.object), step.object);
        this.#subnetRoute(namespace, step.object);
        return;
      case "replace-route":
        this.#checkRoute(namespace, step.object);
        namespace.routes.set(keyOf(step.object), step.object);
        return;
      case "add-rule":
        namespace.rules.set(keyOf(step.object), step.object);
        return;
      case "replace-fdb": {
        const { link, table, mac } = step.object;
        const device = this.#link(namespace, link);
        if (table === "master" && device.master === "") throw new Error(`${link} is no port of a bridge`);
        if (table === "self" && device.type !== "vxlan") throw new Error(`${link} has no entries`);
        if (table === "master") this.#forget(namespace, mac);
        namespace.fdb.set(keyOf(step.object), step.object);
        return;
      }
      case "replace-neighbour":
        this.#link(namespace, step.object.link);
        this.#checkFamily(namespace, step.object.link, step.object.address);
        namespace.neighbours.set(keyOf(step.object), step.object);
        return;
      case "remove-address":
        this.removeAddress(step.place, step.object);
        return;
      case "remove-route":
        this.#remove(namespace.routes, step.object);
        return;
      case "remove-rule":
        this.#remove(namespace.rules, step.object);
        return;
      case "remove-fdb":
        this.#remove(namespace.fdb, step.object);
        return;
      case "remove-neighbour":
        this.#remove(namespace.neighbours, step.object);
        return;
      case "set-sysctl": {
        const { path, value, optional } = step.object;
        if (this.#setting(namespace, path) === undefined && !optional) throw new Error(`no such setting: ${path}`);
        this.setSysctl(step.place, path, value!);
      }
    }
  }

  /** A link that is told to stop speaking IPv6 forgets all of it. */
  setSysctl(place: Place, path: string, value: string): void {
    const namespace = this.#namespace(place);
    namespace.sysctls.set(path, value);
    const link = /^net\/ipv6\/conf\/(.+)\/disable_ipv6$/.exec(path)?.[1];
    if (link === "all") {
      for (const name of ["default", ...namespace.links.keys()])
        this.setSysctl(place, `net/ipv6/conf/${name}/disable_ipv6`, value);
    } else if (link !== undefined && value === "1") {
      this.#forgetIpv6(namespace, link);
    }
  }

  setLink(place: Place, name: string, change: LinkChange): void {
    const namespace = this.#namespace(place);
    const link = this.#link(namespace, name);
    if (change.mtu !== undefined) link.mtu = change.mtu;
    if (change.mac !== undefined) link.mac = change.mac;
    if (change.bridge) link.bridge = { ...PLAIN_BRIDGE, ...link.bridge, ...change.bridge };
    if (change.master !== undefined && change.master !== link.master) {
      if (change.master !== "" && this.#link(namespace, change.master).type !== "bridge")
        throw new Error("master is no bridge");
      link.master = change.master;
      link.port =
        change.master === ""
          ? undefined
          : { isolated: false, learning: true, unicastFlood: true, multicastFlood: true };
      this.#dropWhere(namespace.fdb, (entry) => entry.table === "master" && entry.link === name);
    }
    if (change.port) {
      if (link.master === "") throw new Error(`${name} is no port of a bridge`);
      link.port = change.port;
    }
    if (change.up !== undefined && change.up !== link.up) this.#setUp(namespace, link, change.up);
  }

  removeLink(place: Place, name: string): void {
    const link = this.#takeLink(place, name);
    if (link.type !== "veth" || link.peerPlace === undefined) return;
    const other = this.namespaces.get(link.peerPlace);
    for (const peer of other?.links.values() ?? []) {
      if (peer.type === "veth" && peer.peerPlace === place && peer.peerIndex === link.index) {
        this.#takeLink(link.peerPlace, peer.name);
      }
    }
  }

  removeAddress(place: Place, address: AddressObject): void {
    const namespace = this.#namespace(place);
    this.#remove(namespace.addresses, address);
    const parsed = isIpv6(address.prefix) ? parsePrefix6(address.prefix)! : parsePrefix(address.prefix)!;
    this.#dropWhere(namespace.routes, (route) =>
      isIpv6(address.prefix)
        ? route.connected && route.link === address.link && route.destination === parsed.subnet
        : route.source === parsed.address,
    );
    this.#dropWhere(namespace.routes, (route) => route.via !== "" && !this.#reaches(namespace, route));
  }

  #makeNamespace(place: Place): void {
    const namespace: ModelNamespace = {
      role: this.roleOf(place),
      links: new Map(),
      addresses: new Map(),
      routes: new Map(),
      rules: new Map(),
      fdb: new Map(),
      neighbours: new Map(),
      sysctls: new Map(),
      nextIndex: 1,
    };
    this.namespaces.set(place, namespace);
    this.#addLink(place, { name: LOOPBACK, type: "loopback", mtu: 65536 });
  }

  #addLink(place: Place, made: Partial<ModelLink> & Pick<ModelLink, "name" | "type" | "mtu">): ModelLink {
    const namespace = this.#namespace(place);
    if (namespace.links.has(made.name)) throw new Error(`link ${made.name} exists`);
    const index = namespace.nextIndex++;
    const link: ModelLink = {
      kind: "link",
      up: false,
      master: "",
      peerIndex: 0,
      mac: "5a:00:00:00:00:01",
      ...made,
      index,
    };
    if (made.mac === undefined) link.mac = `5a:00:00:00:00:${index.toString(16).padStart(2, "0")}`;
    namespace.links.set(link.name, link);
    const off = namespace.sysctls.get("net/ipv6/conf/default/disable_ipv6") ?? "0";
    namespace.sysctls.set(`net/ipv6/conf/${link.name}/disable_ipv6`, off);
    return link;
  }

  #takeLink(place: Place, name: string): ModelLink {
    const namespace = this.#namespace(place);
    const link = this.#link(namespace, name);
    namespace.links.delete(name);
    for (const port of namespace.links.values()) {
      if (port.master !== name) continue;
      port.master = "";
      port.port = undefined;
      this.#dropWhere(namespace.fdb, (entry) => entry.table === "master" && entry.link === port.name);
    }
    for (const objects of [namespace.addresses, namespace.routes, namespace.fdb, namespace.neighbours]) {
      this.#dropWhere<KernelObject & { link: string }>(objects as never, (object) => object.link === name);
    }
    for (const path of [...namespace.sysctls.keys()]) if (path.split("/")[3] === name) namespace.sysctls.delete(path);
    return link;
  }

  #setUp(namespace: ModelNamespace, link: ModelLink, up: boolean): void {
    link.up = up;
    if (!up) {
      this.#dropWhere(namespace.routes, (route) => route.link === link.name);
      this.#dropWhere(namespace.neighbours, (neighbour) => neighbour.link === link.name);
      this.#forgetIpv6(namespace, link.name);
      return;
    }
    if (link.type === "loopback") {
      const address: AddressObject = { kind: "address", link: link.name, prefix: "127.0.0.1/8" };
      namespace.addresses.set(keyOf(address), address);
    }
    for (const address of namespace.addresses.values())
      if (address.link === link.name) this.#subnetRoute(namespace, address);
  }

  #subnetRoute(namespace: ModelNamespace, { link, prefix }: AddressObject): void {
    const device = namespace.links.get(link)!;
    if (!device.up || device.type === "loopback") return;
    const six = isIpv6(prefix);
    const { subnet, address } = six ? parsePrefix6(prefix)! : parsePrefix(prefix)!;
    const route: RouteObject = {
      kind: "route",
      table: MAIN_TABLE,
      destination: subnet,
      metric: six ? 256 : 0,
      link,
      type: "unicast",
      via: "",
      source: six ? "" : address,
      connected: true,
    };
    if (!namespace.routes.has(keyOf(route))) namespace.routes.set(keyOf(route), route);
  }

  #checkRoute(namespace: ModelNamespace, route: RouteObject): void {
    if (!this.#link(namespace, route.link).up) throw new Error(`${route.link} is down`);
    if (route.via !== "" && !this.#reaches(namespace, route)) throw new Error(`${route.via} is not reachable`);
    const isLocal = [...namespace.addresses.values()].some(({ prefix }) => prefix.startsWith(`${route.source}/`));
    if (route.source !== "" && !isLocal) throw new Error(`source ${route.source} is not local`);
  }

  #reaches(namespace: ModelNamespace, { via, link }: RouteObject): boolean {
    return [...namespace.routes.values()].some(
      (route) => route.connected && route.link === link && inSubnet(via, route.destination),
    );
  }

  #checkFamily(namespace: ModelNamespace, link: string, address: string): void {
    if (isIpv6(address) && namespace.sysctls.get(`net/ipv6/conf/${link}/disable_ipv6`) !== "0")
      throw new Error(`${link} speaks no IPv6`);
  }

  #forgetIpv6(namespace: ModelNamespace, link: string): void {
    this.#dropWhere(namespace.addresses, (one) => one.link === link && isIpv6(one.prefix));
    this.#dropWhere(namespace.routes, (one) => one.link === link && isIpv6(one.destination));
    this.#dropWhere(namespace.neighbours, (one) => one.link === link && isIpv6(one.address));
  }

  /** Settings of links exist with them; the others always. */
  #setting(namespace: ModelNamespace, path: string): string | undefined {
    const [, , group, link] = path.split("/");
    if (group === "conf" && link !== "all" && link !== "default" && !namespace.links.has(link ?? "")) return undefined;
    return namespace.sysctls.get(path) ?? (path.includes("gc_thresh") ? undefined : "unset");
  }

  /** A bridge knows an address at one port. */
  #forget(namespace: ModelNamespace, mac: string): void {
    this.#dropWhere(namespace.fdb, (entry) => entry.table === "master" && entry.mac === mac);
  }

  #remove(objects: Map<string, unknown>, object: KernelObject): void {
    if (!objects.delete(keyOf(object))) throw new Error(`no ${object.kind} ${keyOf(object)}`);
  }

  #dropWhere<T>(objects: Map<string, T>, test: (object: T) => boolean): void {
    for (const [key, object] of objects) if (test(object)) objects.delete(key);
  }

  #namespace(place: Place): ModelNamespace {
    const namespace = this.namespaces.get(place);
    if (!namespace) throw new Error(`no namespace ${place}`);
    return namespace;
  }

  #link(namespace: ModelNamespace, name: string): ModelLink {
    const link = namespace.links.get(name);
    if (!link) throw new Error(`no link ${name}`);
    return link;
  }
}
