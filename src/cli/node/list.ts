import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Action } from "../invocation.js";
import { byName, listNodes, nodeName } from "../objects.js";
import { printList } from "../render/list.js";
import { availability, enumWord, managerStatus, nodeState } from "../render/words.js";

/** `tsctl node ls` */
export const listNodesCommand: Action = async (invocation) => {
  const connection = await invocation.connect();
  const nodes = [...(await listNodes(connection))].sort(
    (a, b) => byName(nodeName(a), nodeName(b)) || byName(a.id, b.id),
  );
  printList(invocation, {
    rows: nodes,
    id: ({ id }) => id,
    columns: [
      // In full: node ids are what --node-id and constraints want.
      { title: "ID", value: ({ id }) => id },
      { title: "HOSTNAME", value: nodeName },
      { title: "STATUS", value: nodeState },
      { title: "AVAILABILITY", value: availability },
      { title: "MANAGER STATUS", value: managerStatus },
      { title: "ADDRESS", value: nodeAddress },
      { title: "VERSION", value: (node) => node.description?.engine?.engineVersion ?? "" },
    ],
    json: (node) => ({
      id: node.id,
      hostname: nodeName(node),
      status: nodeState(node),
      message: node.status?.message ?? "",
      availability: availability(node),
      role: enumWord(NodeRole, node.role),
      managerStatus: managerStatus(node),
      address: nodeAddress(node),
      version: node.description?.engine?.engineVersion ?? "",
      labels: node.spec?.annotations?.labels ?? {},
    }),
  });
  return undefined;
};

function nodeAddress(node: Node): string {
  return node.status?.addr ?? "";
}
