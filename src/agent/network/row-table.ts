/**
 * The rows that a node knows, with the indexes that make a change cost what it concerns.
 * Rows of one owner may arrive out of order; of two with the same id the higher revision stands.
 */
import { EndpointState, type RowUpdate } from "../../api/generated/tswarm/v1/link.js";
import type { ClusterView, Endpoint, ServiceRow } from "../cluster-view.js";

export function serviceKey(row: { readonly serviceId: string; readonly networkId: string }): string {
  return `${row.serviceId}/${row.networkId}`;
}

/** What a change touched. */
export interface RowChange {
  readonly networkIds: ReadonlySet<string>;
  /** Keys of services whose row or endpoints changed. */
  readonly serviceKeys: ReadonlySet<string>;
}

export class RowTable implements ClusterView {
  readonly endpoints = new Map<string, Endpoint>();
  readonly services = new Map<string, ServiceRow>();
  readonly #endpointsByNetwork = new Map<string, Map<string, Endpoint>>();
  readonly #endpointsByService = new Map<string, Map<string, Endpoint>>();
  readonly #servicesByNetwork = new Map<string, Map<string, ServiceRow>>();
  revision = 0;

  /** The endpoints of a network by id. */
  endpointsOf(networkId: string): ReadonlyMap<string, Endpoint> {
    return this.#endpointsByNetwork.get(networkId) ?? EMPTY;
  }

  /** The endpoints of one service on one network by id. */
  endpointsOfService(key: string): ReadonlyMap<string, Endpoint> {
    return this.#endpointsByService.get(key) ?? EMPTY;
  }

  /** The services of a network by key. */
  servicesOf(networkId: string): ReadonlyMap<string, ServiceRow> {
    return this.#servicesByNetwork.get(networkId) ?? EMPTY;
  }

  /** @param keep rows that a complete update does not remove: a node's own rows are its own to withdraw */
  apply(update: RowUpdate, keep: (endpoint: Endpoint) => boolean = () => false): RowChange {
    const change = new ChangeRecorder();
    if (update.complete) this.#dropUnnamed(update, keep, change);
    for (const key of update.removedServices) this.#removeService(serviceKey(key), change);
    for (const service of update.services) this.#putService(service, change);
    for (const id of update.removedEndpointIds) this.#removeEndpoint(id, change);
    for (const endpoint of update.endpoints) this.#putEndpoint(endpoint, change);
    this.revision = Math.max(this.revision, update.revision);
    return change;
  }

  /** The whole table as one complete update. */
  snapshot(): RowUpdate {
    return {
      revision: this.revision,
      complete: true,
      services: [...this.services.values()],
      removedServices: [],
      endpoints: [...this.endpoints.values()],
      removedEndpointIds: [],
    };
  }

  #dropUnnamed(update: RowUpdate, keep: (endpoint: Endpoint) => boolean, change: ChangeRecorder): void {
    const services = new Set(update.services.map(serviceKey));
    for (const key of [...this.services.keys()]) if (!services.has(key)) this.#removeService(key, change);
    const endpoints = new Set(update.endpoints.map((endpoint) => endpoint.id));
    for (const [id, endpoint] of [...this.endpoints]) {
      if (!endpoints.has(id) && !keep(endpoint)) this.#removeEndpoint(id, change);
    }
  }

  #putService(service: ServiceRow, change: ChangeRecorder): void {
    const key = serviceKey(service);
    this.services.set(key, service);
    put(this.#servicesByNetwork, service.networkId, key, service);
    change.touch(service.networkId, key);
  }

  #removeService(key: string, change: ChangeRecorder): void {
    const service = this.services.get(key);
    if (!service) return;
    this.services.delete(key);
    drop(this.#servicesByNetwork, service.networkId, key);
    change.touch(service.networkId, key);
  }

  #putEndpoint(endpoint: Endpoint, change: ChangeRecorder): void {
    const before = this.endpoints.get(endpoint.id);
    if (before && !isNews(endpoint, before)) return;
    if (before && before.serviceId !== endpoint.serviceId) this.#removeEndpoint(endpoint.id, change);
    this.endpoints.set(endpoint.id, endpoint);
    put(this.#endpointsByNetwork, endpoint.networkId, endpoint.id, endpoint);
    const key = serviceKey(endpoint);
    if (endpoint.serviceId !== "") put(this.#endpointsByService, key, endpoint.id, endpoint);
    change.touch(endpoint.networkId, key);
  }

  #removeEndpoint(id: string, change: ChangeRecorder): void {
    const endpoint = this.endpoints.get(id);
    if (!endpoint) return;
    this.endpoints.delete(id);
    drop(this.#endpointsByNetwork, endpoint.networkId, id);
    const key = serviceKey(endpoint);
    drop(this.#endpointsByService, key, id);
    change.touch(endpoint.networkId, key);
  }
}

/** A manager that knows no IPv6 relays rows without it; the next one tells it of the same revision. */
function isNews(endpoint: Endpoint, before: Endpoint): boolean {
  if (endpoint.revision !== before.revision) return endpoint.revision > before.revision;
  return before.address6 === "" && endpoint.address6 !== "";
}

/** Whether an endpoint belongs in a load balancer at all, draining ones included. */
export function isBackend(endpoint: Endpoint): boolean {
  return endpoint.state === EndpointState.ENDPOINT_ACTIVE || endpoint.state === EndpointState.ENDPOINT_DRAINING;
}

const EMPTY: ReadonlyMap<string, never> = new Map<string, never>();

class ChangeRecorder implements RowChange {
  readonly networkIds = new Set<string>();
  readonly serviceKeys = new Set<string>();

  touch(networkId: string, key: string): void {
    this.networkIds.add(networkId);
    this.serviceKeys.add(key);
  }
}

function put<T>(index: Map<string, Map<string, T>>, group: string, id: string, row: T): void {
  let rows = index.get(group);
  if (!rows) {
    rows = new Map();
    index.set(group, rows);
  }
  rows.set(id, row);
}

function drop<T>(index: Map<string, Map<string, T>>, group: string, id: string): void {
  const rows = index.get(group);
  if (!rows) return;
  rows.delete(id);
  if (rows.size === 0) index.delete(group);
}
