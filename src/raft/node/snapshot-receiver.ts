/** Takes in what a leader sends to a member that is too far behind its log. */
import type { Message } from "../../api/generated/raftpb/raft.js";
import { NOBODY } from "../core/member-id.js";
import type { LogStorage } from "../storage/log-storage.js";
import { SnapshotSplitter } from "./snapshot-splitter.js";
import { encodeMembership } from "./stored-snapshot.js";

/** The sender is told why. */
export class SnapshotRefusedError extends Error {
  override readonly name = "SnapshotRefusedError";
}

export interface ReceiverView {
  readonly id: string;
  readonly term: number;
  readonly commit: number;
  step(message: Message): void;
}

interface Reception {
  readonly message: Message;
  superseded: boolean;
}

export class SnapshotReceiver {
  readonly #storage: LogStorage;
  readonly #core: ReceiverView;
  #current: Reception | undefined;
  #ended = false;

  constructor(storage: LogStorage, core: ReceiverView) {
    this.#storage = storage;
    this.#core = core;
  }

  /** @throws SnapshotRefusedError; SnapshotFormatError; what the storage throws. Nothing stays then. */
  async receive(message: Message, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const metadata = message.snapshot?.metadata;
    if (message.to !== this.#core.id) throw new SnapshotRefusedError(`the snapshot is for member ${message.to}`);
    if (!metadata || metadata.index === 0 || message.from === NOBODY) {
      throw new SnapshotRefusedError("the snapshot does not say what it is of");
    }
    if (!this.#isWanted(message)) {
      // The core's answer tells the sender how far this member is.
      this.#core.step(message);
      return;
    }
    const reception = this.#begin(message, metadata.index);
    try {
      const sink = await this.#storage.createSnapshot(metadata);
      try {
        await this.#copy(reception, chunks, (bytes) => sink.write(bytes));
      } catch (error) {
        await sink.abort();
        throw error;
      }
      if (!this.#isWanted(message)) {
        await sink.abort();
      } else {
        await sink.commit();
      }
      if (!this.#ended) this.#core.step(message);
    } finally {
      if (this.#current === reception) this.#current = undefined;
    }
  }

  end(): void {
    this.#ended = true;
  }

  /** One at a time; a newer leader's, or a newer one, goes before. */
  #begin(message: Message, index: number): Reception {
    const current = this.#current;
    if (current) {
      const isNewer = message.term > current.message.term || index > (current.message.snapshot?.metadata?.index ?? 0);
      if (!isNewer) throw new SnapshotRefusedError("another snapshot is being received");
      current.superseded = true;
    }
    this.#current = { message, superseded: false };
    return this.#current;
  }

  async #copy(
    reception: Reception,
    chunks: AsyncIterable<Uint8Array>,
    write: (bytes: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const splitter = new SnapshotSplitter();
    for await (const chunk of chunks) {
      if (this.#ended) throw new SnapshotRefusedError("this manager is stopping");
      if (reception.superseded) throw new SnapshotRefusedError("a newer snapshot is being received");
      for (const piece of splitter.push(chunk)) {
        await write(piece.kind === "store" ? piece.bytes : encodeMembership(piece.membership));
      }
    }
    splitter.end();
  }

  #isWanted(message: Message): boolean {
    return message.term >= this.#core.term && message.snapshot!.metadata!.index > this.#core.commit;
  }
}
