/** What the resolver answers for the services of a network, beside what it should: for `tsctl net inspect`. */
import {
  EndpointKind,
  EndpointState,
  ItemState,
  type ObservedItem,
  type ObserveRequest,
} from "../../api/generated/tswarm/v1/link.js";
import type { ClusterView } from "../cluster-view.js";
import type { NetworkFacts } from "./network-facts.js";

/** Answers the resolver gives on one network. */
export interface AnswersByName {
  readonly networks: ReadonlyMap<string, NetworkFacts>;
  /** Addresses that a name has on a network now, sorted; undefined when the resolver does not know it. */
  answers(networkId: string, name: string): readonly string[] | undefined;
}

export function dnsItems(view: ClusterView, names: AnswersByName, request: ObserveRequest): readonly ObservedItem[] {
  const items: ObservedItem[] = [];
  for (const row of view.services.values()) {
    const facts = names.networks.get(row.networkId);
    if (!facts || facts.ingress || row.name === "") continue;
    if (request.networkId !== "" && request.networkId !== row.networkId) continue;
    if (request.serviceId !== "" && request.serviceId !== row.serviceId) continue;
    const active = [...view.endpoints.values()]
      .filter(
        (endpoint) =>
          endpoint.kind === EndpointKind.ENDPOINT_TASK &&
          endpoint.networkId === row.networkId &&
          endpoint.serviceId === row.serviceId &&
          endpoint.state === EndpointState.ENDPOINT_ACTIVE,
      )
      .map((endpoint) => endpoint.address)
      .sort();
    const wantedOf = new Map([
      [row.name, row.virtualAddress === "" ? active : [row.virtualAddress]],
      [`tasks.${row.name}`, active],
    ]);
    for (const [name, wanted] of wantedOf) {
      const found = names.answers(row.networkId, name) ?? [];
      items.push({
        kind: "dns",
        place: facts.name,
        key: name,
        wanted: wanted.join(" "),
        found: found.join(" "),
        state: stateOf(wanted, found),
        networkId: row.networkId,
        serviceId: row.serviceId,
        endpointId: "",
        weight: 0,
        connections: 0,
      });
    }
  }
  return items;
}

function stateOf(wanted: readonly string[], found: readonly string[]): ItemState {
  if (wanted.join() === found.join()) return ItemState.ITEM_PRESENT;
  return found.length === 0 ? ItemState.ITEM_MISSING : ItemState.ITEM_DIFFERENT;
}
