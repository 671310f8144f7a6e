/**
 * The cluster's objects. Reads see what is committed; a transaction runs on that and on what is already in the log before it,
 * and its change list is its entry of the log: whoever applies the entries in their order has the same objects.
 */
import { RaftError } from "../raft/node/raft.js";
import type { Change, Commit } from "./change.js";
import type { Clock } from "./clock.js";
import { ClusterClock } from "./cluster-clock.js";
import { CommittedState, type RestoredObjects } from "./committed-state.js";
import { EntryCodec } from "./encoding/entry-codec.js";
import { StoreError } from "./errors.js";
import { InFlight } from "./in-flight.js";
import { BATCH_BYTES, MAX_CHANGES_PER_COMMIT, MAX_TRANSACTION_BYTES } from "./limits.js";
import type { Proposal, Proposer } from "./proposer.js";
import type { StoreReader } from "./reader.js";
import { Transaction } from "./transaction.js";
import { type Listener, type Selector, selects } from "./watch-hub.js";

export { MAX_CHANGES_PER_COMMIT } from "./limits.js";

const MAX_ATTEMPTS = 10;
/** A microsecond. */
const TIME_STEP_MS = 0.001;
/** Entries of one batch that are in the log and not yet applied. */
const MAX_BATCH_ENTRIES_IN_FLIGHT = 8;
/** Items of a batch that are looked at in one go, also when they change nothing. */
const MAX_ITEMS_PER_TRANSACTION = 1000;

/** How one run of a transaction's body ended. */
type Attempt<T> =
  /** It changes something, and is in the log. */
  | { readonly kind: "proposed"; readonly value: T; readonly applied: Promise<void> }
  /** It changes nothing, or refuses; it stands on what is committed. */
  | { readonly kind: "returned"; readonly value: T }
  | { readonly kind: "threw"; readonly error: unknown }
  /** The same, but it stands on what is in flight: it holds when `holds` resolves to true, else it has to run again. */
  | { readonly kind: "expected"; readonly outcome: () => T; readonly holds: Promise<boolean> }
  /** Nothing has happened; it can run again when `until` resolves. */
  | { readonly kind: "again"; readonly until: Promise<unknown>; readonly reason: unknown }
  /** The log did not take it. When it was busy, it can run again when `until` resolves. */
  | { readonly kind: "refused"; readonly until: Promise<unknown> | undefined; readonly reason: Promise<unknown> };

export interface StoreOptions {
  /** Shared with whoever applies entries that come from elsewhere. */
  readonly state?: CommittedState;
  readonly codec?: EntryCodec;
}

export class Store {
  readonly #state: CommittedState;
  readonly #codec: EntryCodec;
  readonly #proposer: Proposer;
  /** By which objects are stamped, and what is measured by their stamps. */
  readonly clock: Clock;
  readonly #inFlight: InFlight;
  #lastTimeMs = 0;

