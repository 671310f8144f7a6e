import type { Entry, HardState, Message, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { MemberId } from "./member-id.js";

export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

export interface SoftState {
  readonly role: Role;
  /** NOBODY while there is none. */
  readonly leader: MemberId;
}

/** A read that was asked for may be answered once the state machine has taken in `index`. */
export interface ReadState {
  /** As given to readIndex. */
  readonly context: Uint8Array;
  readonly index: number;
}

/**
 * What the shell has to do now. Each Ready is handed out once; later ones may be taken while the writes of earlier ones are
 * under way, but writes become durable, and committed entries are applied, in the order of the Readys.
 */
export interface Ready {
  /** Grows by one from Ready to Ready, from 1. */
  readonly sequence: number;
  /** The role or the leader, when one of them has changed. */
  readonly softState: SoftState | undefined;
  /** A received snapshot that replaces the log and the state machine; to be durable before `entries`. */
  readonly snapshot: SnapshotMetadata | undefined;
  /** To be written. An entry replaces what the log has at its index and drops what follows it. */
  readonly entries: readonly Entry[];
  /** To be written when present. */
  readonly hardState: HardState | undefined;
  /** False when only the commit index moved: losing that write harms nothing. */
  readonly mustSync: boolean;
  /** May go out at once, beside the write. */
  readonly messages: readonly Message[];
  /** Promises, and requests for votes: may go out only once the writes of this Ready, and of all before it, are durable. */
  readonly messagesAfterPersist: readonly Message[];
  /** Durable here and on a quorum; to be applied in order. Empty ones and membership changes among them. */
  readonly committed: readonly Entry[];
  readonly readStates: readonly ReadState[];
}

/** What the shell has done; both may be left out. */
export interface Progress {
  /** The writes of all Readys up to this sequence are durable. */
  readonly persisted?: number;
  /** The state machine has taken in all entries up to this index. */
  readonly applied?: number;
}
