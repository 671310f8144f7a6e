/** What each role does with a message (figure 2, "rules for servers"). */

import { type Message, MessageType } from "../../api/generated/raftpb/raft.js";
import { answerVote, countVote, isLoyal, learnCommit, refuseVote, startElection } from "./election.js";
import { onAppend, onHeartbeat, onSnapshot } from "./following.js";
import { NOBODY } from "./member-id.js";
import { includes } from "./membership.js";
import type { RaftState } from "./raft-state.js";
import { onReadAnswer, onReadRoundAnswer, takeRead } from "./reading.js";
import { onAppendAnswer, onHeartbeatAnswer } from "./replication.js";
import { becomeFollower } from "./roles.js";
import { beginTransfer, continueTransfer } from "./transfer.js";

/** A message of a peer. First what its term says, then what it is. */
export function step(raft: RaftState, message: Message): void {
  const { type, from, to, term } = message;
  if (to !== raft.id || from === raft.id || from === NOBODY) return;
  if (isAnswer(type) && !includes(raft.membership, from)) return;
  // Only a wish to read comes without a term.
  if (term === 0 && type !== MessageType.MsgReadIndex) return;
  if (term > raft.term) {
    const asksForVote = type === MessageType.MsgVote || type === MessageType.MsgPreVote;
    if (asksForVote && isLoyal(raft, message)) return;
    enterTermOf(raft, message);
  } else if (term !== 0 && term < raft.term) {
    answerOldTerm(raft, message);
    return;
  }
  if (type === MessageType.MsgVoteResp || type === MessageType.MsgPreVoteResp) learnCommit(raft, message);
  if (type === MessageType.MsgVote || type === MessageType.MsgPreVote) answerVote(raft, message);
  else if (raft.role === "leader") stepLeader(raft, message);
  else if (raft.role === "follower") stepFollower(raft, message);
  else stepCandidate(raft, message);
}

/** A greater term than one's own is entered at once (section 5.1). */
function enterTermOf(raft: RaftState, message: Message): void {
  switch (message.type) {
    case MessageType.MsgPreVote:
      // Nobody has entered that term yet.
      return;
    case MessageType.MsgPreVoteResp:
      // A grant has the term that was asked for. It is entered by campaigning, once enough have granted.
      if (message.reject) becomeFollower(raft, message.term, NOBODY);
      return;
    case MessageType.MsgApp:
    case MessageType.MsgHeartbeat:
    case MessageType.MsgSnap:
      becomeFollower(raft, message.term, message.from);
      return;
    default:
      becomeFollower(raft, message.term, NOBODY);
  }
}

/** Whoever sent it is behind. */
function answerOldTerm(raft: RaftState, message: Message): void {
  const { checkQuorum, preVote } = raft.config;
  switch (message.type) {
    case MessageType.MsgApp:
    case MessageType.MsgHeartbeat:
      // This member has campaigned while it was cut off, and nobody hears its vote requests: the leader must learn its term to take it in again.
      if (checkQuorum || preVote) raft.send(raft.draft(MessageType.MsgAppResp, message.from));
      return;
    case MessageType.MsgPreVote:
      // Else a candidate that is behind would ask for ever.
      refuseVote(raft, message.from, MessageType.MsgPreVoteResp);
      return;
    default:
  }
}

function stepLeader(raft: RaftState, message: Message): void {
  const progress = raft.tracker.get(message.from);
  switch (message.type) {
    case MessageType.MsgReadIndex:
      if (message.entries.length === 1) takeRead(raft, message);
      return;
    case MessageType.MsgTransferLeader:
      // Its sender is who wants to lead.
      beginTransfer(raft, message.from);
      return;
    case MessageType.MsgAppResp:
      if (progress !== undefined && onAppendAnswer(raft, progress, message)) continueTransfer(raft, progress);
      return;
    case MessageType.MsgHeartbeatResp:
      if (progress === undefined) return;
      onHeartbeatAnswer(raft, progress);
      onReadRoundAnswer(raft, message);
      return;
    default:
  }
}

function stepCandidate(raft: RaftState, message: Message): void {
  switch (message.type) {
    case MessageType.MsgApp:
    case MessageType.MsgHeartbeat:
    case MessageType.MsgSnap:
      // Another one has won in this term.
      becomeFollower(raft, message.term, message.from);
      stepFollower(raft, message);
      return;
    case MessageType.MsgPreVoteResp:
      // A grant speaks of the term that would be entered; an older one was for an election that did not come.
      if (raft.role !== "pre-candidate" || (!message.reject && message.term !== raft.term + 1)) return;
      countVote(raft, message.from, !message.reject);
      return;
    case MessageType.MsgVoteResp:
      if (raft.role === "candidate") countVote(raft, message.from, !message.reject);
      return;
    default:
  }
}

function stepFollower(raft: RaftState, message: Message): void {
  switch (message.type) {
    case MessageType.MsgApp:
      hearOfLeader(raft, message);
      onAppend(raft, message);
      return;
    case MessageType.MsgHeartbeat:
      hearOfLeader(raft, message);
      onHeartbeat(raft, message);
      return;
    case MessageType.MsgSnap:
      hearOfLeader(raft, message);
      onSnapshot(raft, message);
      return;
    case MessageType.MsgTimeoutNow:
      startElection(raft, "transfer");
      return;
    case MessageType.MsgReadIndexResp:
      onReadAnswer(raft, message);
      return;
    default:
  }
}

function hearOfLeader(raft: RaftState, message: Message): void {
  raft.electionElapsed = 0;
  raft.leader = message.from;
}

function isAnswer(type: MessageType): boolean {
  switch (type) {
    case MessageType.MsgAppResp:
    case MessageType.MsgVoteResp:
    case MessageType.MsgPreVoteResp:
    case MessageType.MsgHeartbeatResp:
    case MessageType.MsgReadIndexResp:
      return true;
    default:
      return false;
  }
}
