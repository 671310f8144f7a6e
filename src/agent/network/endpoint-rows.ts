/** The rows that a node publishes of its own: one per task and network, and one for its ingress sandbox. */
import { macFromAddress } from "../../../overlay/mac-address.js";
import { EndpointKind, EndpointState } from "../../api/generated/tswarm/v1/link.js";
import type { Endpoint } from "../cluster-view.js";
import { bareAddress } from "./address-family.js";
import type { LocalTask } from "./local-task.js";

export interface RowOwner {
  readonly nodeId: string;
  readonly tunnelAddress: string;
}

export function endpointId(ownerId: string, networkId: string): string {
  return `${ownerId}/${networkId}`;
}

export function taskEndpoints(
  task: LocalTask,
  state: EndpointState,
  revision: number,
  owner: RowOwner,
): readonly Endpoint[] {
  return task.attachments.map((attachment) => {
    const address = bareAddress(attachment.addressPrefix);
    return {
      id: endpointId(task.id, attachment.networkId),
      kind: EndpointKind.ENDPOINT_TASK,
      nodeId: owner.nodeId,
      networkId: attachment.networkId,
      taskId: task.id,
      taskName: task.name,
      slot: task.slot,
      serviceId: task.serviceId,
      address,
      mac: macFromAddress(address),
      tunnelAddress: owner.tunnelAddress,
      taskAliases: [task.hostname],
      state,
      revision,
      address6: bareAddress(attachment.addressPrefix6 ?? ""),
    };
  });
}

export function ingressEndpoint(
  ingress: { readonly networkId: string; readonly addressPrefix: string },
  revision: number,
  owner: RowOwner,
): Endpoint {
  const address = bareAddress(ingress.addressPrefix);
  return {
    id: endpointId(owner.nodeId, ingress.networkId),
    kind: EndpointKind.ENDPOINT_INGRESS_GATEWAY,
    nodeId: owner.nodeId,
    networkId: ingress.networkId,
    taskId: "",
    taskName: "",
    slot: 0,
    serviceId: "",
    address,
    mac: macFromAddress(address),
    tunnelAddress: owner.tunnelAddress,
    taskAliases: [],
    state: EndpointState.ENDPOINT_CONNECTED,
    revision,
    // Published ports are answered over IPv4 alone.
    address6: "",
  };
}
