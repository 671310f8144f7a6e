/** How transactions become durable. */
import type { Change } from "./change.js";

/** A transaction on its way into the log. */
export interface Proposal {
  /** The version that its objects carry: the index of its entry. */
  readonly version: number;
  readonly changes: readonly Change[];
  /** The entry. */
  readonly data: Uint8Array;
  /** To be called once it is safe in the log, with the proposal itself, in the log's order. */
  readonly apply: (proposal: Proposal) => void;
}

export type Acceptance =
  /** It is in the log, after all that was accepted before. `applied` rejects when it is lost, or when nobody can know. */
  | { readonly accepted: true; readonly applied: Promise<void> }
  /** Nothing has happened. `reason` resolves to the error: with RaftError busy it may be tried again. */
  | { readonly accepted: false; readonly reason: Promise<unknown> };

export interface Proposer {
  /** Version that the next proposal gets; undefined while nothing can be proposed here. */
  readonly nextVersion: number | undefined;
  /** Grows when what was proposed and is not applied by now will never be. */
  readonly term: number;
  /** Why nothing can be proposed. */
  refusal(): Error;
  /**
   * Puts a proposal with {@link nextVersion} into the log, at once. Many may be under way: they are applied in the order of the
   * calls, and when one is lost all later ones are lost with it.
   */
  propose(proposal: Proposal): Acceptance;
}

const APPLIED = Promise.resolve();

/** A log that lives as long as the process: every proposal is committed at once. */
export class MemoryProposer implements Proposer {
  readonly term = 0;
  #index = 0;

  get nextVersion(): number {
    return this.#index + 1;
  }

  refusal(): Error {
    return new Error("a log in memory takes every proposal");
  }

  propose(proposal: Proposal): Acceptance {
    this.#index++;
    proposal.apply(proposal);
    return { accepted: true, applied: APPLIED };
  }
}
