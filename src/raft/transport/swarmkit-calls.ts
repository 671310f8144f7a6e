/** Messages to a manager of SwarmKit: docker.swarmkit.v1.Raft/ProcessRaftMessage, one after the other. */
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import { callUnary } from "../../api/client-call.js";
import { RaftService } from "../../api/generated/docker/swarmkit/v1/raft.js";
import type { TransportLimits } from "./limits.js";
import type { StreamEnd } from "./message-stream.js";
import type { Outbox } from "./outbox.js";
import { saysRemoved } from "./removed.js";

export interface CallEvents {
  /** The peer has taken a message. */
  answered(): void;
  /** It did not take one; the next is tried. */
  refused(error: StreamEnd): void;
  /** Nothing waits, and nothing is under way. */
  drained(): void;
  /** The connection is of no use. Called once; never after {@link SwarmKitCalls.close}. */
  ended(end: StreamEnd): void;
}

/** These say that the peer, or this service of it, is not there. */
const LOST: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.UNIMPLEMENTED]);

export interface CallOptions {
  readonly client: Client;
  readonly outbox: Outbox;
  readonly limits: TransportLimits;
}

export class SwarmKitCalls {
  readonly #options: CallOptions;
  readonly #events: CallEvents;
  #isBusy = false;
  #isOver = false;

  constructor(options: CallOptions, events: CallEvents) {
    this.#options = options;
    this.#events = events;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  flush(): void {
    const { client, outbox, limits } = this.#options;
    if (this.#isBusy || this.#isOver) return;
    // However few bytes are asked for, one message comes.
    const [message] = outbox.take(0).messages;
    if (!message) {
      this.#events.drained();
      return;
    }
    this.#isBusy = true;
    const settings = { timeoutMs: limits.callTimeoutMs };
    callUnary(client, RaftService.processRaftMessage, { message }, settings).then(
      () => this.#settled(undefined),
      (error: ServiceError) => this.#settled(error),
    );
  }

  close(): void {
    this.#isOver = true;
  }

  #settled(error: ServiceError | undefined): void {
    this.#isBusy = false;
    if (this.#isOver) return;
    if (!error) this.#events.answered();
    else {
      this.#options.outbox.lost(1);
      if (LOST.has(error.code) || saysRemoved(error)) {
        this.#isOver = true;
        this.#events.ended(error);
        return;
      }
      this.#events.refused(error);
    }
    this.flush();
  }
}
