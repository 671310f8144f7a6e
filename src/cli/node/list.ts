import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Action } from "../invocation.js";
import { localManager } from "../local-manager.js";
import { byName, listClusters, listNodes, nodeName } from "../objects.js";
import { printList } from "../render/list.js";
import { availability, capital, enumWord, managerStatus, nodeState } from "../render/words.js";
import { nodeCertificates } from "./certificate.js";

/** `tsctl node ls` */
export const listNodesCommand: Action = async (invocation) => {
  const connection = await invocation.connect();
  const [found, local, [cluster]] = await Promise.all([
    listNodes(connection),
    localManager(connection),
    listClusters(connection),
  ]);
  const certificate = nodeCertificates(cluster, invocation.terminal.now());
  const isSelf = ({ id }: Node) => id === local?.nodeId;
  const nodes = [...found].sort((a, b) => byName(nodeName(a), nodeName(b)) || byName(a.id, b.id));
  printList(invocation, {
    rows: nodes,
    id: ({ id }) => id,
    columns: [
      // In full: node ids are what --node-id and constraints want.
      { title: "ID", value: (node) => (isSelf(node) ? `${node.id} *` : node.id) },
      { title: "HOSTNAME", value: nodeName },
      { title: "STATUS", value: (node) => capital(nodeState(node)) },
      { title: "AVAILABILITY", value: (node) => capital(availability(node)) },
      { title: "MANAGER STATUS", value: (node) => capital(managerStatus(node)) },
      { title: "ADDRESS", value: nodeAddress },
      { title: "CERT EXPIRES", value: (node) => certificate(node).text },
      { title: "VERSION", value: (node) => node.description?.engine?.engineVersion ?? "" },
    ],
    json: (node) => ({
      id: node.id,
      self: isSelf(node),
      hostname: nodeName(node),
      status: nodeState(node),
      message: node.status?.message ?? "",
      availability: availability(node),
      role: enumWord(NodeRole, node.role),
      managerStatus: managerStatus(node),
      address: nodeAddress(node),
      version: node.description?.engine?.engineVersion ?? "",
      certificateExpires: isoTime(certificate(node).expiresMs),
      certificateState: certificate(node).state,
      labels: node.spec?.annotations?.labels ?? {},
    }),
  });
  return undefined;
};

function isoTime(timeMs: number | undefined): string {
  return timeMs === undefined ? "" : new Date(timeMs).toISOString();
}

function nodeAddress(node: Node): string {
  return node.status?.addr ?? "";
}
