/** What a node may hear and say over its link: that of the networks its own tasks are on, and of ingress. Pure. */
import { macFromAddress } from "../../../overlay/mac-address.js";
import type { NetworkAttachment, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { type Endpoint, EndpointKind } from "../../api/generated/tswarm/v1/link.js";
import type { StoreReader } from "../../store/reader.js";
import { canonicalIp } from "../allocator/ip-range.js";

/** What the cluster says of a row, whatever its node says. */
type OwnRow = Pick<Endpoint, "kind" | "networkId" | "taskId" | "serviceId" | "address" | "address6">;

export interface NodeScope {
  readonly networkIds: ReadonlySet<string>;
  /** Rows that the node may publish, by endpoint id. */
  readonly rows: ReadonlyMap<string, OwnRow>;
}

/** @param ingressId undefined: the cluster has no ingress network */
export function nodeScope(read: StoreReader, nodeId: string, ingressId: string | undefined): NodeScope {
  const networkIds = new Set<string>();
  const rows = new Map<string, OwnRow>();
  const attach = (
    ownerId: string,
    { network, addresses }: NetworkAttachment,
    row: Omit<OwnRow, "networkId" | "address" | "address6">,
  ) => {
    if (!network) return;
    networkIds.add(network.id);
    const four = addresses.find((one) => !one.includes(":"));
    const six = addresses.find((one) => one.includes(":"));
    if (!four) return;
    const own = { address: bare(four), address6: six === undefined ? "" : canonicalIp(six) };
    rows.set(`${ownerId}/${network.id}`, { ...row, networkId: network.id, ...own });
  };
  if (ingressId !== undefined) networkIds.add(ingressId);
  for (const attachment of read.get("node", nodeId)?.attachments ?? []) {
    attach(nodeId, attachment, { kind: EndpointKind.ENDPOINT_INGRESS_GATEWAY, taskId: "", serviceId: "" });
  }
  for (const task of read.find("task", "node", nodeId)) {
    if (!mayRun(task)) continue;
    const row = { kind: EndpointKind.ENDPOINT_TASK, taskId: task.id, serviceId: task.serviceId };
    for (const attachment of task.networks) attach(task.id, attachment, row);
  }
  return { networkIds, rows };
}

/**
 * The row is of a task of the node, or of its ingress sandbox, and says no other service and addresses than the cluster does. An
 * agent that knows no IPv6 says nothing of it.
 */
export function isOwnRow({ rows }: NodeScope, row: Endpoint): boolean {
  const own = rows.get(row.id);
  return (
    own !== undefined &&
    row.kind === own.kind &&
    row.networkId === own.networkId &&
    row.taskId === own.taskId &&
    row.serviceId === own.serviceId &&
    row.address === own.address &&
    (row.address6 === "" || row.address6 === own.address6) &&
    row.mac === macFromAddress(own.address)
  );
}

/** Whether a task's change can have changed what its node may. */
export function changesScope(task: Task, previous: Task | undefined): boolean {
  return (
    !previous ||
    task.nodeId !== previous.nodeId ||
    task.networks !== previous.networks ||
    mayRun(task) !== mayRun(previous)
  );
}

/** As far as the cluster knows it has not ended. */
function mayRun({ status }: Task): boolean {
  return (status?.state ?? TaskState.NEW) <= TaskState.RUNNING;
}

/** "10.0.1.4/24" → "10.0.1.4" */
function bare(address: string): string {
  const slash = address.indexOf("/");
  return slash < 0 ? address : address.slice(0, slash);
}
