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
  /** Addresses of a family that a name has on a network now, sorted; undefined when the resolver does not know it. */
  answers(networkId: string, name: string, family: 4 | 6): readonly string[] | undefined;
}

/** @param balancesIpv6 virtual addresses of IPv6 are balanced on this node */
export function dnsItems(
  view: ClusterView,
  names: AnswersByName,
  balancesIpv6: boolean,
  request: ObserveRequest,
): readonly ObservedItem[] {
  const items: ObservedItem[] = [];
  for (const row of view.services.values()) {
    const facts = names.networks.get(row.networkId);
    if (!facts || facts.ingress || row.name === "") continue;
    if (request.networkId !== "" && request.networkId !== row.networkId) continue;
    if (request.serviceId !== "" && request.serviceId !== row.serviceId) continue;
    const tasks = [...view.endpoints.values()].filter(
      (endpoint) =>
        endpoint.kind === EndpointKind.ENDPOINT_TASK &&
        endpoint.networkId === row.networkId &&
        endpoint.serviceId === row.serviceId &&
        endpoint.state === EndpointState.ENDPOINT_ACTIVE,
    );
    const active = tasks.map(({ address }) => address).sort();
    const active6 = tasks.flatMap(({ address6 }) => (address6 === "" ? [] : [address6])).sort();
    const virtual6 = balancesIpv6 ? row.virtualAddress6 : "";
    const wantedAnswers: (readonly [name: string, family: 4 | 6, wanted: readonly string[]])[] = [
      [row.name, 4, row.virtualAddress === "" ? active : [row.virtualAddress]],
      [`tasks.${row.name}`, 4, active],
    ];
    if (facts.subnet6 !== undefined) {
      wantedAnswers.push([row.name, 6, virtual6 === "" ? active6 : [virtual6]], [`tasks.${row.name}`, 6, active6]);
    }
    for (const [name, family, wanted] of wantedAnswers) {
      const found = names.answers(row.networkId, name, family) ?? [];
      items.push({
        kind: "dns",
        place: facts.name,
        key: family === 4 ? name : `${name} AAAA`,
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
