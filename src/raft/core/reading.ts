/** Linearizable reads without an entry in the log (thesis, section 6.4). */

import { type Entry, EntryType, type Message, MessageType } from "../../api/generated/raftpb/raft.js";
import { NOBODY } from "./member-id.js";
import { asBuffer, draft } from "./outgoing.js";
import type { RaftState } from "./raft-state.js";
import { roundOf } from "./read-queue.js";

/** This member wants to read. @returns false when it is known already that nothing will come of it */
export function askToRead(raft: RaftState, context: Uint8Array): boolean {
  const entry: Entry = { Term: 0, Index: 0, Type: EntryType.EntryNormal, Data: asBuffer(context) };
  // Of no term: whoever leads when it arrives may answer.
  const request = draft(MessageType.MsgReadIndex, raft.id, raft.leader, 0);
  request.entries = [entry];
  if (raft.role === "leader") return takeRead(raft, request);
  if (raft.role !== "follower" || raft.leader === NOBODY) return false;
  raft.send(request);
  return true;
}

/** MsgReadIndex at the leader. @returns false when too many wait */
export function takeRead(raft: RaftState, request: Message): boolean {
  const { log, reads, membership, config } = raft;
  if (!log.has(log.committed, raft.term)) {
    // Until an entry of its own term is committed, a leader does not know all that is (section 8).
    if (reads.full) return false;
    reads.hold(request);
    return true;
  }
  const isAlone = membership.voters.length === 1 && membership.outgoing.length === 0;
  if (isAlone || config.readOnly === "lease") {
    answerRead(raft, request, log.committed);
    return true;
  }
  if (reads.full) return false;
  reads.add(request, log.committed);
  return true;
}

export function releaseHeldReads(raft: RaftState): void {
  if (!raft.reads.hasHeld || !raft.log.has(raft.log.committed, raft.term)) return;
  for (const request of raft.reads.takeHeld()) takeRead(raft, request);
}

/** A heartbeat of a round was answered. */
export function onReadRoundAnswer(raft: RaftState, message: Message): void {
  const progress = raft.tracker.get(message.from);
  const self = raft.tracker.get(raft.id);
  if (message.context.length === 0 || progress === undefined || self === undefined) return;
  progress.readRound = Math.max(progress.readRound, roundOf(message.context));
  self.readRound = raft.reads.newest;
  for (const { request, index } of raft.reads.confirm(raft.tracker.readRound())) answerRead(raft, request, index);
}

/** MsgReadIndexResp at the follower that asked. */
export function onReadAnswer(raft: RaftState, message: Message): void {
  const [entry] = message.entries;
  if (entry === undefined || message.entries.length !== 1) return;
  raft.readStates.push({ context: entry.Data, index: message.index });
}

function answerRead(raft: RaftState, request: Message, index: number): void {
  if (request.from === raft.id) {
    raft.readStates.push({ context: request.entries[0]!.Data, index });
    return;
  }
  const answer = raft.draft(MessageType.MsgReadIndexResp, request.from);
  answer.index = index;
  answer.entries = request.entries;
  raft.send(answer);
}
