/**
 * The cluster's objects. Reads see one consistent state; a transaction runs on it, its change list is the commit, and
 * it holds only if no object that it changes was changed meanwhile (else it runs again).
 */
import { type Change, type StoreEvent, versionOf } from "./change.js";
import type { Clock } from "./clock.js";
import { StoreError } from "./errors.js";
import type { Proposer } from "./proposer.js";
import type { StoreReader } from "./reader.js";
import { Table } from "./table.js";
import { type IndexName, KINDS, type Kind, nameKey, type ObjectTypes, UNIQUE_NAMES } from "./tables.js";
import { nameOf, Transaction } from "./transaction.js";
import { type Listener, type Selector, WatchHub } from "./watch-hub.js";

/** At most so many changed objects go into one entry of the log. */
export const MAX_CHANGES_PER_COMMIT = 200;
const MAX_ATTEMPTS = 10;
/** A microsecond. */
const TIME_STEP_MS = 0.001;

export class Store {
  readonly #tables = new Map<Kind, Table<Kind>>(KINDS.map((kind) => [kind, new Table(kind)]));
  readonly #reader: StoreReader = {
    get: (kind, id) => this.#table(kind).get(id),
    all: (kind) => [...this.#table(kind).all()],
    find: (kind, index, key) => [...this.#table(kind).find(index, key).values()],
  };
  readonly #hub = new WatchHub();
  readonly #proposer: Proposer;
  readonly #clock: Clock;
  #version = 0;
  #lastTimeMs = 0;

  constructor(proposer: Proposer, clock: Clock) {
    this.#proposer = proposer;
    this.#clock = clock;
  }

  /** Version of the last commit. */
  get version(): number {
    return this.#version;
  }

  /** Reads. `look` must not keep the reader. */
  view<T>(look: (read: StoreReader) => T): T {
    return look(this.#reader);
  }

  /** Watches commits from now on. @returns a function that ends the watch */
  watch(selectors: readonly Selector[], listener: Listener): () => void {
    return this.#hub.watch(selectors, this.#version, listener);
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
   * Runs `body` as a transaction and commits its changes. It may run several times; nothing but the transaction may change in it.
   * @returns what `body` returned, once the changes are committed
   * @throws what `body` throws (nothing is changed then); StoreError contention; what the proposer throws
   */
  async update<T>(body: (tx: Transaction) => T): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const tx = new Transaction(this.#reader, this.#nextTimeMs());
      const result = body(tx);
      const changes = tx.changes();
      if (changes.length === 0) return result;
      const committed = await this.#proposer.propose(changes, (list, version) => this.#commit(list, version));
      if (committed) return result;
      const first = changes[0]!;
      if (attempt === MAX_ATTEMPTS) throw new StoreError("contention", first.kind, first.object.id);
    }
  }

  /**
   * Applies `body` to each item, in transactions of about {@link MAX_CHANGES_PER_COMMIT} changes, and lets other work in between them.
   * An item's changes stay in one transaction. Earlier transactions stand when a later one fails.
   */
  async batch<Item>(items: readonly Item[], body: (tx: Transaction, item: Item) => void): Promise<void> {
    let next = 0;
    while (next < items.length) {
      const start = next;
      await this.update((tx) => {
        next = start;
        while (next < items.length && tx.size < MAX_CHANGES_PER_COMMIT) body(tx, items[next++]!);
      });
      if (next < items.length) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Grows with every transaction, so that created_at orders objects of different transactions. */
  #nextTimeMs(): number {
    this.#lastTimeMs = Math.max(this.#clock.now(), this.#lastTimeMs + TIME_STEP_MS);
    return this.#lastTimeMs;
  }

  #table<K extends Kind>(kind: K): Table<K> {
    return this.#tables.get(kind) as unknown as Table<K>;
  }

  #commit(changes: readonly Change[], version: number): boolean {
    this.#version = version;
    const changedIds = new Set(changes.map((change) => change.object.id));
    if (!changes.every((change) => this.#fits(change, changedIds))) return false;
    const events = changes.map((change) => this.#apply(change, version));
    this.#hub.publish({ version, events });
    return true;
  }

  /**
   * Depends on nothing but the log before it: every store comes to the same answer.
   * @param changedIds objects of the same change list: the transaction has checked their names against each other
   */
  #fits({ kind, action, object, baseVersion }: Change, changedIds: ReadonlySet<string>): boolean {
    const current = this.#table(kind).get(object.id);
    if ((current ? versionOf(current) : 0) !== baseVersion) return false;
    if (action === "remove" || !UNIQUE_NAMES.has(kind)) return true;
    const holders = this.#table(kind).find("name" satisfies IndexName<"service">, nameKey(nameOf(object)));
    return [...holders.keys()].every((id) => changedIds.has(id));
  }

  #apply<K extends Kind>(change: Change & { readonly kind: K }, version: number): StoreEvent {
    const table = this.#table<K>(change.kind);
    const previous = table.get(change.object.id);
    if (change.action === "remove") {
      table.remove(change.object.id);
      return { kind: change.kind, action: "remove", object: previous, previous } as StoreEvent;
    }
    const object = { ...change.object, meta: { ...change.object.meta, version: { index: version } } } as ObjectTypes[K];
    table.put(object);
    return { kind: change.kind, action: change.action, object, previous } as StoreEvent;
  }
}
