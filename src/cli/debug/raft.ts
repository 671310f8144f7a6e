import type { Duration } from "../../api/generated/google/protobuf/duration.js";
import { LocalManagerService } from "../../api/generated/tswarm/v1/manager.js";
import {
  ManagerState,
  ManagerStatusResponse,
  type RaftPeer,
  RaftRole,
  ReplicationState,
} from "../../api/generated-json/tswarm/v1/manager.js";
import { CommandError } from "../failure.js";
import type { Action } from "../invocation.js";
import { type NameOf, namesOf } from "../names.js";
import { printJson } from "../render/list.js";
import { canonicalJson } from "../render/protobuf-json.js";
import { renderSections, type Section } from "../render/sections.js";
import { type Column, renderTable } from "../render/table.js";
import { formatSize } from "../values/amount.js";
import { formatDuration, formatMeasured } from "../values/duration.js";

/** `tsctl debug raft` */
export const debugRaft: Action = async (invocation) => {
  const connection = await invocation.connect();
  const status = await connection.call(LocalManagerService.status, {});
  if (invocation.settings.format === "json") {
    printJson(invocation, canonicalJson(ManagerStatusResponse.toJSON(status), {}));
    return undefined;
  }
  const nameOf = await knownNames();
  invocation.terminal.write(describe(status, nameOf));
  if (status.peers.length > 0)
    invocation.terminal.write(`\n${renderTable(peerColumns(nameOf, status), sorted(status.peers))}`);
  return undefined;

  /** A manager that is locked, or has no leader, may not know the nodes: ids do then. */
  async function knownNames(): Promise<NameOf> {
    try {
      return await namesOf(
        invocation,
        connection,
        "node",
        status.peers.map(({ nodeId }) => nodeId),
      );
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return (id) => id;
    }
  }
};

function describe(status: ManagerStatusResponse, nameOf: NameOf): string {
  const { log } = status;
  const leader = status.peers.find((peer) => peer.leader);
  const sections: Section[] = [
    ["Node", status.nodeId],
    ["State", word(ManagerState[status.state], "MANAGER_")],
    ["Raft id", hexadecimal(status.raftId)],
    ["Role", status.raftId === "0" ? "" : word(RaftRole[status.role], "RAFT_")],
    ["Leader", leader ? nameOf(leader.nodeId) : status.raftId === "0" ? "" : "none"],
    ["Quorum", status.lostQuorum ? "lost: fewer than half of the managers can be reached" : ""],
    ["Term", String(status.term)],
    ["Commit", String(status.commit)],
    ["Applied", String(status.applied)],
    ["Tick", `${text(status.tick)}, heartbeat ${status.heartbeatTicks}, election ${status.electionTicks}`],
    ["Autolock", status.autolock ? "on" : "off"],
    [
      "Log",
      log
        ? [
            ["Entries", `${log.firstIndex} to ${log.lastIndex}`],
            ["Size", `${formatSize(log.bytes)} in ${log.segments} segment${log.segments === 1 ? "" : "s"}`],
            [
              "Snapshot",
              log.snapshotIndex > 0 ? `of index ${log.snapshotIndex}, ${formatSize(log.snapshotBytes)}` : "none",
            ],
            ["Sync", `p50 ${measured(log.syncP50)}, p99 ${measured(log.syncP99)}`],
            ["Key", `${log.keyId}, ${log.keys} in use`],
          ]
        : [],
    ],
  ];
  return renderSections(sections);
}

function peerColumns(nameOf: NameOf, status: ManagerStatusResponse): readonly Column<RaftPeer>[] {
  return [
    { title: "RAFT ID", value: (peer) => (peer.self ? `${hexadecimal(peer.raftId)} *` : hexadecimal(peer.raftId)) },
    { title: "NODE", value: (peer) => nameOf(peer.nodeId) },
    { title: "ADDRESS", value: (peer) => peer.address },
    { title: "ROLE", value: (peer) => (peer.leader ? "leader" : peer.voter ? "follower" : "learner") },
    { title: "REACHABLE", value: (peer) => (peer.reachable ? "yes" : isHeardOf(peer, status) ? "no" : "") },
    { title: "STATE", value: replication },
    { title: "MATCH", value: (peer) => (peer.match > 0 ? String(peer.match) : ""), align: "right" },
    { title: "LAG", value: (peer) => (peer.match > 0 ? String(peer.lag) : ""), align: "right" },
    { title: "QUEUE", value: queue },
    { title: "DROPPED", value: (peer) => String(peer.droppedMessages), align: "right" },
    { title: "BY", value: (peer) => peer.transport },
  ];
}

/** Followers speak with the leader, and not with each other. */
function isHeardOf(peer: RaftPeer, { role }: ManagerStatusResponse): boolean {
  return role === RaftRole.RAFT_LEADER || peer.leader || peer.self;
}

/** Only a leader knows. */
function replication(peer: RaftPeer): string {
  if (peer.replication === ReplicationState.REPLICATION_UNKNOWN) return "";
  return word(ReplicationState[peer.replication], "REPLICATION_");
}

function queue({ queuedMessages, queuedBytes }: RaftPeer): string {
  return queuedMessages === 0 ? "0" : `${queuedMessages} (${formatSize(queuedBytes)})`;
}

function sorted(peers: readonly RaftPeer[]): readonly RaftPeer[] {
  return [...peers].sort((a, b) => a.raftId.length - b.raftId.length || (a.raftId < b.raftId ? -1 : 1));
}

/** As logs and etcd's tools write it. */
function hexadecimal(raftId: string): string {
  return raftId === "0" ? "" : BigInt(raftId).toString(16);
}

function word(name: string | undefined, prefix: string): string {
  return (name ?? "unknown").replace(prefix, "").toLowerCase().replaceAll("_", " ");
}

/** To a hundredth of a millisecond. */
function text(duration: Duration | undefined): string {
  return duration ? formatDuration({ ...duration, nanos: Math.round(duration.nanos / 1e4) * 1e4 }) : "0s";
}

function measured(duration: Duration | undefined): string {
  return duration ? formatMeasured(duration) : "not known";
}
