/** The way of a packet, one line per service and direction, from the wanted state. */
import { EndpointKind, type ObserveRequest } from "../../api/generated/tswarm/v1/link.js";
import type { Endpoint } from "../cluster-view.js";
import type { DataPlane } from "./data-plane.js";
import type { DataPlaneOptions } from "./data-plane-protocol.js";
import { serviceKey } from "./row-table.js";

export function packetPaths(plane: DataPlane, request: ObserveRequest, options: DataPlaneOptions): string[] {
  const paths: string[] = [];
  for (const row of plane.wanted.rows.services.values()) {
    if (request.serviceId !== "" && row.serviceId !== request.serviceId) continue;
    if (request.networkId !== "" && row.networkId !== request.networkId && row.ports.length === 0) continue;
    const tasks = [...plane.wanted.rows.endpointsOfService(serviceKey(row)).values()].filter(
      ({ kind }) => kind === EndpointKind.ENDPOINT_TASK,
    );
    const choice = choices(tasks, ({ address }) => address, options.nodeId);
    const vni = plane.wanted.networks.get(row.networkId)?.vni;
    for (const port of row.ports) {
      paths.push(
        `:${port.publishedPort}/${port.protocol.toLowerCase()} → ${options.bridgeName} → ingress sandbox → ${row.name} → VXLAN ${vni ?? "?"} → ${choice} → :${port.targetPort}`,
      );
    }
    if (row.virtualAddress !== "" && row.ports.length === 0) {
      paths.push(`${row.name} → ${row.virtualAddress} → in the caller's sandbox → VXLAN ${vni ?? "?"} → ${choice}`);
    }
    if (plane.isBalanced6(row)) {
      const choice6 = choices(tasks, ({ address6 }) => address6, options.nodeId);
      paths.push(`${row.name} → ${row.virtualAddress6} → in the caller's sandbox → VXLAN ${vni ?? "?"} → ${choice6}`);
    }
  }
  return paths;
}

/** Where a connection may end, for one family. */
function choices(tasks: readonly Endpoint[], addressOf: (task: Endpoint) => string, nodeId: string): string {
  const backends = tasks
    .filter((task) => addressOf(task) !== "")
    .map(
      (task) => `${task.taskName} ${addressOf(task)} ${task.nodeId === nodeId ? "here" : `by ${task.tunnelAddress}`}`,
    )
    .sort();
  return backends.length === 0 ? "refused: no task serves" : backends.join(" | ");
}
