import type { FollowerStatus, MachineStatus } from "./machine.js";
import { confStateOf } from "./membership.js";
import type { RaftState } from "./raft-state.js";

export function statusOf(raft: RaftState): MachineStatus {
  const { log } = raft;
  return {
    id: raft.id,
    hardState: raft.hardState,
    role: raft.role,
    leader: raft.leader,
    applied: log.applied,
    firstIndex: log.first,
    lastIndex: log.last,
    lastTerm: log.lastTerm,
    membership: confStateOf(raft.membership),
    transferee: raft.transferee,
    followers: raft.tracker.all.map(
      (one): FollowerStatus => ({
        id: one.id,
        match: one.match,
        next: one.id === raft.id ? log.last + 1 : one.next,
        state: one.state,
        isLearner: one.isLearner,
        recentlyActive: one.recentlyActive,
        paused: one.paused,
        inflight: one.inflights.count,
        pendingSnapshot: one.pendingSnapshot,
      }),
    ),
  };
}
