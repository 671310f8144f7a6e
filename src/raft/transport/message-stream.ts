/** One outgoing RaftTransport/Messages: sends what is in the outbox, a batch at a time, and notices when the peer is gone. */
import { type Client, type ClientDuplexStream, type StatusObject, status } from "@grpc/grpc-js";
import { RaftBatchReceipt, RaftTransportService } from "../../api/generated/tswarm/v1/raft.js";
import { writeBatch } from "./batch-writer.js";
import type { TransportClock, TransportLimits } from "./limits.js";
import type { Outbox } from "./outbox.js";
import { asBytes } from "./raw-bytes.js";

export interface StreamEnd {
  readonly code: status;
  readonly details: string;
}

export interface StreamEvents {
  /** The peer has greeted: it speaks this protocol. */
  opened(): void;
  /** A batch is out, and nothing more waits. */
  drained(): void;
  /** Called once; never after {@link MessageStream.close}. */
  ended(end: StreamEnd): void;
}

export interface StreamOptions {
  readonly client: Client;
  /** By batchHead. */
  readonly head: Buffer;
  readonly outbox: Outbox;
  readonly limits: TransportLimits;
  readonly clock: TransportClock;
}

export class MessageStream {
  readonly #options: StreamOptions;
  readonly #events: StreamEvents;
  readonly #stream: ClientDuplexStream<Buffer, RaftBatchReceipt>;
  #stopTimer: () => void;
  #isOpen = false;
  #isOver = false;
  #isWriting = false;
  #isWatching = false;
  #batchesSent = 0;
  #batchesReceived = 0;

  constructor(options: StreamOptions, events: StreamEvents) {
    const { client, clock, limits } = options;
    this.#options = options;
    this.#events = events;
    this.#stream = client.makeBidiStreamRequest(RaftTransportService.messages.path, asBytes, RaftBatchReceipt.decode);
    this.#stream.on("data", (receipt: RaftBatchReceipt) => this.#received(receipt));
    // The status follows, and says the same.
    this.#stream.on("error", () => this.#stream.resume());
    this.#stream.on("status", ({ code, details }: StatusObject) => this.#end({ code, details }));
    this.#stopTimer = clock.after(limits.connectTimeoutMs, () =>
      this.#end({ code: status.DEADLINE_EXCEEDED, details: `no greeting within ${limits.connectTimeoutMs} ms` }),
    );
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Batches of which the peer has not said that it has them. */
  get batchesOut(): number {
    return this.#batchesSent - this.#batchesReceived;
  }

  /** Writes what waits, unless a write is under way: then it goes with the next one. */
  flush(): void {
    const { outbox, limits, head } = this.#options;
    if (!this.#isOpen || this.#isWriting || this.#isOver || outbox.messages === 0) return;
    const { messages, sizes } = outbox.take(limits.batchBytes);
    this.#isWriting = true;
    this.#batchesSent++;
    this.#stream.write(writeBatch(head, messages, sizes), () => this.#written());
    this.#watch();
  }

  /** No more will come: ends when the peer has read everything. */
  finish(): void {
    if (!this.#isOver && !this.#isWriting) this.#stream.end();
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimer();
    this.#stream.cancel();
  }

  #written(): void {
    this.#isWriting = false;
    if (this.#isOver) return;
    if (this.#options.outbox.messages > 0) this.flush();
    else this.#events.drained();
  }

  #received(receipt: RaftBatchReceipt): void {
    if (this.#isOver) return;
    this.#batchesReceived = receipt.batches;
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#stopTimer();
    this.#events.opened();
    this.flush();
  }

  /** While batches are out, receipts must come. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const before = this.#batchesReceived;
    const { receiptTimeoutMs } = this.#options.limits;
    this.#stopTimer = this.#options.clock.after(receiptTimeoutMs, () => {
      this.#isWatching = false;
      if (this.batchesOut <= 0) return;
      if (this.#batchesReceived > before) this.#watch();
      else this.#end({ code: status.DEADLINE_EXCEEDED, details: `no receipt within ${receiptTimeoutMs} ms` });
    });
  }

  #end(end: StreamEnd): void {
    if (this.#isOver) return;
    this.close();
    this.#events.ended(end);
  }
}
