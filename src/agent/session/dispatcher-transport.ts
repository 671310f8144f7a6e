/** The dispatcher's calls as the session needs them, and their way over gRPC. */
import {
  type CallOptions,
  type Channel,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import {
  type AssignmentsMessage,
  DispatcherClient,
  type SessionMessage,
} from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { NodeDescription } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StatusBatch } from "./status-queue.js";

export class DispatcherError extends Error {
  override readonly name = "DispatcherError";
  constructor(
    message: string,
    /** The dispatcher does not know the session any more. */
    readonly sessionInvalid: boolean,
    /** The dispatcher understood and said no: the same request gets the same answer. */
    readonly refused: boolean,
    /** Nothing was heard of the manager: it is down, cut off, or stands still. */
    readonly silent = false,
  ) {
    super(message);
  }
}

export interface StreamHandlers<T> {
  readonly message: (message: T) => void;
  /** Called once; never after {@link DispatcherStream.cancel}. */
  readonly end: (error: DispatcherError) => void;
}

export interface DispatcherStream {
  cancel(): void;
}

/** One manager's dispatcher. Every failure is a {@link DispatcherError}. */
export interface DispatcherTransport {
  session(sessionId: string, description: NodeDescription, handlers: StreamHandlers<SessionMessage>): DispatcherStream;
  assignments(sessionId: string, handlers: StreamHandlers<AssignmentsMessage>): DispatcherStream;
  /** @returns the period until the next heartbeat */
  heartbeat(sessionId: string, timeoutMs: number): Promise<{ readonly periodMs: number }>;
  /** @returns those that the dispatcher refused while it took the others */
  updateTaskStatus(sessionId: string, updates: StatusBatch, timeoutMs: number): Promise<readonly RefusedStatus[]>;
  /** Ends what is under way and lets go of the connection. @param failure why, when the session did not go well */
  close(failure?: SessionFailure): void;
}

export interface RefusedStatus {
  readonly taskId: string;
  /** For people. */
  readonly reason: string;
}

/** How a session with one manager went wrong. */
export interface SessionFailure {
  readonly silent: boolean;
}

const NONE_REFUSED: readonly RefusedStatus[] = [];
const LARGEST_MESSAGE_BYTES = 2 ** 31 - 1;
const REFUSALS = new Set([
  status.PERMISSION_DENIED,
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
]);
const SESSION_INVALID = /session invalid|node not registered/i;
/** Refusals that another manager, or the same one a moment later, may not repeat. */
const LEADERLESS = /leader|quorum|locked/i;
/** As grpc-js says it of a connection that was not made, or broke. */
const NOT_CONNECTED = /no connection established|connection dropped|name resolution failed/i;

/** For the channel that {@link dispatcherClientOn} is given: the first assignments message holds all tasks of the node. */
export const DISPATCHER_CHANNEL_OPTIONS = { "grpc.max_receive_message_length": LARGEST_MESSAGE_BYTES } as const;

/** @param channel stays open when the client is closed: it belongs to the caller */
export function dispatcherClientOn(channel: Channel): DispatcherClient {
  return new DispatcherClient(channel.getTarget(), credentials.createInsecure(), { channelOverride: channel });
}

/** @param close what closing the transport shall do to the connection */
export function grpcDispatcher(
  client: DispatcherClient,
  close: (failure?: SessionFailure) => void,
): DispatcherTransport {
  const metadata = new Metadata();
  const options = (timeoutMs: number): Partial<CallOptions> => ({ deadline: Date.now() + timeoutMs });
  return {
    session: (sessionId, description, handlers) =>
      follow(client.session({ sessionId, description }, metadata), handlers),
    assignments: (sessionId, handlers) => follow(client.assignments({ sessionId }, metadata), handlers),
    heartbeat: (sessionId, timeoutMs) =>
      new Promise((resolve, reject) => {
        client.heartbeat({ sessionId }, metadata, options(timeoutMs), (error, answer) => {
          if (error) reject(dispatcherError("heartbeat", error));
          else resolve({ periodMs: (answer.period?.seconds ?? 0) * 1000 + (answer.period?.nanos ?? 0) / 1e6 });
        });
      }),
    updateTaskStatus: (sessionId, updates, timeoutMs) =>
      new Promise((resolve, reject) => {
        client.updateTaskStatus({ sessionId, updates }, metadata, options(timeoutMs), (error) => {
          if (error) reject(dispatcherError("status update", error));
          else resolve(NONE_REFUSED);
        });
      }),
    close,
  };
}

function follow<T>(stream: ClientReadableStream<T>, handlers: StreamHandlers<T>): DispatcherStream {
  let over = false;
  const end = (error: DispatcherError) => {
    if (over) return;
    over = true;
    handlers.end(error);
  };
  stream.on("data", (message: T) => {
    if (!over) handlers.message(message);
  });
  stream.on("error", (error: ServiceError) => end(dispatcherError("stream", error)));
  stream.on("end", () => end(new DispatcherError("the dispatcher closed the stream", false, false)));
  return {
    cancel() {
      over = true;
      stream.cancel();
    },
  };
}

export function dispatcherError(what: string, error: ServiceError): DispatcherError {
  const words = error.details || error.message;
  const sessionInvalid = SESSION_INVALID.test(words);
  return new DispatcherError(
    `${what}: ${status[error.code] ?? error.code}: ${words}`,
    sessionInvalid,
    !sessionInvalid && REFUSALS.has(error.code) && !LEADERLESS.test(words),
    error.code === status.DEADLINE_EXCEEDED || (error.code === status.UNAVAILABLE && NOT_CONNECTED.test(words)),
  );
}
