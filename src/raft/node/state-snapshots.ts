/** The state machine and the members as snapshots: made here in time, and taken over from a leader. */
import type { Entry, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { RaftMachine } from "../core/machine.js";
import type { MemberId } from "../core/member-id.js";
import type { LogStorage } from "../storage/log-storage.js";
import type { Clock } from "./clock.js";
import type { StateMachine } from "./raft.js";
import type { Roster } from "./roster.js";
import type { RaftSettings } from "./settings.js";
import { type HeldState, SnapshotMaker, type SnapshotResult } from "./snapshot-maker.js";
import { SnapshotSchedule } from "./snapshot-schedule.js";
import { encodeMembership, readBack } from "./stored-snapshot.js";

export interface SnapshotSurroundings {
  readonly self: MemberId;
  readonly storage: LogStorage;
  readonly stateMachine: StateMachine<never>;
  readonly clock: Clock;
  readonly core: RaftMachine;
  readonly roster: Roster;
  readonly settings: RaftSettings;
  /** Snapshots that are being read for others. */
  inUse(): number;
  /** One that was due could not be made. */
  missed(error: unknown): void;
}

export class StateSnapshots {
  readonly #around: SnapshotSurroundings;
  readonly #schedule: SnapshotSchedule;
  readonly #maker: SnapshotMaker;
  #applied: number;
  #appliedTerm: number;
  #ended = false;

  constructor(around: SnapshotSurroundings, newest: SnapshotMetadata, entries: readonly Entry[]) {
    const { settings, storage, clock } = around;
    this.#around = around;
    this.#schedule = new SnapshotSchedule(settings, newest, storage.stats().snapshotBytes, entries);
    this.#maker = new SnapshotMaker(storage, clock, settings.sliceMs);
    this.#applied = newest.index;
    this.#appliedTerm = newest.term;
  }

  /** Index 0 without one. */
  get newest(): SnapshotMetadata {
    return this.#schedule.newest;
  }

  tick(): void {
    this.#schedule.tick();
  }

  /** The state machine has all up to this entry: of this state snapshots are made from now on. */
  applied(index: number, term: number, bytes: number): void {
    this.#applied = index;
    this.#appliedTerm = term;
    this.#schedule.applied(index, bytes);
    if (!this.#schedule.isDue(index) || this.#maker.isBusy || this.#ended) return;
    this.take().catch((error: unknown) => {
      this.#schedule.failed();
      if (!this.#ended) this.#around.missed(error);
    });
  }

  async take(): Promise<SnapshotResult> {
    const { index } = this.#schedule.newest;
    if (!this.#maker.isBusy && this.#applied === index) {
      return { index, bytes: this.#around.storage.stats().snapshotBytes, tookMs: 0 };
    }
    const bytesBefore = this.#schedule.bytesSince;
    return this.#maker.make(
      () => this.#hold(),
      (metadata) => this.#compact(metadata, bytesBefore),
    );
  }

  /** A leader's snapshot takes the place of the state: what is being made of the old one is of no use. */
  supersede(): void {
    this.#maker.supersede();
  }

  /** Takes in a leader's snapshot, which is durable here. */
  async restore(metadata: SnapshotMetadata): Promise<void> {
    const { storage, stateMachine, clock, settings, roster } = this.#around;
    const members = await readBack(
      storage.readSnapshot(metadata.index),
      (parts) => stateMachine.restore(parts, metadata.index),
      clock,
      settings.sliceMs,
    );
    if (!metadata.confState) throw new Error(`the snapshot of entry ${metadata.index} does not say who votes`);
    roster.restore(members, metadata.confState);
    this.#schedule.replaced(metadata, storage.stats().snapshotBytes);
  }

  /** Resolves when nothing is written any more. */
  end(): Promise<void> {
    this.#ended = true;
    return this.#maker.end();
  }

  #hold(): HeldState {
    const { roster, stateMachine } = this.#around;
    const metadata = { index: this.#applied, term: this.#appliedTerm, confState: roster.confState };
    return { metadata, parts: following(encodeMembership(roster.snapshot()), stateMachine.snapshot()) };
  }

  async #compact(metadata: SnapshotMetadata, bytesBefore: number): Promise<void> {
    const { self, core, storage, settings, inUse } = this.#around;
    if (this.#ended || metadata.index <= this.#schedule.newest.index) return;
    this.#schedule.made(metadata, storage.stats().snapshotBytes, bytesBefore);
    const followers = core.role === "leader" ? core.status().followers : [];
    const keepFrom = this.#schedule.keepFrom(metadata.index, self, followers);
    core.compact(metadata, keepFrom);
    // One that is being sent must not go away under its reader.
    const spare = inUse() > 0 ? 1 : 0;
    await storage.compact(metadata, keepFrom, 1 + settings.keepSnapshots + spare);
  }
}

function* following(first: Uint8Array, rest: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield first;
  yield* rest;
}
