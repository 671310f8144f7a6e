import { ConfChangeTransition, EntryType } from "../../api/generated/raftpb/raft.js";
import type { MembershipChange, ProposalRefusal, ProposalResult } from "./machine.js";
import { NOBODY } from "./member-id.js";
import { isJoint, type Membership } from "./membership.js";
import { asV2, changed, encodeChange, InvalidMembershipError } from "./membership-change.js";
import { asBuffer, NO_BYTES } from "./outgoing.js";
import type { RaftState } from "./raft-state.js";
import { appendOwn } from "./replication.js";

/** Data to be agreed on. */
export function propose(raft: RaftState, data: Uint8Array): ProposalResult {
  const refusal = refusalOf(raft, data.length);
  if (refusal !== undefined) return refused(refusal);
  return accepted(raft, appendOwn(raft, EntryType.EntryNormal, asBuffer(data)));
}

/**
 * A change of the membership to be agreed on, one at a time: it takes effect when it is applied, and what may be asked for next
 * depends on it.
 */
export function proposeChange(raft: RaftState, change: MembershipChange): ProposalResult {
  const { type, data } = encodeChange(change);
  const refusal = refusalOf(raft, data.length) ?? changeRefusalOf(raft, change);
  if (refusal !== undefined) return refused(refusal);
  const index = appendOwn(raft, type, data);
  raft.pendingMembershipIndex = index;
  return accepted(raft, index);
}

/** Ends a joint configuration that is to end by itself, once it is in force. */
export function leaveJointWhenDue(raft: RaftState): void {
  if (raft.role !== "leader" || !raft.membership.autoLeave || raft.transferee !== NOBODY) return;
  if (raft.log.applied < raft.pendingMembershipIndex) return;
  proposeChange(raft, { kind: "v2", change: LEAVE_JOINT });
}

/** The membership from now on, wherever the change was proposed. One that does not fit is no change, on every member alike. */
export function afterChange(membership: Membership, change: MembershipChange): Membership {
  try {
    return changed(membership, asV2(change));
  } catch (error) {
    if (error instanceof InvalidMembershipError) return membership;
    throw error;
  }
}

/** Takes no room: its encoding is empty. */
const LEAVE_JOINT = {
  transition: ConfChangeTransition.ConfChangeTransitionAuto,
  changes: [],
  context: NO_BYTES,
};

function refusalOf(raft: RaftState, bytes: number): ProposalRefusal | undefined {
  const { maxEntryBytes, maxUncommittedBytes } = raft.config;
  if (raft.role !== "leader") return "not-leader";
  if (raft.transferee !== NOBODY) return "transferring";
  if (bytes > maxEntryBytes) return "too-large";
  // One always gets in, however large; an empty one takes no room.
  if (raft.uncommittedBytes > 0 && bytes > 0 && raft.uncommittedBytes + bytes > maxUncommittedBytes) return "busy";
  return undefined;
}

function changeRefusalOf(raft: RaftState, change: MembershipChange): ProposalRefusal | undefined {
  if (raft.pendingMembershipIndex > raft.log.applied) return "membership-change-pending";
  const v2 = asV2(change);
  if (isJoint(raft.membership) && v2.changes.length > 0) return "membership-change-pending";
  try {
    changed(raft.membership, v2);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidMembershipError) return "membership-change-invalid";
    throw error;
  }
}

function accepted(raft: RaftState, index: number): ProposalResult {
  return { accepted: true, index, term: raft.term };
}

function refused(reason: ProposalRefusal): ProposalResult {
  return { accepted: false, reason };
}
