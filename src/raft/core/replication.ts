/** The leader's side of the log (section 5.3): to append, to send, to learn what has arrived, to commit (5.4.2). */

import { type Entry, EntryType, type Message, MessageType } from "../../api/generated/raftpb/raft.js";
import { snapshotOf } from "./outgoing.js";
import type { Progress } from "./progress.js";
import type { RaftState } from "./raft-state.js";
import { releaseHeldReads } from "./reading.js";

/** A leader puts an entry of its term into its log. It goes out with the next Ready, together with others. @returns its index */
export function appendOwn(raft: RaftState, type: EntryType, data: Buffer): number {
  const entry: Entry = { Term: raft.term, Index: raft.log.last + 1, Type: type, Data: data };
  raft.log.append([entry]);
  raft.uncommittedBytes += data.length;
  raft.isReplicationDue = true;
  return entry.Index;
}

/** Sends every follower what it lacks, as far as it can take it, and what it does not know to be committed. */
export function replicate(raft: RaftState): void {
  raft.isReplicationDue = false;
  if (raft.role !== "leader") return;
  const isTelling = raft.commitNews === "now" || !raft.config.lazyCommit;
  let isNewsLeft = false;
  for (const progress of raft.tracker.all) {
    if (progress.id === raft.id) continue;
    const isNews = progress.canLearnCommit(raft.log.committed);
    if (sendAppend(raft, progress, isNews && isTelling)) while (sendAppend(raft, progress, false));
    else if (isNews && !progress.paused) isNewsLeft = true;
  }
  raft.commitNews = isNewsLeft ? "later" : "none";
}

/**
 * Sends one follower a page of the log, or a snapshot when what it needs is gone.
 *
 * @param evenEmpty also when there is nothing to send: to tell what is committed, or to ask where the follower's log stands
 * @returns whether something went out
 */
export function sendAppend(raft: RaftState, progress: Progress, evenEmpty: boolean): boolean {
  if (progress.paused) return false;
  const { log } = raft;
  const previous = progress.next - 1;
  const previousTerm = log.term(previous);
  if (previousTerm === undefined) return sendSnapshot(raft, progress);
  const isFull = progress.state === "replicate" && progress.inflights.full;
  const hasEntries = !isFull && progress.next <= log.last;
  if (!hasEntries && !evenEmpty) return false;
  const message = raft.draft(MessageType.MsgApp, progress.id);
  message.index = previous;
  message.logTerm = previousTerm;
  message.commit = log.committed;
  let bytes = 0;
  if (hasEntries) {
    message.entries = log.page(progress.next, raft.config.maxMessageBytes);
    bytes = log.pageBytes;
  }
  raft.send(message);
  progress.sent(message.entries.length, bytes, log.committed);
  return true;
}

/** Only its metadata. One that cannot be reached would not get it, and is not sent anything large. */
function sendSnapshot(raft: RaftState, progress: Progress): boolean {
  const { snapshot } = raft.log;
  if (!progress.recentlyActive || snapshot.index === 0) return false;
  progress.becomeSnapshot(snapshot.index);
  const message = raft.draft(MessageType.MsgSnap, progress.id);
  message.snapshot = snapshotOf(snapshot);
  raft.send(message);
  return true;
}

/** MsgAppResp of a member. @returns whether it holds more than was known */
export function onAppendAnswer(raft: RaftState, progress: Progress, message: Message): boolean {
  progress.recentlyActive = true;
  if (!message.reject) return onAcceptance(raft, progress, message.index);
  onRefusal(raft, progress, message);
  return false;
}

/** The logs part somewhere before: both sides skip a whole term at a time (end of section 5.3). */
function onRefusal(raft: RaftState, progress: Progress, message: Message): void {
  let { rejectHint } = message;
  if (message.logTerm > 0) rejectHint = raft.log.agreementBefore(rejectHint, message.logTerm).index;
  if (!progress.refused(message.index, rejectHint)) return;
  if (progress.state === "replicate") progress.becomeProbe();
  sendAppend(raft, progress, true);
}

function onAcceptance(raft: RaftState, progress: Progress, index: number): boolean {
  const { log } = raft;
  // No follower has what its leader has not.
  if (index > log.last) return false;
  const isNews = progress.matched(index);
  if (!isNews && !(progress.match === index && progress.state === "probe")) return false;
  if (progress.state === "probe") progress.becomeReplicate();
  else if (progress.state === "replicate") progress.inflights.freeUpTo(index);
  else if (progress.match + 1 >= log.first) {
    // It has arrived, or the log reaches back to the follower again.
    progress.becomeProbe();
    progress.becomeReplicate();
  }
  commitWhatQuorumHas(raft);
  raft.isReplicationDue = true;
  return true;
}

/** MsgHeartbeatResp of a member: it lives, so that it is worth to try again what may have been lost. */
export function onHeartbeatAnswer(raft: RaftState, progress: Progress): void {
  progress.recentlyActive = true;
  progress.flowPaused = false;
  if (progress.match < raft.log.last || progress.state === "probe") sendAppend(raft, progress, true);
}

/** The disk of the leader itself holds more. */
export function onOwnPersisted(raft: RaftState): void {
  if (!raft.tracker.get(raft.id)?.matched(raft.log.persisted)) return;
  commitWhatQuorumHas(raft);
}

/** Only an entry of the own term is committed by counting, and with it all before (section 5.4.2). @returns whether more is committed */
export function commitWhatQuorumHas(raft: RaftState): boolean {
  const { log } = raft;
  const index = raft.tracker.committed();
  if (index <= log.committed || !log.has(index, raft.term)) return false;
  for (let at = log.committed + 1; at <= index; at++) {
    const entry = log.at(at)!;
    if (entry.Term === raft.term) raft.uncommittedBytes -= entry.Data.length;
    // A leader may step down when it applies it: the others must know before.
    if (entry.Type !== EntryType.EntryNormal) raft.commitNews = "now";
  }
  log.committed = index;
  raft.isReplicationDue = true;
  releaseHeldReads(raft);
  return true;
}

export function broadcastHeartbeat(raft: RaftState): void {
  raft.reads.isRoundDue = false;
  const context = raft.reads.roundContext();
  for (const progress of raft.tracker.all) {
    if (progress.id === raft.id) continue;
    // Not more than what the follower is known to have: its log may go on differently behind.
    const commit = Math.min(progress.match, raft.log.committed);
    const message = raft.draft(MessageType.MsgHeartbeat, progress.id);
    message.commit = commit;
    message.context = context;
    raft.send(message);
    progress.sentCommit = commit;
  }
}
