/** The follower's side of the log (section 5.3), and snapshots that take its place (section 7). Messages of the present term's leader. */

import { type Entry, type Message, MessageType, type SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { Membership } from "./membership.js";
import { InvalidMembershipError, restoreMembership } from "./membership-change.js";
import type { RaftState } from "./raft-state.js";

export function onAppend(raft: RaftState, message: Message): void {
  const { log } = raft;
  const { from, index, logTerm, entries } = message;
  if (!follow(index, entries)) return;
  if (index < log.committed) {
    // It was sent long ago: all before is agreed on anyway.
    raft.acceptAppend(from, log.committed);
    return;
  }
  if (!log.has(index, logTerm)) {
    refuseAppend(raft, message);
    return;
  }
  const last = index + entries.length;
  const news = entries.findIndex((entry) => !log.has(entry.Index, entry.Term));
  if (news >= 0) {
    const from = entries[news]!.Index;
    // A leader that contradicts what is committed has lost its log: nothing it says can be taken.
    if (from <= log.committed) return;
    log.truncate(from);
    log.append(news === 0 ? entries : entries.slice(news));
  }
  commitTo(raft, Math.min(message.commit, last));
  raft.acceptAppend(from, last);
}

/** Says where the leader may look for agreement: every index behind has a greater term than the leader's log has there. */
function refuseAppend(raft: RaftState, message: Message): void {
  const hint = raft.log.agreementBefore(Math.min(message.index, raft.log.last), message.logTerm);
  const answer = raft.draft(MessageType.MsgAppResp, message.from);
  answer.index = message.index;
  answer.reject = true;
  answer.rejectHint = hint.index;
  answer.logTerm = hint.term;
  raft.send(answer);
}

export function onHeartbeat(raft: RaftState, message: Message): void {
  commitTo(raft, message.commit);
  const answer = raft.draft(MessageType.MsgHeartbeatResp, message.from);
  answer.context = message.context;
  raft.send(answer);
}

/** MsgSnap: its data, when they are here already. */
export function onSnapshot(raft: RaftState, message: Message): void {
  const metadata = message.snapshot?.metadata;
  if (metadata !== undefined && restore(raft, metadata)) raft.acceptAppend(message.from, raft.log.last);
  else raft.acceptAppend(message.from, raft.log.committed);
}

/** @returns false when this member has all that already, or must not take it */
function restore(raft: RaftState, metadata: SnapshotMetadata): boolean {
  const { log } = raft;
  if (metadata.index <= log.committed || raft.role !== "follower") return false;
  const membership = membershipOf(metadata);
  if (membership === undefined) return false;
  if (log.has(metadata.index, metadata.term)) {
    // The log leads there already: only that it is committed was not known.
    commitTo(raft, metadata.index);
    return false;
  }
  log.restore(metadata);
  raft.membership = membership;
  return true;
}

/**
 * Undefined when no group can have it. That this member is not in it yet is no reason to refuse it: a snapshot may be older than the
 * change that took this member in, and that change follows it.
 */
function membershipOf(metadata: SnapshotMetadata): Membership | undefined {
  try {
    const membership = restoreMembership(metadata.confState);
    return membership.voters.length > 0 ? membership : undefined;
  } catch (error) {
    if (error instanceof InvalidMembershipError) return undefined;
    throw error;
  }
}

/** What is not here cannot be committed here: a leader that says so speaks of a log that this member has lost. */
function commitTo(raft: RaftState, index: number): void {
  if (index > raft.log.committed && index <= raft.log.last) raft.log.committed = index;
}

/** Whether the entries stand one after the other behind an index, as a sound peer sends them. */
function follow(index: number, entries: readonly Entry[]): boolean {
  for (let i = 0; i < entries.length; i++) if (entries[i]!.Index !== index + 1 + i) return false;
  return true;
}
