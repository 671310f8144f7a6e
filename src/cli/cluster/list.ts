import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Action } from "../invocation.js";
import { byName, clusterName, listClusters } from "../objects.js";
import { printList, shortId } from "../render/list.js";
import { timeAgo, timestampText } from "../render/time-ago.js";

/** `tsctl cluster ls` */
export const listClustersCommand: Action = async (invocation) => {
  const connection = await invocation.connect();
  const clusters = [...(await listClusters(connection))].sort((a, b) => byName(clusterName(a), clusterName(b)));
  printList(invocation, {
    rows: clusters,
    id: ({ id }) => id,
    columns: [
      { title: "ID", value: ({ id }) => shortId(invocation, id) },
      { title: "NAME", value: clusterName },
      { title: "CREATED", value: ({ meta }) => timeAgo(meta?.createdAt, invocation.terminal.now()) },
      { title: "AUTOLOCK", value: (cluster) => (hasAutolock(cluster) ? "on" : "off") },
    ],
    json: (cluster) => ({
      id: cluster.id,
      name: clusterName(cluster),
      created: timestampText(cluster.meta?.createdAt),
      autolock: hasAutolock(cluster),
    }),
  });
  return undefined;
};

export function hasAutolock(cluster: Cluster): boolean {
  return cluster.spec?.encryptionConfig?.autoLockManagers ?? false;
}
