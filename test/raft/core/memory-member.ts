/** One RaftCore with a log in memory and a state machine that is the list of what was applied. */
import type { ConfState, Entry, HardState, SnapshotMetadata } from "../../../src/api/generated/raftpb/raft.js";
import type { RaftConfig } from "../../../src/raft/core/config.js";
import { type MemberId, NOBODY } from "../../../src/raft/core/member-id.js";
import { decodeChange } from "../../../src/raft/core/membership-change.js";
import { RaftCore } from "../../../src/raft/core/raft-core.js";
import type { Ready } from "../../../src/raft/core/ready.js";

export const NO_STATE: ConfState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

export function votersState(voters: readonly MemberId[], learners: readonly MemberId[] = []): ConfState {
  return { ...NO_STATE, voters, learners };
}

export const CONFIG: Omit<RaftConfig, "id"> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  maxMessageBytes: 1 << 16,
  maxInflightMessages: 256,
  maxInflightBytes: 1 << 20,
  maxUncommittedBytes: 1 << 20,
  maxEntryBytes: 1 << 20,
  maxCommittedBytesPerReady: 1 << 20,
  preVote: false,
  checkQuorum: false,
  readOnly: "safe",
  lazyCommit: false,
  random: () => 0,
};

/** What a disk holds, or will hold. */
export class MemoryLog {
  hardState: HardState = { term: 0, vote: NOBODY, commit: 0 };
  entries: Entry[] = [];

  constructor(public snapshot: SnapshotMetadata) {}

  write({ snapshot, entries, hardState }: Pick<Ready, "snapshot" | "entries" | "hardState">): void {
    if (snapshot !== undefined) {
      this.snapshot = snapshot;
      this.entries = [];
    }
    const [first] = entries;
    if (first !== undefined) {
      const start = this.entries[0]?.Index ?? this.snapshot.index + 1;
      if (first.Index < start || first.Index > start + this.entries.length) {
        throw new Error(`entry ${first.Index} is written to a log of ${this.entries.length} entries from ${start} on`);
      }
      this.entries.length = first.Index - start;
      for (const entry of entries) this.entries.push(entry);
    }
    if (hardState !== undefined) this.hardState = hardState;
  }

  /** The snapshot takes the place of what is before keepFrom. */
  compact(snapshot: SnapshotMetadata, keepFrom: number): void {
    this.snapshot = snapshot;
    const from = Math.min(keepFrom, snapshot.index + 1);
    const start = this.entries[0]?.Index ?? from;
    if (from > start) this.entries = this.entries.slice(from - start);
  }

  copy(): MemoryLog {
    const copy = new MemoryLog(this.snapshot);
    copy.hardState = this.hardState;
    copy.entries = this.entries.slice();
    return copy;
  }
}

export class MemoryMember {
  core: RaftCore;
  /** What survives a crash. */
  disk: MemoryLog;
  /** Readys whose writes are not durable, oldest first. */
  unwritten: Ready[] = [];
  applied: number;
  membership: ConfState;

  constructor(
    readonly config: RaftConfig,
    snapshot: SnapshotMetadata,
  ) {
    this.disk = new MemoryLog(snapshot);
    this.disk.hardState = { term: snapshot.term, vote: NOBODY, commit: snapshot.index };
    this.applied = snapshot.index;
    this.membership = snapshot.confState ?? NO_STATE;
    this.core = this.#start();
  }

  get id(): MemberId {
    return this.config.id;
  }

  /** What its disk will hold once everything is written: its log, as far as it has said. */
  get log(): MemoryLog {
    const log = this.disk.copy();
    for (const ready of this.unwritten) log.write(ready);
    return log;
  }

  take(): Ready | undefined {
    const ready = this.core.ready();
    if (ready !== undefined) this.unwritten.push(ready);
    return ready;
  }

  /** The writes of the oldest Ready become durable. @returns the Ready, whose promises may go out now */
  write(): Ready | undefined {
    const ready = this.unwritten.shift();
    if (ready === undefined) return undefined;
    this.disk.write(ready);
    if (ready.snapshot !== undefined) {
      this.applied = ready.snapshot.index;
      this.membership = ready.snapshot.confState ?? NO_STATE;
    }
    this.core.advance({ persisted: ready.sequence, applied: ready.snapshot?.index });
    return ready;
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.Index !== this.applied + 1) throw new Error(`${entry.Index} is applied after ${this.applied}`);
      const change = decodeChange(entry);
      if (change !== undefined) this.membership = this.core.applyMembershipChange(change);
      this.applied = entry.Index;
    }
    if (entries.length > 0) this.core.advance({ applied: this.applied });
  }

  /** A snapshot of what is applied. Only when nothing that precedes it is still to be written. */
  compact(keepFrom: number): SnapshotMetadata {
    const { entries, snapshot: old } = this.disk;
    const term = this.applied === old.index ? old.term : entries.find((entry) => entry.Index === this.applied)?.Term;
    if (term === undefined) throw new Error(`entry ${this.applied} is applied and is not on the disk`);
    const snapshot = { index: this.applied, term, confState: this.membership };
    this.disk.compact(snapshot, keepFrom);
    this.core.compact(snapshot, keepFrom);
    return snapshot;
  }

  /** What was not durable is lost. */
  restart(): void {
    this.unwritten = [];
    this.applied = this.disk.snapshot.index;
    this.membership = this.disk.snapshot.confState ?? NO_STATE;
    this.core = this.#start();
  }

  #start(): RaftCore {
    return new RaftCore(this.config, { ...this.disk, applied: this.disk.snapshot.index });
  }
}
