/** Keeps the file with the log's keys sealed with what the cluster says: an unlock key, or none. Runs on every manager. */
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Store } from "../../store/store.js";
import { unlockKeyOf } from "./cluster-key.js";

/** The file, and the log that its keys seal. */
export interface SealedKeys {
  /** It needs the unlock key; else whoever can read it can use it. */
  readonly isLocked: boolean;
  /** Of the unlock key, as the cluster counts them. */
  readonly version: number;
  /** Seals it anew, and the log with a new data key from now on: who knew the old unlock key is not to read what comes. */
  reseal(kek: Uint8Array | undefined, version: number): Promise<void>;
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
      const wanted = unlockKeyOf(this.#cluster());
      try {
        await this.#keys.reseal(wanted?.key, wanted?.lamportTime ?? this.#keys.version);
        this.#log(wanted ? "the log's keys are sealed with the unlock key" : "the log's keys need no unlock key");
      } catch (error) {
        this.#log(`the log's keys cannot be sealed anew: ${(error as Error).message}; next attempt in ${RETRY_MS} ms`);
        this.#timer = setTimeout(() => this.#look(), RETRY_MS);
        return;
      }
    }
  }

  /** Before there is a cluster object nothing is known of what it wants. */
  #isDue(): boolean {
    const cluster = this.#cluster();
    if (!cluster) return false;
    const wanted = unlockKeyOf(cluster);
    const { isLocked, version } = this.#keys;
    return wanted ? !isLocked || wanted.lamportTime !== version : isLocked;
  }

  #cluster(): Cluster | undefined {
    return this.#store.view((read) => read.all("cluster"))[0];
  }
}
