import type { Entry, HardState, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { MemberId } from "./member-id.js";

export interface Ticks {
  /** A follower that hears nothing campaigns after this many ticks to twice as many, at random. More than heartbeatTicks. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
}

/** @throws RangeError */
export function checkTicks({ electionTicks, heartbeatTicks }: Ticks): void {
  if (heartbeatTicks > 0 && electionTicks > heartbeatTicks) return;
  throw new RangeError(
    `an election timeout of ${electionTicks} ticks must be longer than ${heartbeatTicks}, and that more than 0`,
  );
}

/** Limits and times of one member. Times are in ticks: the shell decides how long one is. */
export interface RaftConfig extends Ticks {
  readonly id: MemberId;
  /** Entries of one MsgApp, bytes; one entry is sent however large it is. */
  readonly maxMessageBytes: number;
  /** MsgApps on the way to one follower. */
  readonly maxInflightMessages: number;
  /** Bytes of entries on the way to one follower. */
  readonly maxInflightBytes: number;
  /** Bytes of entries that are proposed and not yet committed: beyond it proposals are refused as "busy". */
  readonly maxUncommittedBytes: number;
  /** Bytes of one proposal. */
  readonly maxEntryBytes: number;
  /** Bytes of committed entries in one Ready; at least one entry. */
  readonly maxCommittedBytesPerReady: number;
  /** Ask whether an election could be won before beginning one (thesis, section 9.6). */
  readonly preVote: boolean;
  /** A leader that has not heard of a quorum for an election timeout steps down; followers of a live leader do not vote. */
  readonly checkQuorum: boolean;
  /** How reads are made linearizable: by a round of heartbeats, or by the leader's lease (needs checkQuorum and clocks that run alike). */
  readonly readOnly: "safe" | "lease";
  /**
   * What is committed travels with the next entries: it goes out by itself only when `tellCommit` is called. Saves a
   * message and its answer for each group where proposals follow each other. Off: it goes out at once, as with etcd.
   */
  readonly lazyCommit: boolean;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What a member knew when it stopped, as its storage gives it back. */
export interface InitialState {
  readonly hardState: HardState;
  /** What is no longer in the log; index 0 without one. Its conf_state is the membership as of that index. */
  readonly snapshot: SnapshotMetadata;
  /** Consecutive. The first follows the snapshot, or stands before it when old entries are kept for slow followers. */
  readonly entries: readonly Entry[];
  /** The state machine has taken in entries up to here: the snapshot's index after a restart. */
  readonly applied: number;
}
