import { NodeRole, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { Node } from "../../api/generated-json/docker/swarmkit/v1/objects.js";
import { inspectEach } from "../inspect.js";
import type { Action } from "../invocation.js";
import { findNode, listClusters, listTasks, nodeName } from "../objects.js";
import { renderSections, type Section } from "../render/sections.js";
import { timestampText } from "../render/time-ago.js";
import { availability, enumWord, labelLines, managerStatus, nodeState, resourcesText } from "../render/words.js";
import { renderTasks } from "../task/columns.js";
import { nodeCertificates } from "./certificate.js";

/** `tsctl node inspect NODE…` */
export const inspectNodes: Action = async (invocation) => {
  const connection = await invocation.connect();
  const [cluster] = invocation.settings.format === "json" ? [] : await listClusters(connection);
  const certificate = nodeCertificates(cluster, invocation.terminal.now());
  return inspectEach<Node>(invocation, {
    find: (argument) => findNode(connection, argument),
    toJson: Node.toJSON,
    describe: async (node) => {
      const tasks = await listTasks(connection, { nodeIds: [node.id] });
      const shown = tasks.filter((task) => task.nodeId === node.id && task.desiredState <= TaskState.COMPLETE);
      return (
        describe(node, certificate(node).text) + renderTasks(invocation, shown, { withNode: false, nodeOf: (id) => id })
      );
    },
  });
};

function describe(node: Node, certificateExpires: string): string {
  const { description, status, spec } = node;
  const platform = description?.platform;
  const plugins = [...(description?.engine?.plugins ?? [])].sort((a, b) => (a.type < b.type ? -1 : 1));
  const sections: Section[] = [
    ["ID", node.id],
    ["Hostname", nodeName(node)],
    ["Role", roleText(node)],
    ["Status", [nodeState(node), status?.message].filter(Boolean).join(": ")],
    ["Availability", availability(node)],
    ["Address", status?.addr ?? ""],
    ["Created", timestampText(node.meta?.createdAt)],
    ["Labels", labelLines(spec?.annotations?.labels)],
    [
      "Manager",
      node.managerStatus
        ? [
            ["Status", managerStatus(node)],
            ["Address", node.managerStatus.addr],
            ["Raft id", node.managerStatus.raftId],
          ]
        : [],
    ],
    ["Platform", platform ? `${platform.os}/${platform.architecture}` : ""],
    ["Resources", resourcesText(description?.resources)],
    ["Certificate expires", certificateExpires],
    ["Version", description?.engine?.engineVersion ?? ""],
    ["Engine labels", labelLines(description?.engine?.labels)],
    ["Plugins", plugins.map(({ type, name }) => `${type}: ${name}`)],
    [
      "Networks",
      node.attachments.map(({ network, addresses }) =>
        `${network?.spec?.annotations?.name ?? network?.id ?? ""} ${addresses.join(" ")}`.trimEnd(),
      ),
    ],
  ];
  return renderSections(sections);
}

function roleText(node: Node): string {
  const role = enumWord(NodeRole, node.role);
  const desired = enumWord(NodeRole, node.spec?.desiredRole);
  return role === desired ? role : `${role}, becoming ${desired}`;
}