  constructor(proposer: Proposer, clock: Clock, options: StoreOptions = {}) {
    this.#proposer = proposer;
    this.clock = new ClusterClock(clock, () => Math.max(this.#lastTimeMs, this.#state.lastTimeMs));
    this.#state = options.state ?? new CommittedState((line) => process.emitWarning(line));
    this.#codec = options.codec ?? new EntryCodec();
    this.#inFlight = new InFlight(this.#state);
  }

  /** Index of the last entry of the log that is in the store. */
  get version(): number {
    return this.#state.version;
  }

  /** Commits after this version are known: see {@link commitsAfter}. */
  get oldestVersion(): number {
    return this.#state.history.floor;
  }

  /** Reads. `look` must not keep the reader. */
  view<T>(look: (read: StoreReader) => T): T {
    return look(this.#state);
  }

  /** Watches commits from now on. @returns a function that ends the watch */
  watch(selectors: readonly Selector[], listener: Listener): () => void {
    return this.#state.hub.watch(selectors, this.#state.version, listener);
  }

  /** Reads, and watches all commits after what was read: no change falls between. */
  viewAndWatch<T>(
    look: (read: StoreReader) => T,
    selectors: readonly Selector[],
    listener: Listener,
  ): { readonly seen: T; readonly end: () => void } {
    const end = this.watch(selectors, listener);
    try {
      return { seen: this.view(look), end };
    } catch (error) {
      end();
      throw error;
    }
  }

  /**
   * Tells of all commits after a version, those of the past at once, the others as they come: none is left out, none told twice.
   * @returns a function that ends the watch
   * @throws HistoryError when they are not known any more, or the version is not known yet
   */
  watchFrom(version: number, selectors: readonly Selector[], listener: Listener): () => void {
    const missed = this.commitsAfter(version);
    const end = this.watch(selectors, listener);
    for (const commit of missed) {
      const events = commit.events.filter((event) => selectors.some((selector) => selects(selector, event)));
      if (events.length > 0) listener(events, commit.version);
    }
    return end;
  }

  /** What was committed after a version, oldest first. Some 10,000 events back. @throws HistoryError */
  commitsAfter(version: number): readonly Commit[] {
    return this.#state.history.after(version, this.#state.version);
  }

  /**
   * Runs `body` as a transaction and commits its changes. It may run several times; nothing but the transaction may change in it.
   * @returns what `body` returned, once its changes, and all that it stands on, are committed and can be read here
   * @throws what `body` throws (nothing is changed then); StoreError too-large, contention; what the proposer says: RaftError
   */
  async update<T>(body: (tx: Transaction) => T): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const outcome = this.#attempt(body);
      switch (outcome.kind) {
        case "proposed":
          await outcome.applied;
          return outcome.value;
        case "returned":
          return outcome.value;
        case "threw":
          throw outcome.error;
        case "expected":
          if (await outcome.holds) return outcome.outcome();
          if (attempt === MAX_ATTEMPTS) throw new StoreError("contention", "cluster", "");
          break;
        default:
          await this.#untilAgain(outcome, attempt);
      }
    }
  }

  /**
   * Applies `body` to each item in its order, in transactions of about {@link MAX_CHANGES_PER_COMMIT} changes or three quarters of
   * an entry's bytes, several of them under way at once, and lets other work in between them. An item's changes stay in one
   * transaction. Earlier transactions stand when a later one fails.
   * @throws the first failure; nothing later has been begun then, or it has failed too
   */
  async batch<Item>(items: readonly Item[], body: (tx: Transaction, item: Item) => void): Promise<void> {
    const underWay: Promise<void>[] = [];
    let failure: { readonly start: number; readonly error: unknown } | undefined;
    const fail = (start: number, error: unknown) => {
      if (!failure || start < failure.start) failure = { start, error };
    };
    let next = 0;
    let attempt = 1;
    while (next < items.length && !failure) {
      const start = next;
      const outcome = this.#attempt((tx) => {
        next = start;
        const end = Math.min(items.length, start + MAX_ITEMS_PER_TRANSACTION);
        while (next < end && tx.size < MAX_CHANGES_PER_COMMIT && tx.measure() < BATCH_BYTES) body(tx, items[next++]!);
      });
      let isDone = true;
      try {
        if (outcome.kind === "proposed") {
          underWay.push(outcome.applied.catch((error: unknown) => fail(start, error)));
          if (underWay.length >= MAX_BATCH_ENTRIES_IN_FLIGHT) await underWay.shift();
        } else if (outcome.kind === "threw") {
          throw outcome.error;
        } else if (outcome.kind === "expected") {
          isDone = await outcome.holds;
          if (isDone) outcome.outcome();
          else if (attempt === MAX_ATTEMPTS) throw new StoreError("contention", "cluster", "");
        } else if (outcome.kind !== "returned") {
          isDone = false;
          await this.#untilAgain(outcome, attempt);
        }
      } catch (error) {
        fail(start, error);
      }
      attempt = isDone ? 1 : attempt + 1;
      if (!isDone) next = start;
      if (next < items.length) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(underWay);
    if (failure) throw failure.error;
  }

