/** Gathers what many want written into batches, one under way at a time: while one is written the next gathers. */
import { resourceExhausted } from "../../api/status-error.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";

export interface BatchSettings {
  /** So long the first item of a batch waits for others. */
  readonly gatherMs: number;
  /** A batch of so many does not wait. */
  readonly enough: number;
  /** So many may wait at all. */
  readonly most: number;
}

interface Batch<Item> {
  readonly items: Item[];
  readonly written: Promise<void>;
  /** Begins the write now, if nothing else is being written. */
  readonly begin: () => void;
}

export class WriteBatches<Item> {
  readonly #store: Store;
  readonly #settings: BatchSettings;
  readonly #write: (tx: Transaction, item: Item) => void;
  #gathering: Batch<Item> | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** @param write may run several times for an item */
  constructor(store: Store, settings: BatchSettings, write: (tx: Transaction, item: Item) => void) {
    this.#store = store;
    this.#settings = settings;
    this.#write = write;
  }

  /**
   * Resolves when the items are in the store.
   * @throws StatusError (RESOURCE_EXHAUSTED) at once and not by the promise, when too much waits already
   */
  add(items: readonly Item[]): Promise<void> {
    const { most, enough } = this.#settings;
    this.#gathering ??= this.#newBatch();
    const batch = this.#gathering;
    if (batch.items.length > 0 && batch.items.length + items.length > most) {
      throw resourceExhausted(`${batch.items.length} changes wait to be written already: try again in a moment`);
    }
    for (const item of items) batch.items.push(item);
    if (batch.items.length >= enough) batch.begin();
    return batch.written;
  }

  #newBatch(): Batch<Item> {
    const items: Item[] = [];
    let begin = () => {};
    const isTime = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#settings.gatherMs);
      begin = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    const written = Promise.all([isTime, this.#writing]).then(() => {
      this.#gathering = undefined;
      return this.#store.batch(items, this.#write);
    });
    // A failure concerns those who wait for this batch, not the next batch.
    this.#writing = written.then(
      () => undefined,
      () => undefined,
    );
    return { items, written, begin };
  }
}
