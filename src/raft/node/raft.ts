import type { RaftMember } from "../../api/generated/docker/swarmkit/v1/raft.js";
import type { Ticks } from "../core/config.js";
import type { MachineStatus } from "../core/machine.js";
import type { MemberId } from "../core/member-id.js";
import type { LogStorageStats } from "../storage/log-storage.js";
import type { PeerStatus } from "../transport/transport.js";

/** An entry of the log that is safe on a quorum. */
export interface CommittedEntry<Local> {
  readonly index: number;
  readonly term: number;
  /** Empty in entries of Raft's own (a new leader's first one, membership changes): they are there so that there are no gaps. */
  readonly data: Uint8Array;
  /** What {@link Raft.propose} was given, when the entry was proposed by this very process. */
  readonly local: Local | undefined;
}

/** What the log is for. Deterministic: the same entries give the same state on every member. */
export interface StateMachine<Local> {
  /** In order, without gaps, each once. Must be quick and must not throw. */
  apply(entries: readonly CommittedEntry<Local>[]): void;
  /**
   * The state as of the last applied entry, in parts, later changes not among them. Taking hold of it is quick; each part is
   * encoded when it is asked for, so that nothing stalls.
   */
  snapshot(): Iterable<Uint8Array>;
  /** Replaces the state by that of a snapshot with this index: all or nothing. */
  restore(parts: AsyncIterable<Uint8Array>, index: number): Promise<void>;
}

export type RaftErrorCode =
  /** Another member leads, or nobody: nothing has happened. */
  | "not-leader"
  /** Too much is under way: nothing has happened; try again. */
  | "busy"
  | "too-large"
  /** It was in the log when leadership was lost: it may yet be committed, or not. */
  | "outcome-unknown"
  | "stopped"
  | "timeout"
  /** The rest of the members would have no quorum, or another change is under way. */
  | "membership-refused"
  | "removed";

export class RaftError extends Error {
  override readonly name = "RaftError";
  constructor(
    readonly code: RaftErrorCode,
    message: string,
  ) {
    super(message);
  }
}

export interface Leadership {
  readonly role: "leader" | "follower" | "candidate";
  /** NOBODY while there is none. */
  readonly leader: MemberId;
  readonly term: number;
}

export interface Member {
  readonly raftId: MemberId;
  readonly nodeId: string;
  readonly address: string;
  readonly isVoter: boolean;
}

export interface RaftStatus {
  readonly machine: MachineStatus;
  readonly members: readonly (Member & {
    readonly isLeader: boolean;
    readonly isSelf: boolean;
    /** Heard of within an election timeout. Of a follower: what it knows (the leader alone). */
    readonly isReachable: boolean;
  })[];
  readonly peers: readonly PeerStatus[];
  readonly log: LogStorageStats;
  /** Fewer than a quorum can be reached, as far as this member can tell. */
  readonly hasLostQuorum: boolean;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Ticks that never were, because the process stood still. */
  readonly missedTicks: number;
}

/** See RaftSettings. */
export interface SnapshotSettings {
  readonly snapshotEntries: number;
  readonly keepEntries: number;
  readonly keepSnapshots: number;
}

export interface JoinOptions {
  /**
   * The joiner has no log. When its node is a member already, it has lost what it promised under its old id: that one is removed, and it
   * gets another. Without it a known node gets its id again, as SwarmKit does it.
   */
  readonly hasEmptyLog?: boolean;
  /** It votes only once it has caught up. Must be false for SwarmKit's managers, which do not know that. By default: settings.learnersFirst, unless a member is SwarmKit's. */
  readonly asLearner?: boolean;
}

export interface JoinResult {
  readonly id: MemberId;
  readonly members: readonly RaftMember[];
  readonly removed: readonly MemberId[];
}

/** One member of the replicated log, running. */
export interface Raft<Local> {
  readonly id: MemberId;
  readonly leadership: Leadership;
  /** Called on every change of leader, role or term; a leader is announced once it has applied all entries of earlier terms. @returns a function that ends it */
  onLeadership(listener: (leadership: Leadership) => void): () => void;
  /** Called when this member was taken out of the cluster; it does nothing more then. */
  onRemoved(listener: () => void): () => void;
  /** Called when this member had to end because its disk, or its state machine, failed: it must be started anew. */
  onFailure(listener: (error: Error) => void): () => void;

  /** Index that the next proposal will have. Only while this member leads (and has announced it); else undefined. */
  readonly nextIndex: number | undefined;
  /**
   * Puts data into the log, at {@link nextIndex}, at once. When it is committed, the state machine's apply gets it with `local`.
   * @returns resolves when it was applied here; rejects with RaftError: outcome-unknown when nobody can know, not-leader when another
   * entry has taken its place (nothing has happened then)
   * @throws RaftError not-leader, busy, too-large, stopped, at once and not by the promise: nothing has happened, and nextIndex is as before
   */
  propose(data: Uint8Array, local: Local): Promise<void>;
  /** Resolves once this member's state holds everything that was acknowledged anywhere before the call: a linearizable read may follow. @throws RaftError not-leader (nobody leads), timeout */
  readBarrier(): Promise<void>;
  /** Resolves when this member has applied the index. @throws RaftError timeout, stopped */
  whenApplied(index: number, timeoutMs: number): Promise<void>;
  readonly appliedIndex: number;

  /** Only on the leader. Takes a new member in, or gives a known node its id again. @returns its id and all members @throws RaftError not-leader, membership-refused */
  join(nodeId: string, address: string, options?: JoinOptions): Promise<JoinResult>;
  /**
   * Only on the leader. Resolves at once for one that was removed before. Asked to remove itself, the leader hands leadership over and
   * throws not-leader: ask again, and the next leader does it.
   * @throws RaftError membership-refused when the rest would have no quorum, unless forced; also when it is the last one
   */
  removeMember(id: MemberId, options?: { readonly force?: boolean }): Promise<void>;
  /** Whether removing it leaves a quorum of members that can be reached. */
  canRemove(id: MemberId): boolean;
  /** Only on the leader. The same, once every member had an election timeout to be heard of: who leads since a moment ago has not heard of all. @throws RaftError not-leader */
  untilRemovable(id: MemberId): Promise<boolean>;
  members(): readonly Member[];
  removedMembers(): readonly MemberId[];

  /** Resolves when another member leads. @throws RaftError */
  transferLeadership(to?: MemberId): Promise<MemberId>;
  /** Writes a snapshot now. */
  takeSnapshot(): Promise<{ readonly index: number; readonly bytes: number; readonly tookMs: number }>;
  status(): RaftStatus;
  /** From now on a tick takes so long. Members should agree. */
  setTickMs(tickMs: number): void;
  /** From now on elections and heartbeats take so many ticks. Members should agree. @throws RangeError */
  setTicks(ticks: Ticks): void;
  /** From now on snapshots are made, and entries and old snapshots kept, so. */
  setSnapshotSettings(settings: SnapshotSettings): void;
  /** Hands leadership over where it can, and ends; the storage is closed then. */
  stop(): Promise<void>;
}
