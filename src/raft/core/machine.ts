import type {
  ConfChange,
  ConfChangeV2,
  ConfState,
  HardState,
  Message,
  SnapshotMetadata,
} from "../../api/generated/raftpb/raft.js";
import type { Ticks } from "./config.js";
import type { MemberId } from "./member-id.js";
import type { Progress, Ready, Role } from "./ready.js";

/** Why a proposal was not taken. Nothing has happened then. */
export type ProposalRefusal =
  | "not-leader"
  /** Leadership is being handed over. */
  | "transferring"
  /** Too much is under way: maxUncommittedBytes. */
  | "busy"
  | "too-large"
  /** An earlier membership change has not been applied yet, or this one does not fit the present membership. */
  | "membership-change-pending"
  | "membership-change-invalid";

/** Where a proposal stands in the log: the leader puts it there at once. It is committed if an entry of this term is applied at this index. */
export type ProposalResult =
  | { readonly accepted: true; readonly index: number; readonly term: number }
  | { readonly accepted: false; readonly reason: ProposalRefusal };

export type MembershipChange =
  | { readonly kind: "v1"; readonly change: ConfChange }
  | { readonly kind: "v2"; readonly change: ConfChangeV2 };

export interface FollowerStatus {
  readonly id: MemberId;
  readonly match: number;
  readonly next: number;
  readonly state: "probe" | "replicate" | "snapshot";
  readonly isLearner: boolean;
  /** Heard of since the last check of the quorum. */
  readonly recentlyActive: boolean;
  /** No more is sent until an answer comes. */
  readonly paused: boolean;
  readonly inflight: number;
  /** Index of the snapshot on its way; 0 without. */
  readonly pendingSnapshot: number;
}

export interface MachineStatus {
  readonly id: MemberId;
  readonly hardState: HardState;
  readonly role: Role;
  readonly leader: MemberId;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly membership: ConfState;
  /** The target while leadership is handed over, else NOBODY. */
  readonly transferee: MemberId;
  /** Of a leader: every member, itself included; else empty. */
  readonly followers: readonly FollowerStatus[];
}

/**
 * Raft as a pure machine: no clock, no I/O, no randomness of its own. Inputs change it at once; what has to be done
 * comes out of {@link ready}. Messages of peers never make it throw. Semantics are those of etcd's raft library.
 */
export interface RaftMachine {
  /** One tick of time has passed. */
  tick(): void;
  /** A message of a peer has come. Those that are for another member, or of a kind that peers do not send, are ignored. */
  step(message: Message): void;

  /** Only a leader takes proposals; nothing is forwarded. */
  propose(data: Uint8Array): ProposalResult;
  proposeMembershipChange(change: MembershipChange): ProposalResult;
  /**
   * The shell calls it for each committed membership change when it applies it, also for those that it decides to ignore
   * (then with undefined). @returns the membership from now on
   */
  applyMembershipChange(change: MembershipChange | undefined): ConfState;

  /** Asks for a linearizable read: a ReadState with this context comes out in a Ready, or never. A follower asks its leader. */
  readIndex(context: Uint8Array): boolean;
  /** Hands leadership to a voter; abandoned after an election timeout. @returns false when this member does not lead or that one cannot */
  transferLeadership(to: MemberId): boolean;
  /** Begins an election now, as if the election timeout had passed. */
  campaign(): void;
  /** A follower forgets its leader, so that it may vote at once. */
  forgetLeader(): void;

  /** From now on these times count. @throws RangeError when an election would not take longer than a heartbeat */
  setTicks(ticks: Ticks): void;

  /** The transport could not reach this member just now. */
  reportUnreachable(id: MemberId): void;
  /** How sending a snapshot to this member ended. */
  reportSnapshot(id: MemberId, delivered: boolean): void;

  /** The shell holds a durable snapshot of its state at this index (at most what is applied): it can be sent. Entries before keepFrom are forgotten. */
  compact(snapshot: SnapshotMetadata, keepFrom: number): void;

  /** With lazyCommit: followers have not been told of all that is committed. */
  readonly hasCommitNews: boolean;
  /** Tells them with the next Ready. The shell calls it when no proposal has come along. */
  tellCommit(): void;

  hasReady(): boolean;
  /** What has to be done now; undefined when there is nothing. */
  ready(): Ready | undefined;
  advance(progress: Progress): void;

  status(): MachineStatus;
  /** Cheaper than {@link status}. */
  readonly role: Role;
  readonly term: number;
  readonly leader: MemberId;
  readonly lastIndex: number;
  readonly commit: number;
  /** Bytes of the entries that the machine holds: what a compaction would shrink. */
  readonly logBytes: number;
}
