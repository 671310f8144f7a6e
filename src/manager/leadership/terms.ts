/** One leader's term after the other: begins one when this manager leads, ends it when it does not any more. */
import type { Leadership } from "../../raft/node/raft.js";
import type { Clock } from "../../store/clock.js";
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

const RETRY_MS = 1000;

export class Terms<T extends Term> {
  readonly #create: (number: number) => T;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  readonly #onChange: () => void;
  #entry: Entry<T> | undefined;
  /** The end of the terms before. */
  #ending: Promise<void> = Promise.resolve();
  /** The term that this manager leads in; undefined while it does not. */
  #wanted: number | undefined;
  #cancelRetry: () => void = () => {};

  /**
   * @param onFailure a term could not begin, though this manager leads: it is tried again after a second
   * @param onChange a term has begun or ended
   */
  constructor(create: (number: number) => T, clock: Clock, onFailure: (error: unknown) => void, onChange: () => void) {
    this.#clock = clock;
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
        if (this.#entry !== entry || isTermOver(error)) return;
        this.#onFailure(error);
        this.#cancelRetry = this.#clock.after(RETRY_MS, () => this.#again(number));
      },
    );
  }

  /** From the beginning, with nothing of the first attempt. */
  #again(number: number): void {
    this.#end(new Error("its work could not begin"));
    this.#ending.then(() => {
      if (this.#wanted === number && !this.#entry) this.#begin(number);
    });
  }

  #end(reason: Error): void {
    this.#cancelRetry();
    const entry = this.#entry;
    if (!entry) return;
    this.#entry = undefined;
    const stopped = entry.term.stop(reason);
    this.#ending = this.#ending.then(() => Promise.allSettled([entry.started, stopped])).then(() => undefined);
    if (entry.running) this.#onChange();
    entry.running = false;
  }
}
