/** From one role to another (section 5.1, figure 4). */

import { EntryType } from "../../api/generated/raftpb/raft.js";
import { type MemberId, NOBODY } from "./member-id.js";
import { NO_BYTES } from "./outgoing.js";
import type { RaftState } from "./raft-state.js";
import { appendOwn } from "./replication.js";

export function becomeFollower(raft: RaftState, term: number, leader: MemberId): void {
  begin(raft, term);
  raft.role = "follower";
  raft.leader = leader;
}

/** Asks first: neither the term nor the vote changes (thesis, section 9.6). */
export function becomePreCandidate(raft: RaftState): void {
  raft.votes.clear();
  raft.role = "pre-candidate";
  raft.leader = NOBODY;
}

export function becomeCandidate(raft: RaftState): void {
  begin(raft, raft.term + 1);
  raft.role = "candidate";
  raft.vote = raft.id;
  raft.isOwnVoteDue = true;
}

export function becomeLeader(raft: RaftState): void {
  begin(raft, raft.term);
  raft.role = "leader";
  raft.leader = raft.id;
  const { log, tracker } = raft;
  tracker.follow(raft.membership, log.last + 1, false);
  const self = tracker.get(raft.id)!;
  self.matched(log.persisted);
  self.becomeReplicate();
  self.recentlyActive = true;
  // Whether a membership change is among the entries that came with the leadership is not looked up: none is taken until they are applied.
  raft.pendingMembershipIndex = log.last;
  appendOwn(raft, EntryType.EntryNormal, NO_BYTES);
}

export function drawElectionTimeout(raft: RaftState): void {
  const { electionTicks, random } = raft.config;
  raft.electionTimeout = electionTicks + Math.floor(random() * electionTicks);
}

function begin(raft: RaftState, term: number): void {
  if (raft.term !== term) {
    raft.term = term;
    raft.vote = NOBODY;
  }
  raft.leader = NOBODY;
  raft.electionElapsed = 0;
  raft.heartbeatElapsed = 0;
  drawElectionTimeout(raft);
  raft.votes.clear();
  raft.isOwnVoteDue = false;
  raft.tracker.clear();
  raft.isReplicationDue = false;
  raft.commitNews = "none";
  raft.uncommittedBytes = 0;
  raft.pendingMembershipIndex = 0;
  raft.transferee = NOBODY;
  raft.reads.clear();
}
