/** A manager's state machine with an eye on it: what it applies, and what its store makes of that. */
import type { CommittedEntry, StateMachine } from "../../src/raft/node/raft.js";
import { versionOf } from "../../src/store/change.js";
import type { Store } from "../../src/store/store.js";
import type { Rules } from "./rules.js";
import { hashOfObject, hashOfStore } from "./state-hash.js";

export class WatchedMachine<Local> implements StateMachine<Local> {
  /** Of the last entry that was applied, or the snapshot that was restored. */
  applied = 0;
  readonly #name: string;
  readonly #inner: StateMachine<Local>;
  readonly #store: Store;
  readonly #rules: Rules;
  readonly #isAlive: () => boolean;
  #hash = 0;
  #isRestoring = false;

  constructor(name: string, inner: StateMachine<Local>, store: Store, rules: Rules, isAlive: () => boolean) {
    this.#name = name;
    this.#inner = inner;
    this.#store = store;
    this.#rules = rules;
    this.#isAlive = isAlive;
    store.watch([{ kind: "config" }], (events, version) => {
      if (this.#isRestoring) return;
      for (const event of events) {
        if (event.kind !== "config") continue;
        const { object, previous, action } = event;
        if (previous) this.#hash ^= hashOfObject(previous);
        if (action === "remove") continue;
        this.#hash ^= hashOfObject(object);
        if (versionOf(object) !== version || (previous && versionOf(previous) >= version)) {
          const before = previous ? `after @${versionOf(previous)}` : "new";
          rules.broken(
            "versions grow",
            `${name}: ${object.id} is @${versionOf(object)} in entry ${version}, ${before}`,
          );
        }
      }
    });
  }

  apply(entries: readonly CommittedEntry<Local>[]): void {
    if (!this.#isAlive()) return;
    for (const entry of entries) {
      const { index, term, data } = entry;
      if (index !== this.applied + 1) {
        this.#rules.broken("no entry is skipped", `${this.#name} applies entry ${index} after ${this.applied}`);
      }
      this.applied = index;
      this.#rules.applied(this.#name, index, term, data);
      this.#inner.apply([entry]);
      this.#rules.state(this.#name, index, this.#hash);
    }
  }

  snapshot(): Iterable<Uint8Array> {
    return this.#inner.snapshot();
  }

  async restore(parts: AsyncIterable<Uint8Array>, index: number): Promise<void> {
    this.#isRestoring = true;
    await this.#inner.restore(parts, index);
    this.#isRestoring = false;
    if (!this.#isAlive()) return;
    if (index < this.applied) {
      this.#rules.broken(
        "nothing is forgotten",
        `${this.#name} restores a snapshot of ${index} after applying ${this.applied}`,
      );
    }
    this.#rules.restored(this.#name, this.applied, index);
    this.applied = index;
    this.#hash = this.wholeHash();
    this.#rules.state(this.#name, index, this.#hash);
  }

  /** Of the store as it is, whatever the events told. */
  wholeHash(): number {
    return hashOfStore(this.#store);
  }

  isConsistent(): boolean {
    return this.#hash === this.wholeHash();
  }
}
