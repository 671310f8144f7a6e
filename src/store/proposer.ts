/** How change lists become durable. */
import type { Change } from "./change.js";

/** Takes one change list into the store, at its place in the log. @returns false when it no longer fits and nothing was changed */
export type Commit = (changes: readonly Change[], version: number) => boolean;

export interface Proposer {
  /**
   * Brings a change list into the log and, once it is safe there, calls `commit` with the log's index, in the log's order.
   * Several proposals may be under way at once.
   * @returns what `commit` returned
   * @throws when the change list did not get into the log, or when nobody can know whether it did
   */
  propose(changes: readonly Change[], commit: Commit): Promise<boolean>;
}

/** A log that lives as long as the process: every proposal is committed at once. */
export class MemoryProposer implements Proposer {
  #index = 0;

  async propose(changes: readonly Change[], commit: Commit): Promise<boolean> {
    this.#index++;
    return commit(changes, this.#index);
  }
}
