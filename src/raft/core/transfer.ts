/** Leadership handed to a member that is named (thesis, section 3.10). */

import { MessageType } from "../../api/generated/raftpb/raft.js";
import { type MemberId, NOBODY } from "./member-id.js";
import { isVoter } from "./membership.js";
import type { Progress } from "./progress.js";
import type { RaftState } from "./raft-state.js";
import { sendAppend } from "./replication.js";

/** A leader brings the target's log up to its own, and lets it campaign at once; meanwhile it takes no proposals. @returns whether that is under way */
export function beginTransfer(raft: RaftState, to: MemberId): boolean {
  if (raft.role !== "leader" || to === raft.id || !isVoter(raft.membership, to)) return false;
  const progress = raft.tracker.get(to);
  if (progress === undefined || progress.isLearner) return false;
  if (raft.transferee === to) return true;
  raft.transferee = to;
  // It is given an election timeout.
  raft.electionElapsed = 0;
  if (progress.match === raft.log.last) sendTimeoutNow(raft);
  else sendAppend(raft, progress, true);
  return true;
}

/** A member has caught up further: when it is the target and has all, it may campaign. */
export function continueTransfer(raft: RaftState, progress: Progress): void {
  if (progress.id === raft.transferee && progress.match === raft.log.last) sendTimeoutNow(raft);
}

export function abandonTransfer(raft: RaftState): void {
  raft.transferee = NOBODY;
}

function sendTimeoutNow(raft: RaftState): void {
  raft.send(raft.draft(MessageType.MsgTimeoutNow, raft.transferee));
}
