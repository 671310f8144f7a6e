/** Which services a namespace balances, as pure functions of the rows. */
import type { Destination, VirtualService } from "../../../ipvs/load-balancer.js";
import { EndpointKind, EndpointState } from "../../api/generated/tswarm/v1/link.js";
import type { Endpoint, ServiceRow } from "../cluster-view.js";
import { addressNumber } from "./mesh-return.js";
import { isBackend, type RowTable, serviceKey } from "./row-table.js";

/** Backends in the order of their addresses; a draining one has weight 0. */
export function destinations(endpoints: Iterable<Endpoint>): readonly Destination[] {
  return [...endpoints]
    .filter((endpoint) => endpoint.kind === EndpointKind.ENDPOINT_TASK && isBackend(endpoint))
    .map((endpoint) => ({
      address: endpoint.address,
      weight: endpoint.state === EndpointState.ENDPOINT_DRAINING ? 0 : 1,
    }))
    .sort((a, b) => addressNumber(a.address) - addressNumber(b.address));
}

/**
 * The destinations of every service, shared by all namespaces that balance it. An entry is made once per change of the
 * service's rows, so that an unchanged service is the same object everywhere.
 */
export class SharedDestinations {
  readonly #byKey = new Map<string, readonly Destination[]>();

  constructor(readonly rows: RowTable) {}

  of(key: string): readonly Destination[] {
    let shared = this.#byKey.get(key);
    if (!shared) {
      shared = destinations(this.rows.endpointsOfService(key).values());
      this.#byKey.set(key, shared);
    }
    return shared;
  }

  forget(keys: Iterable<string>): void {
    for (const key of keys) this.#byKey.delete(key);
  }
}

/** One namespace's services; objects of unchanged services stay the same from one call to the next. */
export class NamespaceServices {
  readonly #byKey = new Map<string, VirtualService>();
  #list: readonly VirtualService[] = [];

  /** @param make makes the service of a row, or undefined when it has no place in this namespace */
  constructor(readonly make: (row: ServiceRow) => VirtualService | undefined) {}

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
      else this.#byKey.delete(key);
    }
    this.#list = [...this.#byKey.values()];
  }

  #put(row: ServiceRow): void {
    const service = this.make(row);
    if (service) this.#byKey.set(serviceKey(row), service);
    else this.#byKey.delete(serviceKey(row));
  }
}

/** The service as clients in a sandbox see it: by its virtual address. */
export function clientService(
  row: ServiceRow,
  mark: number,
  sourceAddress: string,
  shared: readonly Destination[],
): VirtualService | undefined {
  if (row.virtualAddress === "") return undefined;
  return {
    id: serviceKey(row),
    mark,
    virtual: { address: row.virtualAddress, sourceAddress },
    published: [],
    destinations: shared,
  };
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
