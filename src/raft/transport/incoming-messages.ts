/** Takes one peer's stream of batches in, and says now and then how many have come. */
import { status } from "@grpc/grpc-js";
import { MessageType } from "../../api/generated/raftpb/raft.js";
import type { RaftBatchReceipt } from "../../api/generated/tswarm/v1/raft.js";
import type { RequestListener, ResponseStream } from "../../api/server-call.js";
import { invalidArgument, StatusError } from "../../api/status-error.js";
import { type MemberId, NOBODY } from "../core/member-id.js";
import { type ReceivedBatch, readBatch } from "./batch-reader.js";
import { MAX_BATCH_BYTES, RECEIPT_INTERVAL_MS, type TransportClock } from "./limits.js";
import { memberRemoved } from "./removed.js";
import type { TransportHandler } from "./transport.js";

export class IncomingMessages implements RequestListener<Buffer> {
  readonly #stream: ResponseStream<RaftBatchReceipt>;
  readonly #handler: TransportHandler;
  readonly #clock: TransportClock;
  readonly #admit: (id: MemberId) => void;
  #sender: MemberId = NOBODY;
  #batches = 0;
  #isReceiptDue = false;
  #stopTimer: () => void = () => {};

  /** @param admit called with the sender, before anything of it is taken; throws a StatusError when the stream is not its */
  constructor(
    stream: ResponseStream<RaftBatchReceipt>,
    handler: TransportHandler,
    clock: TransportClock,
    admit: (id: MemberId) => void,
  ) {
    this.#stream = stream;
    this.#handler = handler;
    this.#clock = clock;
    this.#admit = admit;
    stream.onClose(() => this.#stopTimer());
    // The greeting: now the sender knows that this is understood here.
    stream.send({ batches: 0 });
  }

  /** @throws StatusError: the stream is refused */
  received(bytes: Buffer): void {
    if (!this.#stream.open) return;
    const { from, address, messages } = decode(bytes);
    if (from === NOBODY) throw invalidArgument("a batch does not say which member it is from");
    if (this.#handler.isRemoved(from)) throw memberRemoved();
    if (from !== this.#sender) {
      this.#admit(from);
      this.#sender = from;
    }
    for (const message of messages) {
      if (message.from !== from) {
        throw invalidArgument(`a batch of member ${from} holds a message of member ${message.from}`);
      }
      if (message.type === MessageType.MsgSnap) throw invalidArgument("a snapshot came without its data");
    }
    this.#batches++;
    if (!this.#isReceiptDue) {
      this.#isReceiptDue = true;
      this.#stopTimer = this.#clock.after(RECEIPT_INTERVAL_MS, () => this.#sendReceipt());
    }
    if (messages.length > 0) this.#handler.receive(from, address === "" ? undefined : address, messages);
  }

  ended(): void {
    this.#stream.end();
  }

  #sendReceipt(): void {
    this.#isReceiptDue = false;
    // Whoever does not read receipts gets one less.
    if (!this.#stream.blocked) this.#stream.send({ batches: this.#batches });
  }
}

function decode(bytes: Buffer): ReceivedBatch {
  if (bytes.length > MAX_BATCH_BYTES) {
    throw new StatusError(
      status.RESOURCE_EXHAUSTED,
      `a batch of ${bytes.length} bytes is too large: the limit is ${MAX_BATCH_BYTES}`,
    );
  }
  try {
    return readBatch(bytes);
  } catch (error) {
    throw new StatusError(status.INTERNAL, `a batch cannot be read: ${(error as Error).message}`);
  }
}
