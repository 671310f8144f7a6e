/** Between grpc-js and handlers: promises for unary calls, a small stream object for streams, one place for errors. */
import type { PeerCertificate } from "node:tls";
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import { type CertificateSubject, subjectOf } from "./peer-certificate.js";
import { StatusError } from "./status-error.js";

/** What a handler may know of the call besides the request. */
export interface CallContext {
  /** "/docker.swarmkit.v1.Control/GetNode" */
  readonly path: string;
  readonly metadata: Metadata;
  /** "10.0.0.1:53210", or the socket's path with a unix socket. */
  readonly peer: string;
  /** Of the peer, when it showed one and it was verified. */
  readonly certificate?: CertificateSubject;
  /** It came by a unix socket, from somebody who may open it. */
  readonly isLocal?: true;
}

/** What grpc-js says of a call. */
export interface CallFacts {
  getPath(): string;
  readonly metadata: Metadata;
  getPeer(): string;
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate };
}

/** A call's context, from its admission to its handler; what the connection says then may be gone. */
const admitted = new WeakMap<Metadata, CallContext>();

/** Called with errors that no handler meant to send. */
export type DefectLog = (line: string) => void;

export function unary<Request, Response>(
  handler: (request: Request, context: CallContext) => Response | Promise<Response>,
  log: DefectLog,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const context = contextOf(call);
    // In a promise, so that a handler that throws at once is answered too.
    new Promise<Response>((resolve) => resolve(handler(call.request, context))).then(
      (response) => callback(null, response),
      (error: unknown) => callback(statusOf(error, context.path, log)),
    );
  };
}

/** The server's side of a stream. Nothing is sent after {@link end} or after the client has gone. */
export class ResponseStream<Response> {
  readonly context: CallContext;
  readonly #call: ServerWritableStream<unknown, Response>;
  readonly #log: DefectLog;
  readonly #closeListeners: (() => void)[] = [];
  #open = true;
  #blocked = false;

  constructor(call: ServerWritableStream<unknown, Response>, log: DefectLog) {
    this.#call = call;
    this.#log = log;
    this.context = contextOf(call);
    call.on("cancelled", () => this.#close());
    // A write that crosses the client's reset fails; the stream is over either way.
    call.on("error", () => this.#close());
  }

  get open(): boolean {
    return this.#open;
  }

  /** True while the client takes less than is written: hold back until {@link onDrain}. */
  get blocked(): boolean {
    return this.#blocked;
  }

  send(message: Response): void {
    if (!this.#open) return;
    if (!this.#call.write(message)) this.#blocked = true;
  }

  onDrain(listener: () => void): void {
    this.#call.on("drain", () => {
      this.#blocked = false;
      if (this.#open) listener();
    });
  }

  /** Calls `listener` once, when either side has ended the stream. */
  onClose(listener: () => void): void {
    if (this.#open) this.#closeListeners.push(listener);
    else listener();
  }

  /** Ends the stream well, or with an error. */
  end(error?: unknown): void {
    if (!this.#open) return;
    this.#close();
    if (error === undefined) this.#call.end();
    else this.#call.emit("error", statusOf(error, this.context.path, this.#log));
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const listener of this.#closeListeners.splice(0)) listener();
  }
}

export function serverStream<Request, Response>(
  handler: (request: Request, stream: ResponseStream<Response>) => void | Promise<void>,
  log: DefectLog,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const stream = new ResponseStream<Response>(call, log);
    run(() => handler(call.request, stream), stream);
  };
}

/** What a handler of a bidirectional stream does with what comes in. */
export interface RequestListener<Request> {
  received(message: Request): void;
  /** The client will send no more. */
  ended(): void;
}

export function bidirectional<Request, Response>(
  handler: (stream: ResponseStream<Response>) => RequestListener<Request>,
  log: DefectLog,
): handleBidiStreamingCall<Request, Response> {
  return (call: ServerDuplexStream<Request, Response>) => {
    const stream = new ResponseStream<Response>(call as unknown as ServerWritableStream<unknown, Response>, log);
    run(() => {
      const listener = handler(stream);
      call.on("data", (message: Request) => run(() => listener.received(message), stream));
      call.on("end", () => run(() => listener.ended(), stream));
    }, stream);
  };
}

/**
 * @param handler gets the requests as fast as it takes them; the iteration throws when the client goes away before it has ended its
 * stream. What is not read when the handler has answered is thrown away.
 */
export function clientStream<Request, Response>(
  handler: (requests: AsyncIterable<Request>, context: CallContext) => Response | Promise<Response>,
  log: DefectLog,
): handleClientStreamingCall<Request, Response> {
  return (call, callback) => {
    const context = contextOf(call);
    new Promise<Response>((resolve) => resolve(handler(requestsOf(call), context))).then(
      (response) => callback(null, response),
      (error: unknown) => callback(statusOf(error, context.path, log)),
    );
  };
}

async function* requestsOf<Request>(call: ServerReadableStream<Request, unknown>): AsyncGenerator<Request> {
  // The end of the requests is not the end of the call.
  yield* call.iterator({ destroyOnReturn: false }) as AsyncIterable<Request>;
  if (await wasReset(call)) throw new Error("the client went away");
}

/**
 * To be asked when the requests have ended: HTTP/2 streams of Node end in the same way when the client resets them, and say so only
 * afterwards.
 */
export async function wasReset(call: { readonly cancelled: boolean }): Promise<boolean> {
  await new Promise((resolve) => setImmediate(resolve));
  return call.cancelled;
}

function run<Response>(action: () => void | Promise<void>, stream: ResponseStream<Response>): void {
  new Promise<void>((resolve) => resolve(action())).catch((error: unknown) => stream.end(error));
}

export function contextOf(call: CallFacts): CallContext {
  const known = admitted.get(call.metadata);
  if (known) return known;
  const context = { path: call.getPath(), metadata: call.metadata, peer: call.getPeer() };
  const { sslPeerCertificate } = call.getAuthContext();
  return sslPeerCertificate ? { ...context, certificate: subjectOf(sslPeerCertificate) } : context;
}

/** From now on this is the context of the call with this metadata. */
export function remember(context: CallContext): void {
  admitted.set(context.metadata, context);
}

export function statusOf(error: unknown, path: string, log: DefectLog): { code: status; details: string } {
  if (error instanceof StatusError) return { code: error.code, details: error.message };
  const text = error instanceof Error ? error.message : String(error);
  log(`${path}: ${error instanceof Error ? error.stack : text}`);
  return { code: status.INTERNAL, details: `internal error: ${text}` };
}
