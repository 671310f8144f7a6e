/**
 * The objects of a network namespace that this layer owns, in one form for what is wanted and what is found.
 * An object has a key (what it is) and attributes (how it is); absent attributes of a wanted object are not compared.
 */

/** Where an object is: {@link HOST} or the name of a namespace. */
export type Place = string;
/** The namespace that the calling thread is in. */
export const HOST = "host";

export interface LinkObject {
  readonly kind: "link";
  readonly name: string;
  /** "bridge", "vxlan", "veth", "loopback" or whatever the kernel says. */
  readonly type: string;
  readonly up: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  /** Name of the bridge that it is a port of; "" for none. */
  readonly master?: string;
  readonly bridge?: BridgeAttributes;
  readonly vxlan?: VxlanAttributes;
  readonly port?: PortAttributes;
}

export interface BridgeAttributes {
  readonly stp: boolean;
  readonly vlanFiltering: boolean;
  readonly multicastSnooping: boolean;
}

export interface VxlanAttributes {
  readonly vni: number;
  readonly port: number;
  readonly learning: boolean;
  readonly proxy: boolean;
  readonly l2Miss: boolean;
  readonly l3Miss: boolean;
  /** Whether its UDP socket lives in the host's namespace, as it must. */
  readonly underlayIsHost: boolean;
}

/** How a bridge treats a port. */
export interface PortAttributes {
  readonly isolated: boolean;
  readonly learning: boolean;
  readonly unicastFlood: boolean;
  readonly multicastFlood: boolean;
}

export interface AddressObject {
  readonly kind: "address";
  readonly link: string;
  /** "10.0.1.4/24" */
  readonly prefix: string;
}

export interface RouteObject {
  readonly kind: "route";
  readonly table: number;
  /** "0.0.0.0/0", "10.0.1.0/24" */
  readonly destination: string;
  readonly metric: number;
  /** Name of the leaving link; "" for none, or several. */
  readonly link: string;
  readonly type: string;
  /** Next hop; "" for a directly connected subnet. */
  readonly via: string;
  /** Preferred source; "" for none. */
  readonly source: string;
  /** The subnet of an address: the kernel makes and removes it with the address. */
  readonly connected: boolean;
}

export interface RuleObject {
  readonly kind: "rule";
  readonly priority: number;
  readonly mark: number;
  readonly mask: number;
  readonly table: number;
}

/** A forwarding entry of a VXLAN device (a tunnel address) or of a bridge (a port). */
export interface FdbObject {
  readonly kind: "fdb";
  readonly mac: string;
  readonly link: string;
  /** self: the device's own table. master: that of the bridge it is a port of. */
  readonly table: "self" | "master";
  /** The other node's tunnel address, with port or VNI where they are not the device's own; "" in a bridge's table. */
  readonly tunnel: string;
  /** Never ages out, never moves. */
  readonly fixed: boolean;
}

export interface NeighbourObject {
  readonly kind: "neighbour";
  readonly address: string;
  readonly link: string;
  readonly mac: string;
  readonly permanent: boolean;
}

export interface SysctlObject {
  readonly kind: "sysctl";
  /** Below /proc/sys. */
  readonly path: string;
  /** `undefined` when the kernel has no such setting. */
  readonly value: string | undefined;
  /** Wanted ones only: a larger number is as good. */
  readonly atLeast?: boolean;
  /** Wanted ones only: nothing is missing when the kernel has no such setting. */
  readonly optional?: boolean;
}

export type KernelObject =
  | LinkObject
  | AddressObject
  | RouteObject
  | RuleObject
  | FdbObject
  | NeighbourObject
  | SysctlObject;

export type ObjectKind = KernelObject["kind"];

/** What an object is, unique among those of its kind and place. */
export function keyOf(object: KernelObject): string {
  switch (object.kind) {
    case "link":
      return object.name;
    case "address":
      return `${object.prefix} dev ${object.link}`;
    case "route":
      return `${object.destination} table ${object.table}${object.metric === 0 ? "" : ` metric ${object.metric}`}`;
    case "rule":
      return `${object.priority}: fwmark 0x${object.mark.toString(16)}/0x${object.mask.toString(16)} lookup ${object.table}`;
    case "fdb":
      return object.table === "self" && isGroupMac(object.mac)
        ? `${object.mac} dev ${object.link} dst ${object.tunnel}`
        : `${object.mac} dev ${object.link}${object.table === "master" ? " master" : ""}`;
    case "neighbour":
      return `${object.address} dev ${object.link}`;
    case "sysctl":
      return object.path;
  }
}

/** The attributes of an object by name; those of a wanted object are a subset of those of a found one. */
export function attributesOf(object: KernelObject): ReadonlyMap<string, string | number | boolean> {
  const attributes = new Map<string, string | number | boolean>();
  const add = (values: object, group = "") => {
    for (const [name, value] of Object.entries(values)) if (value !== undefined) attributes.set(group + name, value);
  };
  switch (object.kind) {
    case "link": {
      const { type, up, mtu, mac, master, bridge, vxlan, port } = object;
      add({ type, up, mtu, mac, master });
      if (bridge) add(bridge, "bridge.");
      if (vxlan) add(vxlan, "vxlan.");
      if (port) add(port, "port.");
      return attributes;
    }
    case "route": {
      const { type, via, link, source } = object;
      add({ type, via, link, source });
      return attributes;
    }
    case "fdb":
      add({ tunnel: object.tunnel, fixed: object.fixed });
      return attributes;
    case "neighbour":
      add({ mac: object.mac, permanent: object.permanent });
      return attributes;
    case "sysctl":
      add({ value: object.value });
      return attributes;
    case "address":
    case "rule":
      return attributes;
  }
}

/** "type=vxlan up=true mtu=1450": one line for people. */
export function describeAttributes(object: KernelObject): string {
  return [...attributesOf(object)].map(([name, value]) => `${name}=${value === "" ? "none" : value}`).join(" ");
}

/** Broadcast, multicast and the all-zero default: such an FDB entry may have several tunnel addresses. */
export function isGroupMac(mac: string): boolean {
  return mac === "00:00:00:00:00:00" || (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}
