/**
 * A replicated log of one process, that commits, loses its leadership and restarts when the test says so. It keeps the promises of
 * {@link Raft}: entries are applied in order, and what is lost takes all behind it with it.
 */
import { type CommittedEntry, type Leadership, RaftError, type StateMachine } from "../../src/raft/node/raft.js";
import type { Proposal } from "../../src/store/proposer.js";
import type { ProposalLog } from "../../src/store/raft-proposer.js";

interface Waiting {
  readonly entry: CommittedEntry<Proposal>;
  resolve(): void;
  reject(error: Error): void;
}

const SELF = "17";

export class ScriptedLog implements ProposalLog {
  readonly id = SELF;
  /** All that is committed. */
  readonly entries: CommittedEntry<Proposal>[] = [];
  readonly #machine: StateMachine<Proposal>;
  #uncommitted: Waiting[] = [];
  #lastIndex: number;
  #term = 1;
  #leads = true;
  /** So many entries may be uncommitted; then it is busy. */
  capacity = Number.POSITIVE_INFINITY;
  /** How it says that it does not take a proposal. */
  refuses: "throws" | "rejects" = "throws";

  constructor(machine: StateMachine<Proposal>, lastIndex = 0) {
    this.#machine = machine;
    this.#lastIndex = lastIndex;
  }

  get leadership(): Leadership {
    return { role: this.#leads ? "leader" : "follower", leader: this.#leads ? SELF : "0", term: this.#term };
  }

  get nextIndex(): number | undefined {
    return this.#leads ? this.#lastIndex + 1 : undefined;
  }

  get waiting(): number {
    return this.#uncommitted.length;
  }

  propose(data: Uint8Array, local: Proposal): Promise<void> {
    if (!this.#leads) return this.#refuse("not-leader");
    if (this.#uncommitted.length >= this.capacity) return this.#refuse("busy");
    this.#lastIndex++;
    const entry = { index: this.#lastIndex, term: this.#term, data, local };
    return new Promise((resolve, reject) => this.#uncommitted.push({ entry, resolve, reject }));
  }

  /** The oldest entries become safe. */
  commit(count = this.#uncommitted.length): void {
    const safe = this.#uncommitted.splice(0, count);
    this.#apply(safe.map(({ entry }) => entry));
    for (const { resolve } of safe) resolve();
  }

  /** Commits again and again until nothing comes any more. */
  async settle(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#uncommitted.length === 0) return;
      this.commit();
    }
  }

  /**
   * Another member leads.
   * @param survivors so many of the uncommitted entries are in its log; the rest is lost
   * @param told whether those who wait hear of it now; else they hear nothing, ever
   */
  depose(survivors: number, told = true): void {
    const kept = this.#uncommitted.slice(0, survivors);
    const gone = this.#uncommitted.slice(survivors);
    this.#uncommitted = [];
    this.#leads = false;
    this.#lastIndex -= gone.length;
    const unknown = () => new RaftError("outcome-unknown", "this manager ceased to be the leader");
    if (told) for (const { reject } of [...kept, ...gone]) reject(unknown());
    // The new leader commits them after all.
    this.#apply(kept.map(({ entry }) => entry));
  }

  /** An entry of another leader. */
  follow(data: Uint8Array): void {
    this.#lastIndex++;
    this.#apply([{ index: this.#lastIndex, term: this.#term, data, local: undefined }]);
  }

  elect(): void {
    this.#term++;
    this.#leads = true;
    // A leader begins with an empty entry.
    this.follow(new Uint8Array(0));
  }

  #apply(entries: readonly CommittedEntry<Proposal>[]): void {
    this.entries.push(...entries);
    this.#machine.apply(entries);
  }

  #refuse(code: "not-leader" | "busy"): Promise<void> {
    const error = new RaftError(code, `scripted: ${code}`);
    if (this.refuses === "throws") throw error;
    return Promise.reject(error);
  }
}
