/** The way of a packet, one line per service and direction, from the wanted state. */
import { EndpointKind, type ObserveRequest } from "../../api/generated/tswarm/v1/link.js";
import type { DataPlane } from "./data-plane.js";
import type { DataPlaneOptions } from "./data-plane-protocol.js";
import { serviceKey } from "./row-table.js";

export function packetPaths(plane: DataPlane, request: ObserveRequest, options: DataPlaneOptions): string[] {
  const paths: string[] = [];
  for (const row of plane.wanted.rows.services.values()) {
    if (request.serviceId !== "" && row.serviceId !== request.serviceId) continue;
    if (request.networkId !== "" && row.networkId !== request.networkId && row.ports.length === 0) continue;
    const backends = [...plane.wanted.rows.endpointsOfService(serviceKey(row)).values()]
      .filter((endpoint) => endpoint.kind === EndpointKind.ENDPOINT_TASK)
      .map((endpoint) =>
        endpoint.nodeId === options.nodeId
          ? `${endpoint.taskName} ${endpoint.address} here`
          : `${endpoint.taskName} ${endpoint.address} by ${endpoint.tunnelAddress}`,
      )
      .sort();
    const choice = backends.length === 0 ? "refused: no task serves" : backends.join(" | ");
    const vni = plane.wanted.networks.get(row.networkId)?.vni;
    for (const port of row.ports) {
      paths.push(
        `:${port.publishedPort}/${port.protocol.toLowerCase()} → ${options.bridgeName} → ingress sandbox → ${row.name} → VXLAN ${vni ?? "?"} → ${choice} → :${port.targetPort}`,
      );
    }
    if (row.virtualAddress !== "" && row.ports.length === 0) {
      paths.push(`${row.name} → ${row.virtualAddress} → in the caller's sandbox → VXLAN ${vni ?? "?"} → ${choice}`);
    }
  }
  return paths;
}
