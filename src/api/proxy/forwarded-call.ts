/** One call on its way: from the caller to another server, and back. */
import {
  type ClientDuplexStream,
  type Metadata,
  type ServerDuplexStream,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { wasReset } from "../server-call.js";
import { passedOn } from "./forwarded-metadata.js";
import type { Method } from "./raw-service.js";

interface Ending {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
  /** There was no connection: the other server has not seen the call, which may be made again. */
  readonly isUnsent?: boolean;
}

/** Whether a call that was answered with this error never reached the other server. */
export function wasUnsent(error: object | null): boolean {
  return error !== null && (error as Partial<Ending>).isUnsent === true;
}

/** What grpc-js says by itself when a connection broke, as opposed to what a server answers. */
const CONNECTION_LOST = /^Connection dropped$|^Write error|^Write failed|ECONNRESET|ETIMEDOUT|EPIPE|socket hang up/;
/** What it says of a stream that the other side reset without a status, as a server does that is shut down by force. */
const RESET = "Call cancelled";
const NOT_CONNECTED = /^No connection established|^Name resolution failed/;

/**
 * Each side is read only as fast as the other takes it. To the other server every call is a bidirectional stream: on the wire
 * there is no difference.
 */
export class ForwardedCall {
  readonly #method: Method;
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #upstream: ClientDuplexStream<Buffer, Buffer>;
  readonly #answer: ((...result: unknown[]) => void) | undefined;
  readonly #finished: () => void;
  #response: Buffer | undefined;
  #status: StatusObject | undefined;
  /** All responses have been read. */
  #ended = false;
  #answered = false;
  #over = false;

  /**
   * @param answer of calls with a single response
   * @param finished called once, when the call is over
   */
  constructor(
    method: Method,
    call: ServerDuplexStream<Buffer, Buffer>,
    upstream: ClientDuplexStream<Buffer, Buffer>,
    answer: ((...result: unknown[]) => void) | undefined,
    finished: () => void,
  ) {
    this.#method = method;
    this.#call = call;
    this.#upstream = upstream;
    this.#answer = answer;
    this.#finished = finished;
  }

  get isStream(): boolean {
    return this.#method.requestStream || this.#method.responseStream;
  }

  start(): void {
    this.#passRequests();
    this.#passResponses();
    // Also comes after the end of every call.
    this.#call.on("cancelled", () => {
      if (this.#finish()) this.#upstream.cancel();
    });
  }

  /** Ends both sides. */
  abandon(ending: Ending): void {
    if (!this.#finish()) return;
    this.#upstream.cancel();
    this.#say(ending);
  }

  #passRequests(): void {
    const call = this.#call;
    const upstream = this.#upstream;
    if (!this.#method.requestStream) {
      upstream.end((call as unknown as { readonly request: Buffer }).request);
      return;
    }
    call.on("data", (message: Buffer) => {
      if (this.#over || upstream.write(message)) return;
      call.pause();
      upstream.once("drain", () => call.resume());
    });
    call.on("end", () => void this.#endRequests());
    // The stream's own end: a write that crosses the caller's reset.
    call.on("error", () => {
      if (this.#finish()) upstream.cancel();
    });
  }

  async #endRequests(): Promise<void> {
    // The other server is not to take a stream that was broken off for a whole one.
    if (!(await wasReset(this.#call)) && !this.#over) this.#upstream.end();
  }

  #passResponses(): void {
    const call = this.#call;
    const upstream = this.#upstream;
    upstream.on("metadata", (metadata: Metadata) => {
      this.#answered = true;
      if (!this.#over) call.sendMetadata(passedOn(metadata));
    });
    upstream.on("data", (message: Buffer) => {
      if (this.#over) return;
      if (this.#answer) {
        this.#response = message;
        return;
      }
      if (call.write(message)) return;
      upstream.pause();
      call.once("drain", () => upstream.resume());
    });
    // The status follows, and says the same.
    upstream.on("error", (_error: ServiceError) => this.#settle());
    upstream.on("end", () => {
      this.#ended = true;
      this.#settle();
    });
    upstream.on("status", (result: StatusObject) => {
      this.#status = result;
      this.#settle();
    });
  }

  /** The caller gets the status after the last response. */
  #settle(): void {
    if (!this.#status || !this.#ended || !this.#finish()) return;
    const { code, details, metadata } = this.#status;
    const trailers = passedOn(metadata);
    if (code !== status.OK) this.#say(this.#translated({ code, details, metadata: trailers }));
    else if (!this.#answer) this.#call.end(trailers);
    else if (this.#response) this.#answer(null, this.#response, trailers);
    else this.#say({ code: status.INTERNAL, details: `${this.#method.path.slice(1)} was answered without a response` });
  }

  /** A caller is to read which of its managers was out of reach, not how this one's sockets failed. */
  #translated(ending: Ending): Ending {
    const hasAnswered = this.#answered || this.#status?.metadata.get("content-type").length !== 0;
    const isUnavailable = ending.code === status.UNAVAILABLE;
    const broke =
      (isUnavailable && CONNECTION_LOST.test(ending.details)) ||
      (ending.code === status.CANCELLED && ending.details === RESET);
    if (broke || (isUnavailable && !hasAnswered)) {
      const reason = broke ? "the connection to it broke" : "it cannot be reached";
      const details = `the call was passed on to the manager that leads, but ${reason}`;
      return { code: status.UNAVAILABLE, details, isUnsent: NOT_CONNECTED.test(ending.details) };
    }
    return ending;
  }

  #say(ending: Ending): void {
    if (this.#answer) this.#answer(ending);
    else this.#call.emit("error", ending);
  }

  /** @returns false when it was over before */
  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#finished();
    return true;
  }
}
