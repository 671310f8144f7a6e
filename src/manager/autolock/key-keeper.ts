/** Keeps the file with the log's keys sealed with what the cluster says: an unlock key, or none. Runs on every manager. */
import type { Store } from "../../store/store.js";
import { unlockKeyOf } from "./cluster-key.js";

/** The file, and the log that its keys seal. */
export interface SealedKeys {
  /** What it is sealed with now; undefined when anybody who can read it can use it. */
  readonly kek: Uint8Array | undefined;
  /** Seals it anew, and the log with a new data key from now on: who knew the old unlock key is not to read what comes. */
  reseal(kek: Uint8Array | undefined): Promise<void>;
}

const RETRY_MS = 5000;
const CATCH_UP_PAUSE_MS = 500;

export class KeyKeeper {
  readonly #store: Store;
  readonly #keys: SealedKeys;
  readonly #log: (line: string) => void;
  #endWatch: () => void = () => {};
  #work: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /**
   * @param caughtUp resolves when the store holds all that was decided before: a log that is read again tells of keys that do not
   * hold any more. Rejects when that cannot be known now.
   */
  constructor(store: Store, keys: SealedKeys, caughtUp: () => Promise<void>, log: (line: string) => void) {
    this.#store = store;
    this.#keys = keys;
    this.#log = log;
    this.#begin(caughtUp);
  }

  /** Resolves when nothing is being written any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#endWatch();
    clearTimeout(this.#timer);
    await this.#work;
  }

  #begin(caughtUp: () => Promise<void>): void {
    caughtUp().then(
      () => {
        if (this.#stopped) return;
        this.#endWatch = this.#store.watch([{ kind: "cluster" }], () => this.#look());
        this.#look();
      },
      () => {
        if (!this.#stopped) this.#timer = setTimeout(() => this.#begin(caughtUp), CATCH_UP_PAUSE_MS);
      },
    );
  }

  /** One change at a time; what was asked for last holds. */
  #look(): void {
    if (this.#stopped || this.#work || !this.#isDue()) return;
    this.#work = this.#reseal().finally(() => {
      this.#work = undefined;
    });
  }

  async #reseal(): Promise<void> {
    while (!this.#stopped && this.#isDue()) {
      const kek = this.#wanted();
      try {
        await this.#keys.reseal(kek);
        this.#log(
          kek ? "the log's keys are sealed with the cluster's unlock key" : "the log's keys need no unlock key",
        );
      } catch (error) {
        this.#log(`the log's keys cannot be sealed anew: ${(error as Error).message}; next attempt in ${RETRY_MS} ms`);
        this.#timer = setTimeout(() => this.#look(), RETRY_MS);
        return;
      }
    }
  }

  /** Before there is a cluster object nothing is known of what it wants. */
  #isDue(): boolean {
    const hasCluster = this.#store.view((read) => read.all("cluster").length > 0);
    const wanted = this.#wanted();
    const { kek } = this.#keys;
    return hasCluster && !(wanted && kek ? Buffer.compare(wanted, kek) === 0 : wanted === kek);
  }

  #wanted(): Buffer | undefined {
    return unlockKeyOf(this.#store.view((read) => read.all("cluster"))[0]);
  }
}
