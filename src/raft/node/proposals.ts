/** What this process put into the log and waits for, by its place there. */
import { notTaken, outcomeUnknown } from "./errors.js";
import type { RaftError } from "./raft.js";

export interface Proposal<Local> {
  readonly term: number;
  readonly local: Local | undefined;
  resolve(): void;
  reject(error: RaftError): void;
  /** Its promise has ended; the entry may still come. */
  settled: boolean;
  /** Proposed earlier at the same index, in a term that this member has led before. */
  readonly older: Proposal<Local> | undefined;
}

export class Proposals<Local> {
  readonly #byIndex = new Map<number, Proposal<Local>>();
  /** Ticks since leadership was lost; undefined while this member leads. */
  #orphanedForTicks: number | undefined;

  get size(): number {
    return this.#byIndex.size;
  }

  /** @returns resolves when the entry of this term is applied at this index */
  add(index: number, term: number, local: Local | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const older = this.#byIndex.get(index);
      this.#byIndex.set(index, { term, local, resolve, reject, settled: false, older });
    });
  }

  /** An entry of this term is committed at this index. Others that were proposed there have lost. @returns the one that was proposed here */
  claim(index: number, term: number): Proposal<Local> | undefined {
    const newest = this.#byIndex.get(index);
    if (!newest) return undefined;
    this.#byIndex.delete(index);
    let winner: Proposal<Local> | undefined;
    for (let one: Proposal<Local> | undefined = newest; one; one = one.older) {
      if (one.term === term) winner = one;
      else reject(one, notTaken);
    }
    return winner;
  }

  /** A snapshot has taken the place of the entries up to an index: which they were nobody can tell. */
  forgetUpTo(index: number): void {
    for (const [at, newest] of this.#byIndex) {
      if (at > index) continue;
      this.#byIndex.delete(at);
      rejectAll(newest, outcomeUnknown);
    }
  }

  /** The entry that opens this term is applied: what was proposed here in an earlier one, and has not come by now, never will. */
  termOpened(term: number): void {
    for (const [index, newest] of this.#byIndex) {
      for (let one: Proposal<Local> | undefined = newest; one; one = one.older)
        if (one.term < term) reject(one, notTaken);
      if (newest.term < term) this.#byIndex.delete(index);
    }
  }

  leading(): void {
    this.#orphanedForTicks = undefined;
  }

  ledNoMore(): void {
    this.#orphanedForTicks = 0;
  }

  /** For `patienceTicks` after leadership was lost the next leader may still settle what is under way. */
  tick(patienceTicks: number): void {
    if (this.#orphanedForTicks === undefined || ++this.#orphanedForTicks !== patienceTicks) return;
    // They stay: should an entry be committed after all, what was proposed with it goes to the state machine.
    for (const newest of this.#byIndex.values()) rejectAll(newest, outcomeUnknown);
  }

  /** Nothing will be applied here any more. */
  end(reason: () => RaftError): void {
    for (const newest of this.#byIndex.values()) rejectAll(newest, reason);
    this.#byIndex.clear();
  }
}

function rejectAll<Local>(newest: Proposal<Local>, reason: () => RaftError): void {
  for (let one: Proposal<Local> | undefined = newest; one; one = one.older) reject(one, reason);
}

function reject<Local>(proposal: Proposal<Local>, reason: () => RaftError): void {
  if (proposal.settled) return;
  proposal.settled = true;
  proposal.reject(reason());
}
