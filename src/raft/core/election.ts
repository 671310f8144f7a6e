/** Elections (section 5.2), the restriction on who may win (5.4.1), asking first and being left alone (thesis, 9.6 and 6.2). */

import { EntryType, type Message, MessageType } from "../../api/generated/raftpb/raft.js";
import { type MemberId, NOBODY } from "./member-id.js";
import { isVoter, votersOf } from "./membership.js";
import { type Draft, draft, NO_BYTES } from "./outgoing.js";
import { jointVote } from "./quorum.js";
import type { RaftState } from "./raft-state.js";
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from "./roles.js";

/** What a vote request carries when the leader itself has asked for the election. */
const TRANSFER = Buffer.from("CampaignTransfer");

/** "transfer": the leader wants it, so that nobody is asked first, and nobody refuses out of loyalty. */
export type Campaign = "pre-election" | "election" | "transfer";

/** Whether this member could lead: it is a voter, as far as it knows, and its state is whole. */
export function isPromotable(raft: RaftState): boolean {
  return isVoter(raft.membership, raft.id) && raft.log.pendingSnapshot === undefined;
}

/** The election timeout has passed, or somebody wants an election. */
export function startElection(raft: RaftState, campaign: Campaign): void {
  if (raft.role === "leader" || !isPromotable(raft) || hasUnappliedMembershipChange(raft)) return;
  runFor(raft, campaign);
}

function runFor(raft: RaftState, campaign: Campaign): void {
  const isPre = campaign === "pre-election";
  if (isPre) becomePreCandidate(raft);
  else becomeCandidate(raft);
  const term = isPre ? raft.term + 1 : raft.term;
  const { last, lastTerm } = raft.log;
  for (const id of votersOf(raft.membership)) {
    if (id === raft.id) continue;
    const request = draft(isPre ? MessageType.MsgPreVote : MessageType.MsgVote, raft.id, id, term);
    request.index = last;
    request.logTerm = lastTerm;
    request.context = campaign === "transfer" ? TRANSFER : NO_BYTES;
    // A vote request tells of a term, of a vote for oneself and of a log. Were they lost after it went out, the same member could ask
    // again in the same term with a shorter log, and the votes for the longer one would count for it.
    if (isPre) raft.send(request);
    else raft.sendAfterPersist(request);
  }
  // To ask costs nothing and promises nothing; the vote proper counts once it is durable.
  if (isPre) countVote(raft, raft.id, true);
}

/** A voter has answered this candidate; the candidate itself does so once its vote is durable. */
export function countVote(raft: RaftState, from: MemberId, granted: boolean): void {
  if (!raft.votes.has(from)) raft.votes.set(from, granted);
  const { voters, outgoing } = raft.membership;
  const result = jointVote(voters, outgoing, raft.votes);
  if (result === "lost") becomeFollower(raft, raft.term, NOBODY);
  else if (result === "won") {
    if (raft.role === "pre-candidate") runFor(raft, "election");
    else becomeLeader(raft);
  }
}

/** The disk has this member's vote for itself. */
export function ownVotePersisted(raft: RaftState, term: number): void {
  if (raft.role === "candidate" && raft.term === term) countVote(raft, raft.id, true);
}

/** MsgVote or MsgPreVote, of a term that is not behind. */
export function answerVote(raft: RaftState, message: Message): void {
  const isPre = message.type === MessageType.MsgPreVote;
  const answerType = isPre ? MessageType.MsgPreVoteResp : MessageType.MsgVoteResp;
  const mayVote =
    raft.vote === message.from ||
    (raft.vote === NOBODY && raft.leader === NOBODY) ||
    (isPre && message.term > raft.term);
  // A learner votes too: who asks it believes it to be a voter, and may know of a later membership.
  if (!mayVote || !raft.log.isUpToDate(message.index, message.logTerm)) {
    refuseVote(raft, message.from, answerType);
    return;
  }
  // In the term that was asked for: of a pre-vote that is one that nobody has entered yet.
  const answer = draft(answerType, raft.id, message.from, message.term);
  tellCommit(raft, answer);
  raft.sendAfterPersist(answer);
  if (!isPre) {
    raft.electionElapsed = 0;
    raft.vote = message.from;
  }
}

export function refuseVote(raft: RaftState, to: MemberId, answerType: MessageType): void {
  const answer = raft.draft(answerType, to);
  answer.reject = true;
  tellCommit(raft, answer);
  raft.send(answer);
}

/**
 * What is committed stays so, whoever says it. Memberships come into force when they are applied, so that a member with the longest log
 * may be the only one that does not know that another group votes now: it would ask the wrong ones for ever, and refuse the right
 * ones. Each answer to a request for a vote tells it. etcd's members neither say nor heed this.
 */
function tellCommit(raft: RaftState, answer: Draft): void {
  answer.commit = raft.log.committed;
  answer.logTerm = raft.log.term(raft.log.committed) ?? 0;
}

/** An answer to a request for a vote, whichever it is. */
export function learnCommit(raft: RaftState, { commit, logTerm }: Message): void {
  const { log } = raft;
  if (raft.role === "leader" || commit <= log.committed || logTerm === 0 || !log.has(commit, logTerm)) return;
  log.committed = commit;
  // Who votes is another question now: it is asked again when the change is applied.
  if (raft.role !== "follower" && hasUnappliedMembershipChange(raft)) becomeFollower(raft, raft.term, NOBODY);
}

/** A leader is alive as far as this member knows: who asks for its vote was cut off, or was removed and does not know it. */
export function isLoyal(raft: RaftState, message: Message): boolean {
  return (
    raft.config.checkQuorum &&
    raft.leader !== NOBODY &&
    raft.electionElapsed < raft.config.electionTicks &&
    !message.context.equals(TRANSFER)
  );
}

/** Such a member does not know who votes: it might be elected by the wrong ones. */
function hasUnappliedMembershipChange(raft: RaftState): boolean {
  const { log } = raft;
  for (let index = log.applied + 1; index <= log.committed; index++) {
    const entry = log.at(index);
    if (entry !== undefined && entry.Type !== EntryType.EntryNormal) return true;
  }
  return false;
}
