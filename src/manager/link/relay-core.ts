/**
 * The relay of rows between agents, as a pure machine. Agents own endpoint rows; the store gives service rows; each linked agent
 * is told those of the networks that it subscribed to.
 *
 * Every flush carries one revision. A link that was sent revision R answers with the revision that its kernel holds; when all links
 * of a row's network have answered at least the revision that carried the row, its owner is told.
 */
import type { Endpoint, EndpointUpdate, RowUpdate, ServiceRow } from "../../api/generated/tswarm/v1/link.js";
import { LinkState } from "./link-state.js";
import { RowIndex, serviceRowKey } from "./row-index.js";

export type LinkId = number;

export interface RelayMessages {
  readonly rows: readonly { readonly link: LinkId; readonly update: RowUpdate }[];
  /** Rows of the link's own node that everybody has applied. */
  readonly applied: readonly {
    readonly link: LinkId;
    readonly rows: readonly { endpointId: string; revision: number }[];
  }[];
}

interface PendingRow {
  readonly nodeId: string;
  readonly networkId: string;
  readonly endpointId: string;
  readonly endpointRevision: number;
  /** The flush that carries it; undefined before. */
  carriedBy: number | undefined;
}

export class RelayCore {
  readonly #links = new Map<LinkId, LinkState>();
  readonly #linkOfNode = new Map<string, LinkId>();
  readonly #rows = new RowIndex();
  /** By endpoint id: of one row only the newest revision is waited for. */
  readonly #pending = new Map<string, PendingRow>();
  readonly #changedEndpoints = new Map<string, string>();
  readonly #changedServices = new Map<string, { readonly serviceId: string; readonly networkId: string }>();
  #revision = 0;

  /** An earlier link of the same node is over. @returns that link */
  linkUp(link: LinkId, nodeId: string): LinkId | undefined {
    const earlier = this.#linkOfNode.get(nodeId);
    if (earlier !== undefined) this.#links.delete(earlier);
    this.#links.set(link, new LinkState(nodeId));
    this.#linkOfNode.set(nodeId, link);
    return earlier;
  }

