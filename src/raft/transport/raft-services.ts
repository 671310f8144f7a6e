/** What other members call here. Registered before the member runs, and while it does not. */
import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import {
  ProcessRaftMessageRequest,
  type ProcessRaftMessageResponse,
  RaftService,
  type ResolveAddressRequest,
} from "../../api/generated/docker/swarmkit/v1/raft.js";
import { type Message, MessageType } from "../../api/generated/raftpb/raft.js";
import { type RaftBatchReceipt, RaftTransportService } from "../../api/generated/tswarm/v1/raft.js";
import {
  bidirectional,
  type CallContext,
  clientStream,
  type DefectLog,
  type ResponseStream,
  unary,
} from "../../api/server-call.js";
import { aborted, invalidArgument, notFound, StatusError, unavailable } from "../../api/status-error.js";
import { type MemberId, NOBODY } from "../core/member-id.js";
import { systemClock } from "../node/clock.js";
import { IncomingMessages } from "./incoming-messages.js";
import { MAX_BATCH_BYTES, type TransportClock } from "./limits.js";
import { asBytes } from "./raw-bytes.js";
import { memberRemoved } from "./removed.js";
import { type Download, openDownload, openSwarmKitDownload, single, withoutData } from "./snapshot-download.js";
import type { TransportHandler } from "./transport.js";

export interface RaftServicesOptions {
  /** Where a member can be reached; undefined when it is not known. */
  readonly resolveAddress: (id: MemberId) => string | undefined;
  /** @param from NOBODY when the call is no member's in particular @throws StatusError when the caller may not speak for it */
  readonly authorize?: (context: CallContext, from: MemberId) => void;
  /** A member has opened a stream to here. */
  readonly heardOf?: (id: MemberId) => void;
  readonly log: DefectLog;
  readonly clock?: TransportClock;
}

/** What `server.addService` takes. */
export interface RegisteredService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** Requests are decoded by hand, so that what is too large, or nonsense, gets an answer of its own. */
const RAW_TRANSPORT: ServiceDefinition = {
  messages: { ...RaftTransportService.messages, requestDeserialize: asBytes },
  snapshot: { ...RaftTransportService.snapshot, requestDeserialize: asBytes },
};
const RAW_RAFT: ServiceDefinition = {
  ...RaftService,
  processRaftMessage: { ...RaftService.processRaftMessage, requestDeserialize: asBytes },
  streamRaftMessage: { ...RaftService.streamRaftMessage, requestDeserialize: asBytes },
};

export class RaftServices {
  readonly #options: RaftServicesOptions;
  readonly #clock: TransportClock;
  readonly #streams = new Set<ResponseStream<RaftBatchReceipt>>();
  #handler: TransportHandler | undefined;

  constructor(options: RaftServicesOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** The member that runs from now on, or none. Streams to an earlier one end. */
  setHandler(handler: TransportHandler | undefined): void {
    this.#handler = handler;
    for (const stream of [...this.#streams]) stream.end(NOT_RUNNING);
  }

  /** tswarm.v1.RaftTransport */
  get transport(): RegisteredService {
    const { log } = this.#options;
    return {
      definition: RAW_TRANSPORT,
      implementation: {
        messages: bidirectional<Buffer, RaftBatchReceipt>((stream) => this.#messages(stream), log),
        snapshot: clientStream<Buffer, object>(async (requests, context) => {
          const handler = this.#running();
          await this.#receive(handler, await openDownload(requests), context);
          return {};
        }, log),
      },
    };
  }

  /** docker.swarmkit.v1.Raft */
  get raft(): RegisteredService {
    const { log } = this.#options;
    return {
      definition: RAW_RAFT,
      implementation: {
        processRaftMessage: unary<Buffer, ProcessRaftMessageResponse>(async (bytes, context) => {
          const handler = this.#running();
          const message = decodeMessage(bytes);
          if (message) await this.#receive(handler, { message, chunks: single(dataOf(message)) }, context);
          return {};
        }, log),
        streamRaftMessage: clientStream<Buffer, object>(async (requests, context) => {
          const handler = this.#running();
          const download = await openSwarmKitDownload(requests);
          if (download) await this.#receive(handler, download, context);
          return {};
        }, log),
        resolveAddress: unary(({ raftId }: ResolveAddressRequest, context) => {
          this.#running();
          this.#options.authorize?.(context, NOBODY);
          const addr = this.#options.resolveAddress(raftId);
          if (addr === undefined) throw notFound(`member ${BigInt(raftId).toString(16)} not found`);
          return { addr };
        }, log),
      },
    };
  }

  #messages(stream: ResponseStream<RaftBatchReceipt>): IncomingMessages {
    const handler = this.#running();
    const { authorize, heardOf } = this.#options;
    this.#streams.add(stream);
    stream.onClose(() => this.#streams.delete(stream));
    return new IncomingMessages(stream, handler, this.#clock, (id) => {
      authorize?.(stream.context, id);
      heardOf?.(id);
    });
  }

  #running(): TransportHandler {
    if (!this.#handler) throw NOT_RUNNING;
    return this.#handler;
  }

  async #receive(handler: TransportHandler, { message, chunks }: Download, context: CallContext): Promise<void> {
    if (handler.isRemoved(message.from)) throw memberRemoved();
    this.#options.authorize?.(context, message.from);
    if (message.type !== MessageType.MsgSnap) {
      handler.receive(message.from, undefined, [message]);
      return;
    }
    try {
      await handler.receiveSnapshot(withoutData(message), chunks);
    } catch (error) {
      if (error instanceof StatusError) throw error;
      throw aborted(`the snapshot was not taken: ${(error as Error).message}`);
    }
  }
}

/**
 * A call of one of these is let in also when the cluster does not want the caller as a manager any more: a member that missed its own
 * removal learns of it here. Nothing else of it is taken.
 */
export function isForMembers(path: string): boolean {
  return MEMBER_PATHS.has(path);
}

const MEMBER_PATHS: ReadonlySet<string> = new Set(
  [RAW_TRANSPORT, RAW_RAFT].flatMap((definition) => Object.values(definition).map(({ path }) => path)),
);

const NOT_RUNNING = unavailable("this manager is not running yet");

function decodeMessage(bytes: Buffer): Message | undefined {
  if (bytes.length > MAX_BATCH_BYTES) {
    throw new StatusError(
      status.RESOURCE_EXHAUSTED,
      `a message of ${bytes.length} bytes is too large: the limit is ${MAX_BATCH_BYTES}`,
    );
  }
  let message: Message | undefined;
  try {
    ({ message } = ProcessRaftMessageRequest.decode(bytes));
  } catch (error) {
    throw new StatusError(status.INTERNAL, `a message cannot be read: ${(error as Error).message}`);
  }
  if (message?.type === MessageType.MsgSnap && !message.snapshot?.metadata) {
    throw invalidArgument("a MsgSnap came without the metadata of its snapshot");
  }
  return message;
}

function dataOf(message: Message): Uint8Array {
  return message.snapshot?.data ?? Buffer.alloc(0);
}
