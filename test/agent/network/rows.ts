import type { Endpoint, ServiceRow } from "../../../src/agent/cluster-view.js";
import type { RowUpdate } from "../../../src/api/generated/tswarm/v1/link.js";
import { EndpointKind, EndpointState, ServiceResolution } from "../../../src/api/generated/tswarm/v1/link.js";

/** An endpoint of a task on network `n1`, with what a test says. */
export function endpoint(over: Partial<Endpoint> & { readonly id: string }): Endpoint {
  return {
    kind: EndpointKind.ENDPOINT_TASK,
    nodeId: "node-b",
    networkId: "n1",
    taskId: over.id.split("/")[0]!,
    taskName: "web.1.x",
    slot: 1,
    serviceId: "s1",
    address: "10.0.1.4",
    mac: "02:42:0a:00:01:04",
    tunnelAddress: "192.0.2.2",
    taskAliases: [],
    state: EndpointState.ENDPOINT_ACTIVE,
    revision: 1,
    address6: "",
    ...over,
  };
}

export function serviceRow(over: Partial<ServiceRow> = {}): ServiceRow {
  return {
    serviceId: "s1",
    networkId: "n1",
    name: "web",
    resolution: ServiceResolution.SERVICE_VIP,
    virtualAddress: "10.0.1.2",
    aliases: [],
    ports: [],
    virtualAddress6: "",
    ...over,
  };
}

export function update(over: Partial<RowUpdate>): RowUpdate {
  return {
    revision: 0,
    complete: false,
    services: [],
    removedServices: [],
    endpoints: [],
    removedEndpointIds: [],
    ...over,
  };
}