  /** The node's rows stay: its tasks run on. */
  linkDown(link: LinkId): void {
    const state = this.#links.get(link);
    this.#links.delete(link);
    if (state && this.#linkOfNode.get(state.nodeId) === link) this.#linkOfNode.delete(state.nodeId);
  }

  subscribe(link: LinkId, networkIds: readonly string[]): void {
    this.#links.get(link)?.subscribe(networkIds);
  }

  /** The link could not take all that it was sent: it gets everything anew. */
  lagged(link: LinkId): void {
    this.#links.get(link)?.needEverything();
  }

  /** Rows of another node than the link's are not its to change. */
  update(link: LinkId, update: EndpointUpdate): void {
    const state = this.#links.get(link);
    if (!state) return;
    const own = update.endpoints.filter((endpoint) => endpoint.nodeId === state.nodeId);
    if (update.complete) {
      const named = new Set(own.map((endpoint) => endpoint.id));
      for (const endpoint of this.#rows.endpointsOfNode(state.nodeId)) {
        if (!named.has(endpoint.id)) this.#removeEndpoint(endpoint);
      }
    }
    for (const id of update.removedIds) {
      const endpoint = this.#rows.endpoints.get(id);
      if (endpoint?.nodeId === state.nodeId) this.#removeEndpoint(endpoint);
    }
    for (const endpoint of own) this.#putEndpoint(endpoint);
  }

  applied(link: LinkId, revision: number): void {
    this.#links.get(link)?.applied(revision);
  }

  /** The node is down or removed: nothing of it can be reached. */
  nodeGone(nodeId: string): void {
    for (const endpoint of this.#rows.endpointsOfNode(nodeId)) this.#removeEndpoint(endpoint);
  }

  setService(row: ServiceRow): void {
    if (this.#rows.putService(row)) this.#changedServices.set(serviceRowKey(row), row);
  }

  removeService(key: { readonly serviceId: string; readonly networkId: string }): void {
    if (this.#rows.removeService(serviceRowKey(key))) this.#changedServices.set(serviceRowKey(key), key);
  }

  /** The service rows that stand, by service. */
  serviceRowsOf(serviceId: string): readonly ServiceRow[] {
    return this.#rows.servicesOf(serviceId);
  }

  /** What is to be sent for all inputs since the last flush. */
  flush(): RelayMessages {
    const rows = this.#flushRows();
    return { rows, applied: this.#flushApplied() };
  }

  #flushRows(): RelayMessages["rows"] {
    const changed = this.#changedEndpoints.size + this.#changedServices.size > 0;
    const anybodyNeedsAll = [...this.#links.values()].some((link) => link.needsEverything);
    if (!changed && !anybodyNeedsAll) return [];
    this.#revision++;
    for (const pending of this.#pending.values()) pending.carriedBy ??= this.#revision;
    const messages: { link: LinkId; update: RowUpdate }[] = [];
    for (const [id, link] of this.#links) {
      const update = link.needsEverything ? this.#everythingFor(link) : this.#changesFor(link);
      if (!update) continue;
      link.sent(this.#revision);
      messages.push({ link: id, update });
    }
    this.#changedEndpoints.clear();
    this.#changedServices.clear();
    return messages;
  }

  #everythingFor(link: LinkState): RowUpdate {
    const networkIds = [...link.networkIds];
    return {
      revision: this.#revision,
      complete: true,
      services: networkIds.flatMap((id) => this.#rows.servicesOn(id)),
      removedServices: [],
      endpoints: networkIds.flatMap((id) => this.#rows.endpointsOn(id)),
      removedEndpointIds: [],
    };
  }

  #changesFor(link: LinkState): RowUpdate | undefined {
    const endpoints: Endpoint[] = [];
    const removedEndpointIds: string[] = [];
    for (const [id, networkId] of this.#changedEndpoints) {
      if (!link.networkIds.has(networkId)) continue;
      const endpoint = this.#rows.endpoints.get(id);
      if (endpoint) endpoints.push(endpoint);
      else removedEndpointIds.push(id);
    }
    const services: ServiceRow[] = [];
    const removedServices: { serviceId: string; networkId: string }[] = [];
    for (const [key, { serviceId, networkId }] of this.#changedServices) {
      if (!link.networkIds.has(networkId)) continue;
      const service = this.#rows.services.get(key);
      if (service) services.push(service);
      else removedServices.push({ serviceId, networkId });
    }
    const size = endpoints.length + removedEndpointIds.length + services.length + removedServices.length;
    if (size === 0) return undefined;
    return { revision: this.#revision, complete: false, services, removedServices, endpoints, removedEndpointIds };
  }

  #flushApplied(): RelayMessages["applied"] {
    const byLink = new Map<LinkId, { endpointId: string; revision: number }[]>();
    for (const [endpointId, pending] of this.#pending) {
      if (pending.carriedBy === undefined || !this.#everybodyHas(pending.networkId, pending.carriedBy)) continue;
      this.#pending.delete(endpointId);
      const owner = this.#linkOfNode.get(pending.nodeId);
      if (owner === undefined) continue;
      const rows = byLink.get(owner) ?? [];
      rows.push({ endpointId, revision: pending.endpointRevision });
      byLink.set(owner, rows);
    }
    return [...byLink].map(([link, rows]) => ({ link, rows }));
  }

  #everybodyHas(networkId: string, revision: number): boolean {
    for (const link of this.#links.values()) {
      if (link.networkIds.has(networkId) && !link.has(revision)) return false;
    }
    return true;
  }

  #putEndpoint(endpoint: Endpoint): void {
    if (!this.#rows.putEndpoint(endpoint)) {
      // Known already, from before the owner's link broke: the owner may wait for it anew.
      this.#awaitRow(endpoint);
      return;
    }
    this.#changedEndpoints.set(endpoint.id, endpoint.networkId);
    this.#awaitRow(endpoint);
  }

  #awaitRow({ id, nodeId, networkId, revision }: Endpoint): void {
    const pending = this.#pending.get(id);
    if (pending && pending.endpointRevision >= revision) return;
    const carriedBy = this.#changedEndpoints.has(id) ? undefined : this.#revision;
    this.#pending.set(id, { nodeId, networkId, endpointId: id, endpointRevision: revision, carriedBy });
  }

  #removeEndpoint(endpoint: Endpoint): void {
    this.#rows.removeEndpoint(endpoint.id);
    this.#pending.delete(endpoint.id);
    this.#changedEndpoints.set(endpoint.id, endpoint.networkId);
  }
}
