/**
 * Transactions that are in the log and not yet applied, and what the objects will be once they are. The next transaction runs
 * on that: it comes behind them in the log, so it counts only if they do, and need not wait for them.
 */
import { Overlay } from "./overlay.js";
import type { Proposal } from "./proposer.js";
import type { StoreReader } from "./reader.js";
import type { Kind } from "./tables.js";

export class InFlight {
  readonly #committed: StoreReader;
  readonly #overlay: Overlay;
  /** Which proposal an object of the overlay is of: the last one. */
  readonly #owners = new Map<Kind, Map<string, Proposal>>();
  /** In the log's order, with how each ends: applied (true) or lost (false). */
  readonly #ends = new Map<Proposal, Promise<boolean>>();
  #term = 0;
  #isBroken = false;
  /** Those who wait to hear whether what is in flight holds. */
  #doubters: (() => void)[] = [];

  constructor(committed: StoreReader) {
    this.#committed = committed;
    this.#overlay = new Overlay(committed);
  }

  get size(): number {
    return this.#ends.size;
  }

  /** One was lost and others that came behind it have not ended: nobody knows what the next transaction would stand on. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The objects as they will be. */
  get expected(): StoreReader {
    return this.#ends.size > 0 ? this.#overlay : this.#committed;
  }

  /** What is still in flight from an earlier term is not in the log any more. */
  enterTerm(term: number): void {
    if (term === this.#term) return;
    this.#term = term;
    this.#ends.clear();
    this.break();
  }

  /** @param applied rejects when it is lost, or nobody knows */
  add(proposal: Proposal, applied: Promise<void>): void {
    const end = applied.then(
      () => true,
      () => {
        if (this.#ends.delete(proposal)) this.break();
        return false;
      },
    );
    this.#ends.set(proposal, end);
    for (const { kind, action, object } of proposal.changes) {
      if (action === "remove") this.#overlay.remove(kind, object.id);
      else this.#overlay.put(kind, object);
      let owners = this.#owners.get(kind);
      if (!owners) {
        owners = new Map();
        this.#owners.set(kind, owners);
      }
      owners.set(object.id, proposal);
    }
  }

  /** It is in the committed state, maybe after it had been given up. */
  applied(proposal: Proposal): void {
    if (!this.#ends.delete(proposal)) return;
    if (this.#ends.size === 0) this.#isBroken = false;
    for (const { kind, object } of proposal.changes) {
      const owners = this.#owners.get(kind);
      if (owners?.get(object.id) !== proposal) continue;
      owners.delete(object.id);
      this.#overlay.forget(kind, object.id);
    }
  }

  /** The log does not go on with all of what stands here. */
  break(): void {
    this.#isBroken = this.#ends.size > 0;
    this.#overlay.clear();
    this.#owners.clear();
    for (const tell of this.#doubters.splice(0)) tell();
  }

  /** Resolves when all that is in flight now has been applied (true), or it is known that some of it is lost (false). */
  holds(): Promise<boolean> {
    return new Promise((resolve) => {
      const tell = () => resolve(false);
      this.#doubters.push(tell);
      void Promise.all(this.#ends.values()).then((ends) => {
        this.#doubters = this.#doubters.filter((one) => one !== tell);
        resolve(ends.every((isApplied) => isApplied));
      });
    });
  }

  /** Resolves when all that is in flight now has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#ends.values());
  }

  /** Resolves when the oldest of those in flight has ended. */
  async oldestSettled(): Promise<void> {
    const [oldest] = this.#ends.values();
    await oldest;
  }
}
