/**
 * Brings Readys to the disk in their order, several at a time, and lets out what was promised on their strength once they are there.
 */
import type { HardState, Message } from "../../api/generated/raftpb/raft.js";
import type { Ready } from "../core/ready.js";
import type { LogStorage } from "../storage/log-storage.js";

interface Step {
  readonly sequence: number;
  readonly messages: readonly Message[];
  isDurable: boolean;
}

export interface WriterOutput {
  send(messages: readonly Message[]): void;
  /** All Readys up to this sequence are durable. */
  persisted(sequence: number): void;
  /** The disk's state is not known any more. */
  failed(error: unknown): void;
}

export class Writer {
  readonly #storage: LogStorage;
  readonly #output: WriterOutput;
  /** Oldest first. */
  #steps: Step[] = [];
  /** A commit index that nothing depends on: goes with the next write. */
  #deferred: HardState | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(storage: LogStorage, output: WriterOutput) {
    this.#storage = storage;
    this.#output = output;
  }

  /** Writes are under way. */
  get isBusy(): boolean {
    return this.#steps.length > 0;
  }

  /** @returns when the Ready's snapshot is installed; undefined without one */
  write(ready: Ready): Promise<void> | undefined {
    const { snapshot, entries, hardState, mustSync } = ready;
    const installed = snapshot && this.#storage.installSnapshot(snapshot, hardState);
    installed?.catch((error: unknown) => this.#output.failed(error));
    let written = installed;
    if (snapshot) this.#deferred = undefined;
    if (entries.length > 0 || (hardState && mustSync && !snapshot)) {
      const state = snapshot ? undefined : (hardState ?? this.#deferred);
      this.#deferred = undefined;
      written = this.#storage.append({ entries, hardState: state, mustSync });
    } else if (hardState && !snapshot) {
      this.#deferred = hardState;
    }
    const step: Step = {
      sequence: ready.sequence,
      messages: ready.messagesAfterPersist,
      isDurable: written === undefined,
    };
    this.#steps.push(step);
    if (written) {
      this.#last = written
        .then(() => this.#durable(step))
        .catch((error: unknown) => {
          this.#output.failed(error);
        });
    } else {
      this.#letOut();
    }
    return installed;
  }

  /** Writes what was put off. */
  flush(): void {
    this.#writeDeferred(false);
  }

  /** Resolves when all that was known at the call is durable, the commit index included. */
  sync(): Promise<void> {
    this.#writeDeferred(true);
    return this.#last;
  }

  #writeDeferred(mustSync: boolean): void {
    if (!this.#deferred) return;
    const hardState = this.#deferred;
    this.#deferred = undefined;
    this.#last = this.#storage.append({ entries: [], hardState, mustSync }).catch((error: unknown) => {
      this.#output.failed(error);
    });
  }

  #durable(step: Step): void {
    step.isDurable = true;
    this.#letOut();
  }

  #letOut(): void {
    let count = 0;
    while (count < this.#steps.length && this.#steps[count]!.isDurable) count++;
    if (count === 0) return;
    const done = this.#steps.splice(0, count);
    for (const { messages } of done) if (messages.length > 0) this.#output.send(messages);
    this.#output.persisted(done[done.length - 1]!.sequence);
  }
}
