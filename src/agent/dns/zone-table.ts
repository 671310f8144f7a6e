/** The zones of all networks that this node knows rows of, kept in step with the view. */
import type { RowUpdate } from "../../api/generated/tswarm/v1/link.js";
import type { ClusterView } from "../cluster-view.js";
import { NetworkZone, type ZoneMeans } from "./zone.js";

export type RowsOfView = Pick<ClusterView, "endpoints" | "services">;

const EMPTY = new NetworkZone({ balancesIpv6: false });

export class ZoneTable {
  readonly #zones = new Map<string, NetworkZone>();
  /** Network of each endpoint row, since its removal names the endpoint alone. */
  readonly #networkOf = new Map<string, string>();

  readonly #means: ZoneMeans;

  constructor(means: ZoneMeans) {
    this.#means = means;
  }

  zone(networkId: string): NetworkZone {
    return this.#zones.get(networkId) ?? EMPTY;
  }

  /** The update says which rows to look at; what they hold is read from the view, which has it already. */
  apply(update: RowUpdate, view: RowsOfView): void {
    if (update.complete) {
      this.reconcile(view);
      return;
    }
    for (const key of update.removedServices) this.#lookService(key, view);
    for (const row of update.services) this.#lookService(row, view);
    for (const id of update.removedEndpointIds) this.#lookEndpoint(id, view);
    for (const { id } of update.endpoints) this.#lookEndpoint(id, view);
  }

  /** Brings every zone to what the view holds, whatever happened before. */
  reconcile(view: RowsOfView): void {
    for (const row of view.services.values()) this.#lookService(row, view);
    for (const id of view.endpoints.keys()) this.#lookEndpoint(id, view);
    for (const [networkId, zone] of [...this.#zones]) {
      for (const serviceId of [...zone.serviceIds()]) this.#lookService({ serviceId, networkId }, view);
      for (const id of [...zone.endpointIds()]) this.#lookEndpoint(id, view);
    }
  }

  #lookService(key: { readonly serviceId: string; readonly networkId: string }, view: RowsOfView): void {
    const row = view.services.get(`${key.serviceId}/${key.networkId}`);
    if (row) this.#make(key.networkId).putService(row);
    else this.#zones.get(key.networkId)?.removeService(key.serviceId);
    this.#dropEmpty(key.networkId);
  }

  #lookEndpoint(id: string, view: RowsOfView): void {
    const endpoint = view.endpoints.get(id);
    const before = this.#networkOf.get(id);
    if (before !== undefined && before !== endpoint?.networkId) {
      this.#zones.get(before)?.removeEndpoint(id);
      this.#networkOf.delete(id);
      this.#dropEmpty(before);
    }
    if (!endpoint) return;
    this.#networkOf.set(id, endpoint.networkId);
    this.#make(endpoint.networkId).putEndpoint(endpoint);
    this.#dropEmpty(endpoint.networkId);
  }

  #make(networkId: string): NetworkZone {
    let zone = this.#zones.get(networkId);
    if (!zone) {
      zone = new NetworkZone(this.#means);
      this.#zones.set(networkId, zone);
    }
    return zone;
  }

  #dropEmpty(networkId: string): void {
    if (this.#zones.get(networkId)?.isEmpty) this.#zones.delete(networkId);
  }
}
