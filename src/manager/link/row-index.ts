/** All rows, with the indexes that a flush and a node's end need. */
import type { Endpoint, ServiceRow } from "../../api/generated/tswarm/v1/link.js";

export function serviceRowKey(row: { readonly serviceId: string; readonly networkId: string }): string {
  return `${row.serviceId}/${row.networkId}`;
}

export class RowIndex {
  readonly endpoints = new Map<string, Endpoint>();
  readonly services = new Map<string, ServiceRow>();
  readonly #endpointIds = { network: new Grouping(), node: new Grouping() };
  readonly #serviceKeys = { network: new Grouping(), service: new Grouping() };

  endpointsOn(networkId: string): readonly Endpoint[] {
    return this.#endpointIds.network.members(networkId).map((id) => this.endpoints.get(id)!);
  }

  endpointsOfNode(nodeId: string): readonly Endpoint[] {
    return this.#endpointIds.node.members(nodeId).map((id) => this.endpoints.get(id)!);
  }

  servicesOn(networkId: string): readonly ServiceRow[] {
    return this.#serviceKeys.network.members(networkId).map((key) => this.services.get(key)!);
  }

  servicesOf(serviceId: string): readonly ServiceRow[] {
    return this.#serviceKeys.service.members(serviceId).map((key) => this.services.get(key)!);
  }

  /** @returns false when a row of the same or a higher revision stands */
  putEndpoint(endpoint: Endpoint): boolean {
    const before = this.endpoints.get(endpoint.id);
    if (before && before.revision >= endpoint.revision) return false;
    this.removeEndpoint(endpoint.id);
    this.endpoints.set(endpoint.id, endpoint);
    this.#endpointIds.network.add(endpoint.networkId, endpoint.id);
    this.#endpointIds.node.add(endpoint.nodeId, endpoint.id);
    return true;
  }

  removeEndpoint(id: string): void {
    const endpoint = this.endpoints.get(id);
    if (!endpoint) return;
    this.endpoints.delete(id);
    this.#endpointIds.network.remove(endpoint.networkId, id);
    this.#endpointIds.node.remove(endpoint.nodeId, id);
  }

  /** @returns false when the same row stands */
  putService(row: ServiceRow): boolean {
    const key = serviceRowKey(row);
    const before = this.services.get(key);
    if (before && JSON.stringify(before) === JSON.stringify(row)) return false;
    this.services.set(key, row);
    this.#serviceKeys.network.add(row.networkId, key);
    this.#serviceKeys.service.add(row.serviceId, key);
    return true;
  }

  /** @returns whether there was one */
  removeService(key: string): boolean {
    const row = this.services.get(key);
    if (!row) return false;
    this.services.delete(key);
    this.#serviceKeys.network.remove(row.networkId, key);
    this.#serviceKeys.service.remove(row.serviceId, key);
    return true;
  }
}

class Grouping {
  readonly #members = new Map<string, Set<string>>();

  members(group: string): readonly string[] {
    return [...(this.#members.get(group) ?? [])];
  }

  add(group: string, member: string): void {
    const members = this.#members.get(group);
    if (members) members.add(member);
    else this.#members.set(group, new Set([member]));
  }

  remove(group: string, member: string): void {
    const members = this.#members.get(group);
    members?.delete(member);
    if (members?.size === 0) this.#members.delete(group);
  }
}
