/** A session by tswarm's own stream, on which all of it travels; by SwarmKit's calls where the manager does not know that. */
import { type Client, type ClientDuplexStream, type ServiceError, status } from "@grpc/grpc-js";
import type { AssignmentsMessage, SessionMessage } from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import { AssignmentsMessage_Type } from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { NodeDescription } from "../../api/generated/docker/swarmkit/v1/types.js";
import { type NodeOrder, type NodeReport, NodeSessionService } from "../../api/generated/tswarm/v1/dispatcher.js";
import {
  DispatcherError,
  type DispatcherStream,
  type DispatcherTransport,
  dispatcherError,
  type RefusedStatus,
  type SessionFailure,
  type StreamHandlers,
} from "./dispatcher-transport.js";
import type { StatusBatch } from "./status-queue.js";

/**
 * @param calls takes over, from the beginning, where the stream is not known; closes the connection in any case
 * @param unknown called when the stream is not known
 */
export function streamTransport(client: Client, calls: DispatcherTransport, unknown: () => void): DispatcherTransport {
  return new StreamTransport(client, calls, unknown);
}

interface Waiting<T> {
  resolve(answer: T): void;
  reject(error: DispatcherError): void;
}

class StreamTransport implements DispatcherTransport {
  readonly #client: Client;
  readonly #calls: DispatcherTransport;
  readonly #unknown: () => void;
  #stream: ClientDuplexStream<NodeReport, NodeOrder> | undefined;
  #isUnknown = false;
  #isOver = false;
  #assignments: StreamHandlers<AssignmentsMessage> | undefined;
  /** What is left of an earlier request for all assignments. */
  #isStale = false;
  /** The first heartbeat, until the manager has said how often it wants one. */
  #beat: Waiting<{ readonly periodMs: number }> | undefined;
  #periodMs: number | undefined;
  #report: { readonly number: number; readonly waiting: Waiting<readonly RefusedStatus[]> } | undefined;
  #number = 0;

  constructor(client: Client, calls: DispatcherTransport, unknown: () => void) {
    this.#client = client;
    this.#calls = calls;
    this.#unknown = unknown;
  }

  session(sessionId: string, description: NodeDescription, handlers: StreamHandlers<SessionMessage>): DispatcherStream {
    const { path, requestSerialize, responseDeserialize } = NodeSessionService.hold;
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#stream = stream;
    let after: DispatcherStream | undefined;
    const end = (error: DispatcherError) => {
      if (this.#isOver) return;
      this.#end(error);
      handlers.end(error);
    };
    stream.on("data", (message: NodeOrder) => {
      if (!this.#isOver) this.#received(message, handlers);
    });
    stream.on("error", (error: ServiceError) => {
      if (this.#isOver) return;
      if (error.code !== status.UNIMPLEMENTED) {
        end(dispatcherError("stream", error));
        return;
      }
      this.#isUnknown = true;
      this.#unknown();
      after = this.#calls.session(sessionId, description, handlers);
    });
    stream.on("end", () => {
      // How it ended is said afterwards.
      setImmediate(() => {
        if (!this.#isUnknown) end(new DispatcherError("the dispatcher closed the stream", false, false));
      });
    });
    stream.write({ report: { $case: "begin", value: { sessionId, description } } });
    return {
      cancel: () => {
        this.#end(new DispatcherError("the session was ended here", false, false));
        stream.cancel();
        after?.cancel();
      },
    };
  }

  assignments(sessionId: string, handlers: StreamHandlers<AssignmentsMessage>): DispatcherStream {
    if (this.#isUnknown) return this.#calls.assignments(sessionId, handlers);
    this.#assignments = handlers;
    this.#isStale = true;
    this.#say({ $case: "assignments", value: {} });
    return {
      cancel: () => {
        if (this.#assignments === handlers) this.#assignments = undefined;
      },
    };
  }

  heartbeat(sessionId: string, timeoutMs: number): Promise<{ readonly periodMs: number }> {
    if (this.#isUnknown) return this.#calls.heartbeat(sessionId, timeoutMs);
    if (this.#periodMs !== undefined) {
      // Not answered: a session that is over ends the stream, and a manager that is gone the connection.
      this.#say({ $case: "heartbeat", value: {} });
      return Promise.resolve({ periodMs: this.#periodMs });
    }
    return answered("heartbeat", timeoutMs, (waiting) => {
      this.#beat = waiting;
      this.#say({ $case: "heartbeat", value: {} });
    });
  }

  updateTaskStatus(sessionId: string, updates: StatusBatch, timeoutMs: number): Promise<readonly RefusedStatus[]> {
    if (this.#isUnknown) return this.#calls.updateTaskStatus(sessionId, updates, timeoutMs);
    return answered("status update", timeoutMs, (waiting) => {
      this.#number++;
      this.#report = { number: this.#number, waiting };
      this.#say({ $case: "tasks", value: { number: this.#number, updates } });
    });
  }

  close(failure?: SessionFailure): void {
    this.#end(new DispatcherError("the session was ended here", false, false));
    this.#calls.close(failure);
  }

  #say(report: NodeReport["report"]): void {
    if (!this.#isOver) this.#stream?.write({ report });
  }

  #received({ order }: NodeOrder, session: StreamHandlers<SessionMessage>): void {
    switch (order?.$case) {
      case "session":
        session.message(order.value);
        return;
      case "assignments":
        this.#assigned(order.value);
        return;
      case "heartbeat": {
        const { seconds = 0, nanos = 0 } = order.value.period ?? {};
        this.#periodMs = seconds * 1000 + nanos / 1e6;
        this.#beat?.resolve({ periodMs: this.#periodMs });
        this.#beat = undefined;
        return;
      }
      case "taken":
        if (order.value.number !== this.#report?.number) return;
        this.#report.waiting.resolve(order.value.refused);
        this.#report = undefined;
        return;
      default:
      // An order of a newer manager.
    }
  }

  #assigned(message: AssignmentsMessage): void {
    if (this.#isStale && message.type !== AssignmentsMessage_Type.COMPLETE) return;
    this.#isStale = false;
    this.#assignments?.message(message);
  }

  #end(error: DispatcherError): void {
    this.#isOver = true;
    this.#assignments = undefined;
    this.#beat?.reject(error);
    this.#report?.waiting.reject(error);
    this.#beat = undefined;
    this.#report = undefined;
  }
}

function answered<T>(what: string, timeoutMs: number, ask: (waiting: Waiting<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new DispatcherError(`${what}: no answer within ${timeoutMs} ms`, false, false, true));
    }, timeoutMs);
    ask({
      resolve: (answer) => {
        clearTimeout(timer);
        resolve(answer);
      },
      reject: (error) => {
        clearTimeout(timer);
        reject(error);
      },
    });
  });
}
