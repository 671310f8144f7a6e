import type { Cluster, Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { ExternalCA_CAProtocol as Protocol } from "../../api/generated/docker/swarmkit/v1/types.js";
import { LocalNodeService, LocalNodeState, type NodeInfoResponse } from "../../api/generated/tswarm/v1/node.js";
import { hasAutolock } from "../cluster/list.js";
import type { Connection } from "../connection.js";
import { CommandError } from "../failure.js";
import type { Action, Invocation } from "../invocation.js";
import { localManager } from "../local-manager.js";
import { listNodes, theCluster } from "../objects.js";
import { printJson } from "../render/list.js";
import { renderSections, type Section } from "../render/sections.js";
import { humanSpan } from "../render/time-ago.js";
import { durationMs } from "../values/duration.js";
import { isRotating } from "./root-certificate.js";

/** What is known of this node, and on a manager of its cluster. */
interface Info {
  readonly state: string;
  readonly error: string;
  readonly nodeId: string;
  readonly nodeAddr: string;
  readonly controlAvailable: boolean;
  readonly managers: readonly { readonly nodeId: string; readonly addr: string }[];
  readonly cluster?: ClusterFacts;
}

interface ClusterFacts {
  readonly cluster: Cluster;
  readonly nodes: readonly Node[];
}

/** `tsctl info`: the facts of the `Swarm:` part of `docker info`, and its names. */
export const info: Action = async (invocation) => {
  const found = invocation.settings.socket.kind === "unix" ? await ofThisNode(invocation) : await ofManager(invocation);
  if (invocation.settings.format === "json") printJson(invocation, toJson(found));
  else invocation.terminal.write(renderSections(toSections(found)));
  return undefined;
};

async function ofThisNode(invocation: Invocation): Promise<Info> {
  const node = await invocation.connectNode();
  const said = await node.call(LocalNodeService.info, {});
  const base = fromDaemon(said);
  if (!said.controlAvailable || said.state === LocalNodeState.NODE_LOCKED) return base;
  try {
    return { ...base, cluster: await clusterFacts(await invocation.connect()) };
  } catch (error) {
    // Without a leader, say: what the daemon knows is still of use.
    if (!(error instanceof CommandError)) throw error;
    return { ...base, error: base.error || error.message };
  }
}

function fromDaemon(said: NodeInfoResponse): Info {
  const { error, nodeId, nodeAddr, controlAvailable, managers } = said;
  const state = (LocalNodeState[said.state] ?? "unknown").replace("NODE_", "").toLowerCase();
  return { state, error, nodeId, nodeAddr, controlAvailable, managers };
}

/** A manager elsewhere: of its daemon nothing is known. */
async function ofManager(invocation: Invocation): Promise<Info> {
  const connection = await invocation.connect();
  const [facts, local] = await Promise.all([clusterFacts(connection), localManager(connection)]);
  const self = facts.nodes.find(({ id }) => id === local?.nodeId);
  const managers = facts.nodes.flatMap(({ id, managerStatus }) =>
    managerStatus ? [{ nodeId: id, addr: managerStatus.addr }] : [],
  );
  const nodeAddr = self?.status?.addr ?? "";
  return {
    state: "active",
    error: "",
    nodeId: local?.nodeId ?? "",
    nodeAddr,
    controlAvailable: true,
    managers,
    cluster: facts,
  };
}

async function clusterFacts(connection: Connection): Promise<ClusterFacts> {
  const [cluster, nodes] = await Promise.all([theCluster(connection), listNodes(connection)]);
  return { cluster, nodes };
}

function countOfManagers(nodes: readonly Node[]): number {
  return nodes.filter(({ managerStatus }) => managerStatus !== undefined).length;
}

function toSections({ state, error, nodeId, nodeAddr, controlAvailable, managers, cluster: facts }: Info): Section[] {
  const isMember = nodeId !== "" && state !== "inactive";
  if (!isMember) {
    return [
      ["Swarm", state],
      ["Error", error],
    ];
  }
  return [
    ["Swarm", state],
    ["NodeID", nodeId],
    ["Error", error],
    ["Is Manager", String(controlAvailable)],
    ...(facts ? clusterSections(facts) : []),
    ["Node Address", nodeAddr],
    ["Manager Addresses", managers.map(({ addr }) => addr).sort()],
  ];
}

function clusterSections({ cluster, nodes }: ClusterFacts): Section[] {
  const { orchestration, raft, dispatcher, caConfig } = cluster.spec ?? {};
  const expiry = caConfig?.nodeCertExpiry;
  const heartbeat = dispatcher?.heartbeatPeriod;
  const externalCas = (caConfig?.externalCas ?? []).map(({ protocol, url }) => `${protocolName(protocol)}: ${url}`);
  return [
    ["ClusterID", cluster.id],
    ["Managers", String(countOfManagers(nodes))],
    ["Nodes", String(nodes.length)],
    ["Default Address Pool", cluster.defaultAddressPool.join(" ")],
    ["SubnetSize", String(cluster.subnetSize)],
    ["Data Path Port", String(cluster.VXLANUDPPort)],
    ["Orchestration", [["Task History Retention Limit", String(orchestration?.taskHistoryRetentionLimit ?? 0)]]],
    [
      "Raft",
      [
        ["Snapshot Interval", String(raft?.snapshotInterval ?? 0)],
        ["Number of Old Snapshots to Retain", String(raft?.keepOldSnapshots ?? 0)],
        ["Heartbeat Tick", String(raft?.heartbeatTick ?? 0)],
        ["Election Tick", String(raft?.electionTick ?? 0)],
      ],
    ],
    ["Dispatcher", [["Heartbeat Period", heartbeat ? humanSpan(durationMs(heartbeat)) : ""]]],
    [
      "CA Configuration",
      [
        ["Expiry Duration", expiry ? humanSpan(durationMs(expiry)) : ""],
        ["Force Rotate", String(caConfig?.forceRotate ?? 0)],
        ["External CAs", externalCas],
      ],
    ],
    ["Autolock Managers", String(hasAutolock(cluster))],
    ["Root Rotation In Progress", String(isRotating(cluster))],
  ];
}

function toJson({ cluster: facts, ...known }: Info): Record<string, unknown> {
  if (!facts) return { ...known };
  const { cluster, nodes } = facts;
  const { orchestration, raft, dispatcher, caConfig } = cluster.spec ?? {};
  return {
    ...known,
    nodes: nodes.length,
    managersTotal: countOfManagers(nodes),
    cluster: {
      id: cluster.id,
      defaultAddressPool: cluster.defaultAddressPool,
      subnetSize: cluster.subnetSize,
      dataPathPort: cluster.VXLANUDPPort,
      taskHistoryLimit: orchestration?.taskHistoryRetentionLimit ?? 0,
      snapshotInterval: raft?.snapshotInterval ?? 0,
      maxSnapshots: raft?.keepOldSnapshots ?? 0,
      heartbeatTick: raft?.heartbeatTick ?? 0,
      electionTick: raft?.electionTick ?? 0,
      dispatcherHeartbeatMs: dispatcher?.heartbeatPeriod ? durationMs(dispatcher.heartbeatPeriod) : 0,
      certExpiryMs: caConfig?.nodeCertExpiry ? durationMs(caConfig.nodeCertExpiry) : 0,
      forceRotate: caConfig?.forceRotate ?? 0,
      externalCas: (caConfig?.externalCas ?? []).map(({ protocol, url }) => ({
        protocol: protocolName(protocol),
        url,
      })),
      autolock: hasAutolock(cluster),
      rootRotationInProgress: isRotating(cluster),
    },
  };
}

function protocolName(protocol: Protocol): string {
  return (Protocol[protocol] ?? String(protocol)).toLowerCase();
}
