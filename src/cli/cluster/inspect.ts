import { Cluster } from "../../api/generated-json/docker/swarmkit/v1/objects.js";
import { inspectEach } from "../inspect.js";
import type { Action } from "../invocation.js";
import { clusterName, findCluster, theCluster } from "../objects.js";
import { renderSections, type Section } from "../render/sections.js";
import { timestampText } from "../render/time-ago.js";
import { labelLines } from "../render/words.js";
import { desiredRoot, isRotating } from "../swarm/root-certificate.js";
import { formatDuration } from "../values/duration.js";
import { hasAutolock } from "./list.js";

/** `tsctl cluster inspect [CLUSTER…]`: without an argument the one that the manager knows. */
export const inspectClusters: Action = async (invocation) => {
  const connection = await invocation.connect();
  const args = invocation.args.length > 0 ? invocation.args : [""];
  return inspectEach<Cluster>(
    { ...invocation, args },
    {
      find: (argument) => (argument === "" ? theCluster(connection) : findCluster(connection, argument)),
      toJson: (cluster) => Cluster.toJSON(withoutTokens(cluster)),
      describe: async (cluster) => describe(cluster),
    },
  );
};

/** What is inspected is shown to others: "tsctl join-token" is asked for a token. */
function withoutTokens(cluster: Cluster): Cluster {
  return cluster.rootCa ? { ...cluster, rootCa: { ...cluster.rootCa, joinTokens: undefined } } : cluster;
}

function describe(cluster: Cluster): string {
  const { raft, dispatcher, orchestration, caConfig } = cluster.spec ?? {};
  const expiry = caConfig?.nodeCertExpiry;
  const heartbeat = dispatcher?.heartbeatPeriod;
  const sections: Section[] = [
    ["ID", cluster.id],
    ["Name", clusterName(cluster)],
    ["Created", timestampText(cluster.meta?.createdAt)],
    ["Labels", labelLines(cluster.spec?.annotations?.labels)],
    [
      "Managers' log",
      [
        ["Autolock", hasAutolock(cluster) ? "on" : "off"],
        ["Snapshot interval", `${raft?.snapshotInterval ?? 0} entries`],
        ["Kept for slow followers", `${raft?.logEntriesForSlowFollowers ?? 0} entries`],
      ],
    ],
    ["Dispatcher", [["Heartbeat", heartbeat ? formatDuration(heartbeat) : ""]]],
    ["Orchestration", [["Task history limit", String(orchestration?.taskHistoryRetentionLimit ?? 0)]]],
    [
      "Certificates",
      [
        ["Root", cluster.rootCa ? desiredRoot(cluster).digest : ""],
        ["Rotation", isRotating(cluster) ? "to this root, in progress" : ""],
        ["Valid for", expiry ? formatDuration(expiry) : ""],
        ["External CAs", (caConfig?.externalCas ?? []).map(({ url }) => url)],
      ],
    ],
    [
      "Networks",
      [
        ["Address pools", cluster.defaultAddressPool.join(", ")],
        ["Subnet size", cluster.subnetSize > 0 ? `/${cluster.subnetSize}` : ""],
        ["Data path port", cluster.VXLANUDPPort > 0 ? `${cluster.VXLANUDPPort}/udp` : ""],
      ],
    ],
  ];
  return renderSections(sections);
}
