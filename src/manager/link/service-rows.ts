/** The rows of a service: one per network, also while it has no task. Pure. */
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { EndpointSpec_ResolutionMode as Mode } from "../../api/generated/docker/swarmkit/v1/specs.js";
import {
  PortConfig_Protocol as Protocol,
  PortConfig_PublishMode as PublishMode,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { type ServicePort, ServiceResolution, type ServiceRow } from "../../api/generated/tswarm/v1/link.js";
import { canonicalIp } from "../allocator/ip-range.js";
import { taskNetworkIds } from "../allocator/wanted-endpoint.js";

/** @returns rows of the networks on which the service has what it needs; more come when the allocator is done */
export function serviceRows(service: Service, ingressId: string | undefined): readonly ServiceRow[] {
  const isVirtual = (service.spec?.endpoint?.mode ?? Mode.VIP) === Mode.VIP;
  const { four, six } = virtualAddresses(service);
  return taskNetworkIds(service, ingressId).flatMap((networkId) => {
    const virtualAddress = isVirtual ? four.get(networkId) : "";
    if (virtualAddress === undefined) return [];
    return [
      {
        serviceId: service.id,
        networkId,
        name: service.spec?.annotations?.name ?? "",
        resolution: isVirtual ? ServiceResolution.SERVICE_VIP : ServiceResolution.SERVICE_DNSRR,
        virtualAddress,
        aliases: aliasesOn(service, networkId),
        ports: networkId === ingressId ? publishedPorts(service) : [],
        virtualAddress6: isVirtual ? (six.get(networkId) ?? "") : "",
      },
    ];
  });
}

/** The first of each family by network. */
function virtualAddresses({ endpoint }: Service) {
  const four = new Map<string, string>();
  const six = new Map<string, string>();
  for (const { networkId, addr } of endpoint?.virtualIps ?? []) {
    if (addr.includes(":")) {
      if (!six.has(networkId)) six.set(networkId, canonicalIp(addr));
    } else if (!four.has(networkId)) four.set(networkId, bare(addr));
  }
  return { four, six };
}

function publishedPorts(service: Service): readonly ServicePort[] {
  return (service.endpoint?.ports ?? [])
    .filter((port) => port.publishMode === PublishMode.INGRESS && port.publishedPort > 0)
    .map(({ protocol, targetPort, publishedPort, name }) => ({
      protocol: Protocol[protocol]?.toLowerCase() ?? "",
      targetPort,
      publishedPort,
      name,
    }));
}

function aliasesOn(service: Service, networkId: string): readonly string[] {
  const attachments = service.spec?.task?.networks.length ? service.spec.task.networks : (service.spec?.networks ?? []);
  return attachments.find(({ target }) => target === networkId)?.aliases ?? [];
}

function bare(prefix: string): string {
  return prefix.split("/")[0]!;
}
