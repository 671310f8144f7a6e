/** The small operations that bring the kernel from what it is to what is wanted. Each can be done again without harm. */
import type { Peer } from "./expected-state.js";
import {
  type AddressObject,
  type BridgeAttributes,
  type FdbObject,
  HOST,
  keyOf,
  type NeighbourObject,
  type Place,
  type PortAttributes,
  type RouteObject,
  type RuleObject,
  type SysctlObject,
} from "./kernel-objects.js";

/** What to change about a link that exists, in the order of these fields. */
export interface LinkChange {
  readonly mtu?: number;
  readonly mac?: string;
  /** Only what differs: a kernel without a feature refuses to be told to keep it off. */
  readonly bridge?: Partial<BridgeAttributes>;
  /** "" takes it out of its bridge. */
  readonly master?: string;
  readonly port?: PortAttributes;
  readonly up?: boolean;
}

export type Step =
  | { readonly kind: "create-namespace"; readonly place: Place }
  | { readonly kind: "remove-namespace"; readonly place: Place }
  /** Without spanning tree, VLANs, or watching of group memberships. */
  | {
      readonly kind: "create-bridge";
      readonly place: Place;
      readonly link: string;
      readonly mac: string;
    }
  /** Learning off, proxy on, no notifications of misses; its UDP socket in the host's namespace. */
  | {
      readonly kind: "create-vxlan";
      readonly place: Place;
      readonly link: string;
      readonly vni: number;
      readonly port: number;
      readonly mtu: number;
    }
  /** Both legs at once, each in its own namespace under its own name. */
  | {
      readonly kind: "create-veth";
      readonly place: Place;
      readonly link: string;
      readonly mtu: number;
      readonly peer: Peer & { readonly mac?: string };
    }
  | {
      readonly kind: "set-link";
      readonly place: Place;
      readonly link: string;
      readonly change: LinkChange;
      /** The attributes that differed. */
      readonly because: readonly string[];
    }
  /** `because` names the attributes that cannot be changed in place; empty when nobody wants the link. */
  | {
      readonly kind: "remove-link";
      readonly place: Place;
      readonly link: string;
      readonly because: readonly string[];
    }
  | { readonly kind: "replace-address"; readonly place: Place; readonly object: AddressObject }
  | { readonly kind: "remove-address"; readonly place: Place; readonly object: AddressObject }
  | { readonly kind: "replace-route"; readonly place: Place; readonly object: RouteObject }
  | { readonly kind: "remove-route"; readonly place: Place; readonly object: RouteObject }
  | { readonly kind: "add-rule"; readonly place: Place; readonly object: RuleObject }
  | { readonly kind: "remove-rule"; readonly place: Place; readonly object: RuleObject }
  | { readonly kind: "replace-fdb"; readonly place: Place; readonly object: FdbObject }
  | { readonly kind: "remove-fdb"; readonly place: Place; readonly object: FdbObject }
  | { readonly kind: "replace-neighbour"; readonly place: Place; readonly object: NeighbourObject }
  | { readonly kind: "remove-neighbour"; readonly place: Place; readonly object: NeighbourObject }
  | { readonly kind: "set-sysctl"; readonly place: Place; readonly object: SysctlObject };

export type StepKind = Step["kind"];

/** One line for people: what is done, to what, where. */
export function describeStep(step: Step): string {
  return `${describeWhat(step)} in ${step.place === HOST ? "the host's namespace" : step.place}`;
}

function describeWhat(step: Step): string {
  switch (step.kind) {
    case "create-namespace":
      return "make the namespace itself";
    case "remove-namespace":
      return "remove the namespace itself";
    case "create-bridge":
      return `add bridge ${step.link}`;
    case "create-vxlan":
      return `add VXLAN device ${step.link} (VNI ${step.vni}, port ${step.port}, MTU ${step.mtu})`;
    case "create-veth":
      return `add veth ${step.link} to ${step.peer.link} of ${step.peer.place}`;
    case "set-link":
      return `set ${describeChange(step.change)} of link ${step.link}`;
    case "remove-link":
      return `remove link ${step.link}${step.because.length > 0 ? ` (wrong ${step.because.join(", ")})` : ""}`;
    case "replace-route":
    case "remove-route": {
      const { via, link } = step.object;
      const verb = step.kind === "replace-route" ? "set" : "remove";
      return `${verb} route ${keyOf(step.object)}${via ? ` via ${via}` : ""}${link ? ` dev ${link}` : ""}`;
    }
    case "replace-fdb":
    case "remove-fdb": {
      const { tunnel, table } = step.object;
      const verb = step.kind === "replace-fdb" ? "set" : "remove";
      return `${verb} FDB entry ${keyOf(step.object)}${tunnel && table === "self" ? ` to ${tunnel}` : ""}`;
    }
    case "replace-neighbour":
      return `set neighbour ${keyOf(step.object)} to ${step.object.mac}`;
    case "set-sysctl":
      return `set ${step.object.path} to ${step.object.value}`;
    default: {
      const [verb] = step.kind.split("-");
      return `${verb === "replace" ? "set" : verb} ${step.object.kind} ${keyOf(step.object)}`;
    }
  }
}

function describeChange(change: LinkChange): string {
  const { bridge, port, ...plain } = change;
  return Object.entries({ ...plain, ...bridge, ...port })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${value === "" ? "none" : value}`)
    .join(", ");
}
