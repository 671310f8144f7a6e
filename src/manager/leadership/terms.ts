/** One leader's term after the other: begins one when this manager leads, ends it when it does not any more. */
import type { Leadership } from "../../raft/node/raft.js";
import { isTermOver } from "./term-over.js";

/** What is begun and ended; see LeaderTerm. */
export interface Term {
  start(): Promise<void>;
  /** At once where it matters; also in the middle of a start. */
  stop(reason: Error): Promise<void>;
}

interface Entry<T> {
  readonly number: number;
  readonly term: T;
  readonly started: Promise<void>;
  running: boolean;
}

export class Terms<T extends Term> {
  readonly #create: (number: number) => T;
  readonly #onFailure: (error: unknown) => void;
  readonly #onChange: () => void;
  #entry: Entry<T> | undefined;
  /** The end of the terms before. */
  #ending: Promise<void> = Promise.resolve();
  /** The term that this manager leads in; undefined while it does not. */
  #wanted: number | undefined;

  /**
   * @param onFailure a term could not begin, though this manager leads: it is of no use
   * @param onChange a term has begun or ended
   */
  constructor(create: (number: number) => T, onFailure: (error: unknown) => void, onChange: () => void) {
    this.#create = create;
    this.#onFailure = onFailure;
    this.#onChange = onChange;
  }

  /** The term that runs now. */
  get current(): T | undefined {
    return this.#entry?.running ? this.#entry.term : undefined;
  }

  /** @param reason for those who are served by a term that ends */
  see({ role, term }: Pick<Leadership, "role" | "term">, reason: Error): void {
    const wanted = role === "leader" ? term : undefined;
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#end(reason);
    if (wanted === undefined) return;
    // Nothing of the term before is under way any more when the next one begins.
    this.#ending.then(() => {
      if (this.#wanted === wanted) this.#begin(wanted);
    });
  }

  /** Ends the term; none begins any more unless this manager is seen to lead again. */
  async stop(reason: Error): Promise<void> {
    this.#wanted = undefined;
    this.#end(reason);
    await this.#ending;
  }

  #begin(number: number): void {
    const term = this.#create(number);
    const started = term.start();
    const entry: Entry<T> = { number, term, started, running: false };
    this.#entry = entry;
    started.then(
      () => {
        if (this.#entry !== entry) return;
        entry.running = true;
        this.#onChange();
      },
      (error: unknown) => {
        if (this.#entry === entry && !isTermOver(error)) this.#onFailure(error);
      },
    );
  }

  #end(reason: Error): void {
    const entry = this.#entry;
    if (!entry) return;
    this.#entry = undefined;
    const stopped = entry.term.stop(reason);
    this.#ending = this.#ending.then(() => Promise.allSettled([entry.started, stopped])).then(() => undefined);
    if (entry.running) this.#onChange();
    entry.running = false;
  }
}