  /** Entries of the log that were proposed elsewhere, or before this process began. They need not fit what is in flight. */
  applyForeign(version: number, changes: readonly Change[], bytes: number): void {
    if (this.#inFlight.size > 0) this.#inFlight.break();
    this.#state.apply(version, changes, bytes);
  }

  /** A snapshot takes the place of all objects; see {@link CommittedState.replace}. */
  async replaceState(version: number, restored: RestoredObjects): Promise<void> {
    if (this.#inFlight.size > 0) this.#inFlight.break();
    await this.#state.replace(version, restored);
  }

  #attempt<T>(body: (tx: Transaction) => T): Attempt<T> {
    const version = this.#proposer.nextVersion;
    if (version === undefined) return { kind: "threw", error: this.#proposer.refusal() };
    this.#inFlight.enterTerm(this.#proposer.term);
    if (this.#inFlight.isBroken) {
      const reason = new StoreError("contention", "cluster", "");
      return { kind: "again", until: this.#inFlight.settled(), reason };
    }
    const tx = this.#begin(this.#inFlight.expected);
    let value: T;
    try {
      value = body(tx);
    } catch (error) {
      return this.#refused(body, error);
    }
    if (tx.size === 0) {
      if (this.#inFlight.size === 0) return { kind: "returned", value };
      return { kind: "expected", outcome: () => value, holds: this.#inFlight.holds() };
    }
    const changes = tx.seal(version);
    const first = changes[0]!;
    if (this.#proposer.nextVersion !== version) {
      // The body has committed something itself: this run does not know of it.
      const reason = new StoreError("contention", first.kind, first.object.id);
      return { kind: "again", until: Promise.resolve(), reason };
    }
    const data = this.#codec.encode(changes);
    if (data.length > MAX_TRANSACTION_BYTES) {
      return { kind: "threw", error: new StoreError("too-large", first.kind, String(data.length)) };
    }
    return this.#propose({ version, changes, data, apply: this.#applyOwn }, value);
  }

  #propose<T>(proposal: Proposal, value: T): Attempt<T> {
    const acceptance = this.#proposer.propose(proposal);
    if (acceptance.accepted) {
      if (this.#state.version < proposal.version) this.#inFlight.add(proposal, acceptance.applied);
      return { kind: "proposed", value, applied: acceptance.applied };
    }
    const until = this.#inFlight.size > 0 ? this.#inFlight.oldestSettled() : undefined;
    return { kind: "refused", until, reason: acceptance.reason };
  }

  /** @throws the reason, when there is no use in another attempt */
  async #untilAgain(
    outcome: Extract<Attempt<unknown>, { readonly kind: "again" | "refused" }>,
    attempt: number,
  ): Promise<void> {
    const reason = await outcome.reason;
    const isBusy = reason instanceof RaftError && reason.code === "busy" && outcome.until !== undefined;
    if (attempt === MAX_ATTEMPTS || (outcome.kind === "refused" && !isBusy)) throw reason;
    await outcome.until;
  }

  /** What a body refuses because of what is committed it refuses at once; because of what is in flight, once that is committed. */
  #refused<T>(body: (tx: Transaction) => T, expectedError: unknown): Attempt<T> {
    if (this.#inFlight.size === 0) return { kind: "threw", error: expectedError };
    try {
      body(this.#begin(this.#state));
    } catch (error) {
      return { kind: "threw", error };
    }
    const outcome = () => {
      throw expectedError;
    };
    return { kind: "expected", outcome, holds: this.#inFlight.holds() };
  }

  #begin(base: StoreReader): Transaction {
    return new Transaction(base, this.#nextTimeMs(), this.#sizeOf);
  }

  readonly #sizeOf: ConstructorParameters<typeof Transaction>[2] = (kind, object) => this.#codec.sizeOf(kind, object);

  readonly #applyOwn = (proposal: Proposal): void => {
    // First, so that a listener that begins a transaction finds the object once.
    this.#inFlight.applied(proposal);
    this.#state.apply(proposal.version, proposal.changes, proposal.data.length);
  };

  /** Grows with every transaction, whoever led, so that created_at orders objects of different transactions. */
  #nextTimeMs(): number {
    this.#lastTimeMs = Math.max(this.clock.now(), Math.max(this.#lastTimeMs, this.#state.lastTimeMs) + TIME_STEP_MS);
    return this.#lastTimeMs;
  }
}
