/** One manager, as an operator sees it. Pure. */
import {
  ManagerState,
  type ManagerStatusResponse,
  type RaftPeer,
  RaftRole,
  ReplicationState,
} from "../../api/generated/tswarm/v1/manager.js";
import { durationOf } from "../../api/time.js";
import type { FollowerStatus } from "../../raft/core/machine.js";
import { NOBODY } from "../../raft/core/member-id.js";
import type { Role } from "../../raft/core/ready.js";
import type { RaftStatus } from "../../raft/node/raft.js";
import type { Phase } from "./phase.js";

const STATES: Readonly<Record<Phase, ManagerState>> = {
  starting: ManagerState.MANAGER_STARTING,
  locked: ManagerState.MANAGER_LOCKED,
  running: ManagerState.MANAGER_RUNNING,
  removed: ManagerState.MANAGER_REMOVED,
  stopping: ManagerState.MANAGER_RUNNING,
};

const ROLES: Readonly<Record<Role, RaftRole>> = {
  follower: RaftRole.RAFT_FOLLOWER,
  "pre-candidate": RaftRole.RAFT_PRE_CANDIDATE,
  candidate: RaftRole.RAFT_CANDIDATE,
  leader: RaftRole.RAFT_LEADER,
};

const REPLICATION: Readonly<Record<FollowerStatus["state"], ReplicationState>> = {
  probe: ReplicationState.REPLICATION_PROBE,
  replicate: ReplicationState.REPLICATION_REPLICATE,
  snapshot: ReplicationState.REPLICATION_SNAPSHOT,
};

/** @param status undefined while there is no log to look at */
export function managerStatus(
  nodeId: string,
  phase: Phase,
  autolock: boolean,
  status: RaftStatus | undefined,
): ManagerStatusResponse {
  const about = { state: STATES[phase], nodeId, autolock };
  if (!status) return { ...NOTHING, ...about };
  const { machine, members, log } = status;
  const self = members.find(({ isSelf }) => isSelf);
  return {
    ...about,
    raftId: machine.id,
    role: self && !self.isVoter ? RaftRole.RAFT_LEARNER : ROLES[machine.role],
    leaderRaftId: machine.leader,
    term: Number(machine.hardState.term),
    commit: Number(machine.hardState.commit),
    applied: machine.applied,
    peers: members.map((member) => peerOf(member, status)),
    log: {
      firstIndex: machine.firstIndex,
      lastIndex: machine.lastIndex,
      snapshotIndex: log.snapshotIndex,
      snapshotBytes: log.snapshotBytes,
      segments: log.segments,
      bytes: log.bytes,
      syncP50: durationOf(log.syncP50Ms),
      syncP99: durationOf(log.syncP99Ms),
      keyId: log.keyId,
      keys: log.keys,
    },
    tick: durationOf(status.tickMs),
    electionTicks: status.electionTicks,
    heartbeatTicks: status.heartbeatTicks,
    lostQuorum: status.hasLostQuorum,
  };
}

function peerOf(member: RaftStatus["members"][number], { machine, peers }: RaftStatus): RaftPeer {
  const follower = machine.followers.find(({ id }) => id === member.raftId);
  const sending = peers.find(({ id }) => id === member.raftId);
  const match = follower?.match ?? 0;
  return {
    raftId: member.raftId,
    nodeId: member.nodeId,
    address: member.address,
    voter: member.isVoter,
    leader: member.isLeader,
    self: member.isSelf,
    reachable: member.isSelf || member.isReachable,
    replication: follower && !member.isSelf ? REPLICATION[follower.state] : ReplicationState.REPLICATION_UNKNOWN,
    match,
    lag: follower ? Math.max(0, machine.lastIndex - match) : 0,
    queuedBytes: sending?.queuedBytes ?? 0,
    queuedMessages: sending?.queuedMessages ?? 0,
    droppedMessages: sending?.droppedMessages ?? 0,
    transport: sending && sending.protocol !== "none" ? sending.protocol : "",
  };
}

const NOTHING: ManagerStatusResponse = {
  state: ManagerState.MANAGER_STATE_UNSPECIFIED,
  nodeId: "",
  raftId: NOBODY,
  role: RaftRole.RAFT_FOLLOWER,
  leaderRaftId: NOBODY,
  term: 0,
  commit: 0,
  applied: 0,
  peers: [],
  log: undefined,
  tick: undefined,
  electionTicks: 0,
  heartbeatTicks: 0,
  lostQuorum: false,
  autolock: false,
};
