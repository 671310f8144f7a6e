import { type HardState, type Message, MessageType } from "../../api/generated/raftpb/raft.js";
import { checkTicks, type InitialState, type RaftConfig } from "./config.js";
import { RaftLog } from "./log.js";
import { type MemberId, NOBODY } from "./member-id.js";
import { type Membership, NO_MEMBERSHIP } from "./membership.js";
import { restoreMembership } from "./membership-change.js";
import { type Draft, draft } from "./outgoing.js";
import { ReadQueue } from "./read-queue.js";
import type { ReadState, Role } from "./ready.js";
import { Tracker } from "./tracker.js";

/** All that one member knows. The modules beside this one are functions on it. */
export class RaftState {
  readonly id: MemberId;
  term: number;
  /** Whom this member voted for in its term. */
  vote: MemberId;
  role: Role = "follower";
  leader: MemberId = NOBODY;
  readonly log: RaftLog;
  membership: Membership = NO_MEMBERSHIP;

  /** Ticks since this member last heard of a leader, gave its vote, or began to campaign; of a leader: since it last looked at its quorum. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** Drawn anew at each change of role. */
  electionTimeout = 0;

  /** Of a candidate: who has answered. */
  readonly votes = new Map<MemberId, boolean>();
  /** The vote for itself is not in a Ready yet. */
  isOwnVoteDue = false;

  /** Of a leader. */
  readonly tracker: Tracker;
  /** Something is to be sent to followers that can take it: done once for all that came between two Readys. */
  isReplicationDue = false;
  /** More is committed than followers were told: it may go with the next entries, or must go out now. */
  commitNews: "none" | "later" | "now" = "none";
  /** Bytes of data in own entries that are not committed. */
  uncommittedBytes = 0;
  /** A further membership change must wait until this index is applied. */
  pendingMembershipIndex = 0;
  transferee: MemberId = NOBODY;
  readonly reads = new ReadQueue();

  messages: Message[] = [];
  messagesAfterPersist: Message[] = [];
  readStates: ReadState[] = [];

  /** @throws RangeError, InvalidMembershipError when the configuration or what the storage gave contradicts itself */
  constructor(
    public config: RaftConfig,
    initial: InitialState,
  ) {
    const { id, maxInflightMessages, readOnly, checkQuorum } = config;
    if (id === NOBODY) throw new RangeError("a member needs an id");
    checkTicks(config);
    if (maxInflightMessages < 1) throw new RangeError("at least one message must be allowed on the way to a follower");
    if (readOnly === "lease" && !checkQuorum) throw new RangeError("reads by lease need the check of the quorum");
    this.id = id;
    const { hardState, snapshot, entries, applied } = initial;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.log = new RaftLog(snapshot, entries, hardState.commit, applied);
    this.membership = restoreMembership(snapshot.confState);
    this.tracker = new Tracker(config);
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** A message of the present term. */
  draft(type: MessageType, to: MemberId): Draft {
    return draft(type, this.id, to, this.term);
  }

  send(message: Message): void {
    this.messages.push(message);
  }

  /** For what promises something: it goes out once all that is known now is durable. */
  sendAfterPersist(message: Message): void {
    this.messagesAfterPersist.push(message);
  }

  /** The log is the leader's, durably, up to an index. */
  acceptAppend(to: MemberId, index: number): void {
    const before = this.messagesAfterPersist.at(-1) as Draft | undefined;
    if (before?.type === MessageType.MsgAppResp && before.to === to && before.term === this.term) {
      // It says the same of more: one answer for all appends that came between two Readys.
      before.index = Math.max(before.index, index);
      return;
    }
    const answer = this.draft(MessageType.MsgAppResp, to);
    answer.index = index;
    this.sendAfterPersist(answer);
  }
}
