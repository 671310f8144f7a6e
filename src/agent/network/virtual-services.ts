/** Which services a namespace balances, as pure functions of the rows. */
import type { Destination, VirtualService } from "../../../ipvs/load-balancer.js";
import { isIpv6 } from "../../../overlay/ipv6.js";
import { EndpointKind, EndpointState } from "../../api/generated/tswarm/v1/link.js";
import type { Endpoint, ServiceRow } from "../cluster-view.js";
import { addressNumber } from "./mesh-return.js";
import { isBackend, type RowTable, serviceKey } from "./row-table.js";

/** A service of IPv6 is another one to the load balancer: it has an id and a mark of its own. */
const IPV6_SUFFIX = "/6";

/** The key of a service as its IPv6 half has it. */
export function key6Of(key: string): string {
  return key + IPV6_SUFFIX;
}

/** The key of the row that a balanced service comes from, of either family. */
export function rowKeyOf(id: string): string {
  return id.endsWith(IPV6_SUFFIX) && id.split("/").length === 3 ? id.slice(0, -IPV6_SUFFIX.length) : id;
}

/** Backends in the order of their addresses; a draining one has weight 0. */
export function destinations(endpoints: Iterable<Endpoint>): readonly Destination[] {
  return [...endpoints]
    .filter(isDestination)
    .map((endpoint) => ({ address: endpoint.address, weight: weightOf(endpoint) }))
    .sort((a, b) => addressNumber(a.address) - addressNumber(b.address));
}

/** The same by their addresses of IPv6, without those that have none. */
export function destinations6(endpoints: Iterable<Endpoint>): readonly Destination[] {
  return [...endpoints]
    .filter((endpoint) => isDestination(endpoint) && isIpv6(endpoint.address6))
    .map((endpoint) => ({ address: endpoint.address6, weight: weightOf(endpoint) }))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
}

function isDestination(endpoint: Endpoint): boolean {
  return endpoint.kind === EndpointKind.ENDPOINT_TASK && isBackend(endpoint);
}

function weightOf({ state }: Endpoint): number {
  return state === EndpointState.ENDPOINT_DRAINING ? 0 : 1;
}

/**
 * The destinations of every service, shared by all namespaces that balance it. An entry is made once per change of the
 * service's rows, so that an unchanged service is the same object everywhere.
 */
export class SharedDestinations {
  readonly #byKey = new Map<string, readonly Destination[]>();
  readonly #byKey6 = new Map<string, readonly Destination[]>();

  constructor(readonly rows: RowTable) {}

  of(key: string): readonly Destination[] {
    let shared = this.#byKey.get(key);
    if (!shared) {
      shared = destinations(this.rows.endpointsOfService(key).values());
      this.#byKey.set(key, shared);
    }
    return shared;
  }

  /** By their addresses of IPv6. */
  of6(key: string): readonly Destination[] {
    let shared = this.#byKey6.get(key);
    if (!shared) {
      shared = destinations6(this.rows.endpointsOfService(key).values());
      this.#byKey6.set(key, shared);
    }
    return shared;
  }

  forget(keys: Iterable<string>): void {
    for (const key of keys) {
      this.#byKey.delete(key);
      this.#byKey6.delete(key);
    }
  }
}

/** One namespace's services; objects of unchanged services stay the same from one call to the next. */
export class NamespaceServices {
  readonly #byKey = new Map<string, VirtualService>();
  #list: readonly VirtualService[] = [];

  /**
   * @param make makes the service of a row, or undefined when it has no place in this namespace
   * @param make6 the same for IPv6; absent where none is balanced
   */
  constructor(
    readonly make: (row: ServiceRow) => VirtualService | undefined,
    readonly make6?: (row: ServiceRow) => VirtualService | undefined,
  ) {}

  get list(): readonly VirtualService[] {
    return this.#list;
  }

  rebuild(rows: Iterable<ServiceRow>): void {
    this.#byKey.clear();
    for (const row of rows) this.#put(row);
    this.#list = [...this.#byKey.values()];
  }

  /** Takes over the services with these keys from `rows`, and drops those that are gone. */
  update(keys: Iterable<string>, rows: RowTable): void {
    for (const key of keys) {
      const row = rows.services.get(key);
      if (row) this.#put(row);
      else this.#drop(key);
    }
    this.#list = [...this.#byKey.values()];
  }

  #put(row: ServiceRow): void {
    this.#set(serviceKey(row), this.make(row));
    if (this.make6) this.#set(key6Of(serviceKey(row)), this.make6(row));
  }

  #drop(key: string): void {
    this.#byKey.delete(key);
    if (this.make6) this.#byKey.delete(key6Of(key));
  }

  #set(key: string, service: VirtualService | undefined): void {
    if (service) this.#byKey.set(key, service);
    else this.#byKey.delete(key);
  }
}

/**
 * A service of one family as clients in a sandbox see it: by its virtual address.
 * @param id the row's key, or that of its IPv6 half
 * @param virtual with an empty address for a service that has none
 * @returns undefined for such a service
 */
export function clientService(
  id: string,
  mark: number,
  virtual: NonNullable<VirtualService["virtual"]>,
  shared: readonly Destination[],
): VirtualService | undefined {
  if (virtual.address === "") return undefined;
  return { id, mark, virtual, published: [], destinations: shared };
}

/** The service as the ingress sandbox sees it: by its published ports. */
export function meshService(row: ServiceRow, mark: number, shared: readonly Destination[]): VirtualService | undefined {
  if (row.ports.length === 0) return undefined;
  return {
    id: serviceKey(row),
    mark,
    published: row.ports.map((port) => ({ protocol: transportProtocol(port.protocol), port: port.publishedPort })),
    destinations: shared,
  };
}

export function transportProtocol(name: string): "tcp" | "udp" | "sctp" {
  const folded = name.toLowerCase();
  return folded === "udp" || folded === "sctp" ? folded : "tcp";
}
