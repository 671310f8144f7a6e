/**
 * Takes committed entries into the state machine, in order and a slice at a time, so that heartbeats and ticks are not late while a long
 * log is replayed.
 */
import { type Entry, EntryType, type SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { Clock } from "./clock.js";
import { outcomeUnknown } from "./errors.js";
import type { Proposal, Proposals } from "./proposals.js";
import type { CommittedEntry, StateMachine } from "./raft.js";

/** The state machine gets so much at once; the time is looked at in between. */
const BATCH_ENTRIES = 64;
const BATCH_BYTES = 64 << 10;

const NO_DATA = new Uint8Array(0);

type Work =
  | { readonly kind: "entries"; readonly entries: readonly Entry[] }
  | { readonly kind: "snapshot"; readonly metadata: SnapshotMetadata; readonly installed: Promise<void> };

export interface ApplierOutput {
  /** A membership change, or an entry that is none of a proposer's. */
  membership(entry: Entry): void;
  /** The state machine has everything up to this entry. */
  applied(index: number, term: number, bytes: number): void;
  /** Replaces the state machine's state by a stored snapshot's. */
  restore(metadata: SnapshotMetadata): Promise<void>;
  failed(error: unknown): void;
}

export class Applier<Local> {
  readonly #stateMachine: StateMachine<Local>;
  readonly #proposals: Proposals<Local>;
  readonly #clock: Clock;
  readonly #sliceMs: number;
  readonly #output: ApplierOutput;
  #queue: Work[] = [];
  /** Entries of the first piece of work that are done. */
  #done = 0;
  /** The next slice is arranged, or a snapshot is being taken in. */
  #isWaiting = false;
  #ended = false;
  #restoring: Promise<void> | undefined;

  constructor(
    stateMachine: StateMachine<Local>,
    proposals: Proposals<Local>,
    clock: Clock,
    sliceMs: number,
    output: ApplierOutput,
  ) {
    this.#stateMachine = stateMachine;
    this.#proposals = proposals;
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#output = output;
  }

  /** The state machine is between two states. */
  get isRestoring(): boolean {
    return this.#restoring !== undefined;
  }

  entries(entries: readonly Entry[]): void {
    if (entries.length > 0) this.#queue.push({ kind: "entries", entries });
  }

  /** What waits to be applied is part of it. */
  snapshot(metadata: SnapshotMetadata, installed: Promise<void>): void {
    this.#queue = [{ kind: "snapshot", metadata, installed }];
    this.#done = 0;
  }

  /** Works until all is applied or the slice is over; then it goes on by itself later. */
  run(): void {
    if (this.#isWaiting || this.#ended) return;
    const until = this.#clock.now() + this.#sliceMs;
    try {
      while (this.#queue.length > 0 && !this.#ended) {
        const work = this.#queue[0]!;
        if (work.kind === "snapshot") {
          this.#queue.shift();
          this.#takeIn(work.metadata, work.installed);
          return;
        }
        this.#batch(work.entries);
        if (this.#done === work.entries.length) {
          this.#queue.shift();
          this.#done = 0;
        }
        if (this.#queue.length > 0 && this.#clock.now() >= until) {
          this.#isWaiting = true;
          this.#clock.soon(() => {
            this.#isWaiting = false;
            this.run();
          });
          return;
        }
      }
    } catch (error) {
      this.#output.failed(error);
    }
  }

  /** Nothing is applied any more. Resolves when the state machine is at rest. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#queue = [];
    await this.#restoring;
  }

  #batch(entries: readonly Entry[]): void {
    const batch: CommittedEntry<Local>[] = [];
    const claimed: Proposal<Local>[] = [];
    let bytes = 0;
    let last: Entry | undefined;
    let isChange = false;
    while (this.#done < entries.length && batch.length < BATCH_ENTRIES && bytes < BATCH_BYTES && !isChange) {
      last = entries[this.#done++]!;
      const { Index: index, Term: term, Type: type, Data: data } = last;
      isChange = type !== EntryType.EntryNormal;
      bytes += data.length;
      const proposal = this.#proposals.claim(index, term);
      if (proposal) claimed.push(proposal);
      batch.push({ index, term, data: isChange ? NO_DATA : data, local: proposal?.local });
    }
    if (!last) return;
    try {
      this.#stateMachine.apply(batch);
    } catch (error) {
      for (const proposal of claimed) proposal.reject(outcomeUnknown());
      throw error;
    }
    if (isChange) this.#output.membership(last);
    this.#output.applied(last.Index, last.Term, bytes);
    for (const proposal of claimed) {
      if (proposal.settled) continue;
      proposal.settled = true;
      proposal.resolve();
    }
  }

  #takeIn(metadata: SnapshotMetadata, installed: Promise<void>): void {
    this.#isWaiting = true;
    this.#restoring = installed
      .then(() => (this.#ended ? undefined : this.#output.restore(metadata)))
      .then(() => {
        this.#proposals.forgetUpTo(metadata.index);
        if (!this.#ended) this.#output.applied(metadata.index, metadata.term, 0);
      })
      .catch((error: unknown) => {
        // A newer one that came meanwhile has taken the file away.
        if (this.#queue[0]?.kind !== "snapshot") this.#output.failed(error);
      })
      .then(() => {
        this.#isWaiting = false;
        this.#restoring = undefined;
        this.run();
      });
  }
}
