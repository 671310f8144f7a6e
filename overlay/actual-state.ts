/** What was found in the kernel, and how far the look went. */
import type {
  AddressObject,
  FdbObject,
  LinkObject,
  NeighbourObject,
  Place,
  RouteObject,
  RuleObject,
  SysctlObject,
} from "./kernel-objects.js";

/** A link as found, with what only the kernel knows. */
export interface ActualLink extends LinkObject {
  readonly index: number;
  readonly mtu: number;
  readonly mac: string;
  readonly master: string;
  /** Index of a veth's other end, in that end's namespace; 0 when it has none. */
  readonly peerIndex: number;
}

export type NamespaceRole = "host" | "network" | "sandbox";

/** What of a namespace was looked at. What was not is neither missing nor extra. */
export interface Coverage {
  /** Every link, or only those with these names. */
  readonly links: "all" | ReadonlySet<string>;
  /** FDB entries and neighbours: every one, only those of these links, or none. */
  readonly entries: "all" | ReadonlySet<string>;
  /** Addresses, routes and rules. */
  readonly routing: boolean;
  readonly sysctls: boolean;
}

export interface ActualNamespace {
  readonly place: Place;
  readonly role: NamespaceRole;
  readonly coverage: Coverage;
  /** By name. */
  readonly links: ReadonlyMap<string, ActualLink>;
  readonly addresses: readonly AddressObject[];
  readonly routes: readonly RouteObject[];
  readonly rules: readonly RuleObject[];
  readonly fdb: readonly FdbObject[];
  readonly neighbours: readonly NeighbourObject[];
  readonly sysctls: readonly SysctlObject[];
}

export interface ActualNode {
  readonly nodeId: string;
  /**
   * By place. A namespace that was looked for and does not exist stands in `absent`; one in neither was not looked at.
   */
  readonly namespaces: ReadonlyMap<Place, ActualNamespace>;
  readonly absent: ReadonlySet<Place>;
}
