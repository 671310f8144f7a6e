/** The rows of a service, as a pure function of the service object: one per network on which it can be called. */
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { EndpointSpec_ResolutionMode } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { PortConfig_Protocol, PortConfig_PublishMode } from "../../api/generated/docker/swarmkit/v1/types.js";
import { ServiceResolution, type ServiceRow } from "../../api/generated/tswarm/v1/link.js";

const PROTOCOLS: Readonly<Record<PortConfig_Protocol, string>> = {
  [PortConfig_Protocol.TCP]: "tcp",
  [PortConfig_Protocol.UDP]: "udp",
  [PortConfig_Protocol.SCTP]: "sctp",
};

/** @param ingressNetworkId where published ports are served; undefined while the cluster has no ingress network */
export function serviceRows(service: Service, ingressNetworkId: string | undefined): readonly ServiceRow[] {
  const { spec, endpoint } = service;
  if (!spec || service.pendingDelete) return [];
  const name = spec.annotations?.name ?? "";
  const isDnsrr = spec.endpoint?.mode === EndpointSpec_ResolutionMode.DNSRR;
  const attachments = spec.task && spec.task.networks.length > 0 ? spec.task.networks : spec.networks;
  const virtual = new Map(endpoint?.virtualIps.map((one) => [one.networkId, one.addr.split("/")[0]!]));
  const rows: ServiceRow[] = [];
  for (const { target, aliases } of attachments) {
    const virtualAddress = virtual.get(target) ?? "";
    // Before the allocator has given it an address, a service has no name either.
    if (!isDnsrr && virtualAddress === "") continue;
    rows.push({
      serviceId: service.id,
      networkId: target,
      name,
      resolution: isDnsrr ? ServiceResolution.SERVICE_DNSRR : ServiceResolution.SERVICE_VIP,
      virtualAddress: isDnsrr ? "" : virtualAddress,
      aliases,
      ports: [],
    });
  }
  const ports = (endpoint?.ports ?? []).filter(
    (port) => port.publishMode === PortConfig_PublishMode.INGRESS && port.publishedPort > 0,
  );
  if (ports.length > 0 && ingressNetworkId !== undefined) {
    rows.push({
      serviceId: service.id,
      networkId: ingressNetworkId,
      name,
      resolution: ServiceResolution.SERVICE_VIP,
      virtualAddress: virtual.get(ingressNetworkId) ?? "",
      aliases: [],
      ports: ports.map((port) => ({
        protocol: PROTOCOLS[port.protocol],
        targetPort: port.targetPort,
        publishedPort: port.publishedPort,
        name: port.name,
      })),
    });
  }
  return rows;
}
