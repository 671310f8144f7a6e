/** What a service needs to be given, and whether it has it. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { EndpointSpec_ResolutionMode as Mode } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { referencedNetworks } from "../../store/tables.js";
import { isAllocated } from "./published-ports.js";

/** The service is reached through the ingress network. */
export function publishesOnIngress(service: Service): boolean {
  return (service.spec?.endpoint?.ports ?? []).some(isAllocated);
}

/** Networks that the service's tasks are on: ingress first. */
export function taskNetworkIds(service: Service, ingressId: string | undefined): readonly string[] {
  const own = referencedNetworks(service);
  return publishesOnIngress(service) && ingressId !== undefined
    ? [ingressId, ...own.filter((id) => id !== ingressId)]
    : own;
}

/** Networks on which the service has a virtual IP. */
export function virtualIpNetworkIds(service: Service, ingressId: string | undefined): readonly string[] {
  const mode = service.spec?.endpoint?.mode ?? Mode.VIP;
  return mode === Mode.VIP ? taskNetworkIds(service, ingressId) : [];
}

/** The service has the ports and virtual IPs that its specification asks for. */
export function isEndpointComplete(service: Service, ingressId: string | undefined): boolean {
  const { endpoint } = service;
  if (!endpoint || (publishesOnIngress(service) && ingressId === undefined)) return false;
  const wanted = [...virtualIpNetworkIds(service, ingressId)].sort();
  // A network of both families has one of each.
  const present = [...new Set(endpoint.virtualIps.map(({ networkId }) => networkId))].sort();
  return wanted.join() === present.join() && isDeepStrictEqual(endpoint.spec, service.spec?.endpoint);
}
