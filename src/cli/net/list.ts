import type { Network, Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Action } from "../invocation.js";
import { networkDriver, networkSubnets, networkVnis } from "../network/columns.js";
import { byName, listNetworks, listNodes, listTasks, networkName } from "../objects.js";
import { printList, shortId } from "../render/list.js";

/** `tsctl net ls` */
export const listNetCommand: Action = async (invocation) => {
  const connection = await invocation.connect();
  const [networks, nodes, tasks] = await Promise.all([
    listNetworks(connection),
    listNodes(connection),
    listTasks(connection),
  ]);
  const use = networkUse(nodes, tasks);
  const nodesOn = ({ id }: Network) => use.get(id)?.nodes.size ?? 0;
  const tasksOn = ({ id }: Network) => use.get(id)?.tasks ?? 0;
  printList(invocation, {
    rows: [...networks].sort((a, b) => byName(networkName(a), networkName(b))),
    id: ({ id }) => id,
    columns: [
      { title: "ID", value: ({ id }) => shortId(invocation, id) },
      { title: "NAME", value: networkName },
      { title: "DRIVER", value: networkDriver },
      { title: "VNI", value: (network) => networkVnis(network).join(", "), align: "right" },
      { title: "SUBNET", value: (network) => networkSubnets(network).join(", ") },
      { title: "NODES", value: (network) => String(nodesOn(network)), align: "right" },
      { title: "TASKS", value: (network) => String(tasksOn(network)), align: "right" },
    ],
    json: (network) => ({
      id: network.id,
      name: networkName(network),
      driver: networkDriver(network),
      vnis: networkVnis(network),
      subnets: networkSubnets(network),
      nodes: nodesOn(network),
      tasks: tasksOn(network),
    }),
  });
  return undefined;
};

/** Which nodes take part in each network, and how many tasks that are to run have an address on it. */
export function networkUse(
  nodes: readonly Node[],
  tasks: readonly Task[],
): Map<string, { readonly nodes: Set<string>; tasks: number }> {
  const use = new Map<string, { readonly nodes: Set<string>; tasks: number }>();
  const entry = (networkId: string) => {
    const found = use.get(networkId) ?? { nodes: new Set<string>(), tasks: 0 };
    use.set(networkId, found);
    return found;
  };
  for (const node of nodes) {
    for (const { network } of node.attachments) if (network) entry(network.id).nodes.add(node.id);
    if (node.attachment?.network) entry(node.attachment.network.id).nodes.add(node.id);
  }
  for (const task of tasks) {
    if (task.nodeId === "" || task.desiredState > TaskState.COMPLETE || (task.status?.state ?? 0) > TaskState.RUNNING)
      continue;
    for (const { network } of task.networks) {
      if (!network) continue;
      entry(network.id).nodes.add(task.nodeId);
      entry(network.id).tasks += 1;
    }
  }
  return use;
}
