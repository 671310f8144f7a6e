/** All rows of the cluster, by what they are asked for. */
import type { Endpoint, ServiceRow } from "../../api/generated/tswarm/v1/link.js";

export function serviceKey(row: { readonly serviceId: string; readonly networkId: string }): string {
  return `${row.serviceId}/${row.networkId}`;
}

export class RelayRows {
  readonly endpoints = new Map<string, Endpoint>();
  readonly services = new Map<string, ServiceRow>();
  readonly #endpointsByNetwork = new Map<string, Set<string>>();
  readonly #servicesByNetwork = new Map<string, Set<string>>();
  readonly #endpointsByNode = new Map<string, Set<string>>();
  readonly #servicesById = new Map<string, Set<string>>();

  endpointsOfNetwork(networkId: string): Iterable<string> {
    return this.#endpointsByNetwork.get(networkId) ?? [];
  }

  servicesOfNetwork(networkId: string): Iterable<string> {
    return this.#servicesByNetwork.get(networkId) ?? [];
  }

  endpointsOfNode(nodeId: string): readonly string[] {
    return [...(this.#endpointsByNode.get(nodeId) ?? [])];
  }

  rowsOfService(serviceId: string): readonly string[] {
    return [...(this.#servicesById.get(serviceId) ?? [])];
  }

  putEndpoint(endpoint: Endpoint): void {
    this.removeEndpoint(endpoint.id);
    this.endpoints.set(endpoint.id, endpoint);
    add(this.#endpointsByNetwork, endpoint.networkId, endpoint.id);
    add(this.#endpointsByNode, endpoint.nodeId, endpoint.id);
  }

  /** @returns the row that was there */
  removeEndpoint(id: string): Endpoint | undefined {
    const endpoint = this.endpoints.get(id);
    if (!endpoint) return undefined;
    this.endpoints.delete(id);
    drop(this.#endpointsByNetwork, endpoint.networkId, id);
    drop(this.#endpointsByNode, endpoint.nodeId, id);
    return endpoint;
  }

  putService(row: ServiceRow): void {
    const key = serviceKey(row);
    this.services.set(key, row);
    add(this.#servicesByNetwork, row.networkId, key);
    add(this.#servicesById, row.serviceId, key);
  }

  removeService(key: string): ServiceRow | undefined {
    const row = this.services.get(key);
    if (!row) return undefined;
    this.services.delete(key);
    drop(this.#servicesByNetwork, row.networkId, key);
    drop(this.#servicesById, row.serviceId, key);
    return row;
  }
}

function add(groups: Map<string, Set<string>>, group: string, member: string): void {
  const members = groups.get(group);
  if (members) members.add(member);
  else groups.set(group, new Set([member]));
}

function drop(groups: Map<string, Set<string>>, group: string, member: string): void {
  const members = groups.get(group);
  if (!members) return;
  members.delete(member);
  if (members.size === 0) groups.delete(group);
}
