/**
 * gRPC between processes of the simulated cluster: clients and servers as the parts of managers and agents know them, over simulated
 * connections. Messages travel as bytes, through the codecs of their services; each call has a connection of its own.
 */
import { EventEmitter } from "node:events";
import type { Client, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { Metadata, status } from "@grpc/grpc-js";
import type { Method } from "../../src/api/proxy/raw-service.js";
import type { SimulatedProcess } from "../simulation/process-host.js";
import type { Line, LineEnd, Lines } from "./lines.js";

/** What a certificate would say. */
export interface Subject {
  readonly nodeId: string;
  /** "swarm-worker" or "swarm-manager" */
  readonly organizationalUnit: string;
  /** The cluster's id. */
  readonly organization: string;
}

export interface Place {
  readonly process: SimulatedProcess;
  /** As the network names it. */
  readonly name: string;
}

interface Ending {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

type Frame =
  | { readonly kind: "begin"; readonly path: string; readonly metadata: Metadata; readonly subject: Subject }
  | { readonly kind: "message"; readonly bytes: Buffer }
  | { readonly kind: "end" }
  | { readonly kind: "metadata"; readonly metadata: Metadata }
  | { readonly kind: "status"; readonly ending: Ending };

const DROPPED: Ending = { code: status.UNAVAILABLE, details: "Connection dropped" };
const NOBODY: Ending = {
  code: status.UNAVAILABLE,
  details: "No connection established. Last error: connect ECONNREFUSED",
};
const FRAME_BYTES = 20;
/** A connection that nothing comes back for is given up. */
const CONNECT_TIMEOUT_MS = 20_000;

/** All servers, by where they are. */
export class Exchange {
  readonly #servers = new Map<string, SimulatedServer>();

  constructor(readonly lines: Lines) {}

  plug(server: SimulatedServer): void {
    this.#servers.set(server.place.name, server);
  }

  at(place: string): SimulatedServer | undefined {
    const server = this.#servers.get(place);
    return server?.place.process.isAlive ? server : undefined;
  }
}

interface Registered {
  readonly method: Method;
  readonly handler: (call: unknown, answer?: (...result: unknown[]) => void) => void;
}

export class SimulatedServer {
  readonly place: Place;
  readonly #methods = new Map<string, Registered>();

  constructor(place: Place) {
    this.place = place;
  }

  addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    for (const [name, method] of Object.entries(definition as Record<string, Method>)) {
      this.#methods.set(method.path, { method, handler: implementation[name] as never });
    }
  }

  find(path: string): Registered | undefined {
    return this.#methods.get(path);
  }
}

/** A call as its server sees it: what its handlers use of grpc-js' calls. */
class ServerCall extends EventEmitter implements LineEnd {
  readonly process: SimulatedProcess;
  readonly place: string;
  request: unknown;
  metadata = new Metadata();
  cancelled = false;
  line: Line | undefined;
  readonly #server: SimulatedServer;
  readonly #from: string;
  #registered: Registered | undefined;
  #path = "";
  #subject: Subject | undefined;
  #isOver = false;
  #isPaused = false;
  #waiting: unknown[] = [];

  constructor(server: SimulatedServer, from: string) {
    super();
    this.setMaxListeners(0);
    this.#server = server;
    this.#from = from;
    this.process = server.place.process;
    this.place = server.place.name;
    this.on("error", (ending: Ending) => this.#finish(ending));
  }

  getPath(): string {
    return this.#path;
  }

  getPeer(): string {
    return `${this.#from}:1024`;
  }

  getDeadline(): number {
    return Number.POSITIVE_INFINITY;
  }

  getAuthContext() {
    const { nodeId: CN, organizationalUnit: OU, organization: O } = this.#subject!;
    return { sslPeerCertificate: { subject: { CN, OU, O } } };
  }

  sendMetadata(metadata: Metadata): void {
    this.#send({ kind: "metadata", metadata }, FRAME_BYTES);
  }

  write(message: unknown): boolean {
    const bytes = this.#registered!.method.responseSerialize(message) as Buffer;
    return this.#send({ kind: "message", bytes }, bytes.length + FRAME_BYTES);
  }

  end(metadata?: Metadata): void {
    this.#finish({ code: status.OK, details: "", ...(metadata ? { metadata } : {}) });
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    while (!this.#isPaused && this.#waiting.length > 0) this.#give(this.#waiting.shift());
  }

  /** null: there will be no more. */
  push(message: unknown): boolean {
    if (this.#isPaused) this.#waiting.push(message);
    else this.#give(message);
    return true;
  }

  received(content: unknown): void {
    const frame = content as Frame;
    if (frame.kind === "begin") this.#begin(frame);
    else if (frame.kind === "message") this.#take(frame.bytes);
    else if (frame.kind === "end" && this.#registered?.method.requestStream) this.push(null);
  }

  drained(): void {
    if (!this.#isOver) this.emit("drain");
  }

  broken(): void {
    this.cancelled = true;
    this.#isOver = true;
    this.emit("cancelled", "cancelled");
  }

  #begin({ path, metadata, subject }: Frame & { kind: "begin" }): void {
    this.#path = path;
    this.metadata = metadata;
    this.#subject = subject;
    this.#registered = this.#server.find(path);
    if (!this.#registered) {
      this.#finish({ code: status.UNIMPLEMENTED, details: `The server does not implement the method ${path}` });
    } else if (this.#registered.method.requestStream) {
      this.#registered.handler(this);
    }
  }

  #take(bytes: Buffer): void {
    const { method, handler } = this.#registered!;
    if (method.requestStream) {
      // As read by the service's own codec: handlers of forwarded services take bytes.
      this.push(method.requestDeserialize(bytes));
      return;
    }
    this.request = method.requestDeserialize(bytes);
    if (method.responseStream) handler(this);
    else
      handler(this, (error, response, trailer) => this.#answer(error as Ending | null, response, trailer as Metadata));
  }

  #answer(error: Ending | null, response: unknown, trailer: Metadata | undefined): void {
    if (error) {
      this.#finish(error);
      return;
    }
    this.write(response);
    this.end(trailer);
  }

  #give(message: unknown): void {
    if (message === null) this.emit("end");
    else this.emit("data", message);
  }

  #finish({ code, details, metadata }: Ending): void {
    if (this.#isOver) return;
    this.#send({ kind: "status", ending: { code, details, ...(metadata ? { metadata } : {}) } }, FRAME_BYTES);
    this.#isOver = true;
  }

  #send(frame: Frame, bytes: number): boolean {
    if (this.#isOver || !this.process.isAlive) return true;
    return this.line?.send(this, frame, bytes) ?? true;
  }
}

/** A call as its client sees it: a stream of either kind. */
class ClientCall extends EventEmitter implements LineEnd {
  readonly process: SimulatedProcess;
  readonly place: string;
  line: Line | undefined;
  readonly #method: Method;
  #isOver = false;
  #isPaused = false;
  #waiting: Frame[] = [];

  constructor(place: Place, method: Method) {
    super();
    this.setMaxListeners(0);
    this.process = place.process;
    this.place = place.name;
    this.#method = method;
    // An error that nobody listens for is nobody's.
    this.on("error", () => undefined);
  }

  write(message: unknown): boolean {
    const bytes = this.#method.requestSerialize(message) as Buffer;
    return this.send({ kind: "message", bytes }, bytes.length + FRAME_BYTES);
  }

  end(message?: unknown): void {
    if (message !== undefined) this.write(message);
    this.send({ kind: "end" }, FRAME_BYTES);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.finish({ code: status.CANCELLED, details: "Cancelled on client" });
    this.line?.close(this);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    while (!this.#isPaused && this.#waiting.length > 0) this.#take(this.#waiting.shift()!);
  }

  send(frame: Frame, bytes: number): boolean {
    if (this.#isOver || !this.process.isAlive) return true;
    return this.line?.send(this, frame, bytes) ?? true;
  }

  received(content: unknown): void {
    if (this.#isPaused) this.#waiting.push(content as Frame);
    else this.#take(content as Frame);
  }

  drained(): void {
    if (!this.#isOver) this.emit("drain");
  }

  broken(): void {
    this.finish(DROPPED);
  }

  finish({ code, details, metadata = new Metadata() }: Ending): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // In the order of grpc-js: no message comes any more, how it ended, the same as an error.
    this.emit("end");
    this.emit("status", { code, details, metadata });
    if (code !== status.OK) this.emit("error", Object.assign(new Error(details), { code, details, metadata }));
  }

  #take(frame: Frame): void {
    if (this.#isOver) return;
    if (frame.kind === "message") this.emit("data", this.#method.responseDeserialize(frame.bytes));
    else if (frame.kind === "metadata") this.emit("metadata", frame.metadata);
    else if (frame.kind === "status") {
      // Whoever reads a status has heard of the server.
      const metadata = frame.ending.metadata?.clone() ?? new Metadata();
      metadata.set("content-type", "application/grpc");
      this.finish({ ...frame.ending, metadata });
      this.line?.close(this);
    }
  }
}

/** To one server. */
export class SimulatedClient {
  readonly #exchange: Exchange;
  readonly #place: Place;
  readonly #to: string;
  readonly #subject: () => Subject;

  constructor(exchange: Exchange, place: Place, to: string, subject: () => Subject) {
    this.#exchange = exchange;
    this.#place = place;
    this.#to = to;
    this.#subject = subject;
  }

  /** As the parts of managers and agents take it. */
  get client(): Client {
    return this as unknown as Client;
  }

  makeBidiStreamRequest(
    path: string,
    requestSerialize: Method["requestSerialize"],
    responseDeserialize: Method["responseDeserialize"],
    metadata?: unknown,
  ): ClientCall {
    return this.#begin({ path, requestSerialize, responseDeserialize } as Method, metadata);
  }

  makeServerStreamRequest(
    path: string,
    requestSerialize: Method["requestSerialize"],
    responseDeserialize: Method["responseDeserialize"],
    request: unknown,
    metadata?: unknown,
  ): ClientCall {
    const call = this.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    call.end(request);
    return call;
  }

  makeUnaryRequest(
    path: string,
    requestSerialize: Method["requestSerialize"],
    responseDeserialize: Method["responseDeserialize"],
    request: unknown,
    metadata: unknown,
    options: { readonly deadline?: number } | undefined,
    answer: (error: Error | null, response?: unknown) => void,
  ): ClientCall {
    const call = this.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
    let response: unknown;
    call.on("data", (message: unknown) => {
      response = message;
    });
    const cancelDeadline = this.#place.process.afterReal((options?.deadline ?? 0) - Date.now(), () => {
      call.finish({ code: status.DEADLINE_EXCEEDED, details: "Deadline exceeded" });
      call.line?.close(call);
    });
    let error: Error | null = null;
    call.on("status", ({ code, details }: Ending) => {
      cancelDeadline();
      if (code !== status.OK) error = Object.assign(new Error(details), { code, details });
      answer(error, response);
    });
    return call;
  }

  /** What is under way goes on until it ends, as with grpc-js. */
  close(): void {}

  #begin(method: Method, given: unknown): ClientCall {
    const call = new ClientCall(this.#place, method);
    const metadata = given instanceof Metadata ? given : new Metadata();
    const { lines } = this.#exchange;
    const server = this.#exchange.at(this.#to);
    if (!server) {
      const { name, process } = this.#place;
      const refuse = (afterMs: number) => process.afterReal(afterMs, () => call.finish(NOBODY));
      lines.network.sendReliably(
        name,
        this.#to,
        () => refuse(0),
        () => refuse(CONNECT_TIMEOUT_MS),
      );
      return call;
    }
    const end = new ServerCall(server, this.#place.name);
    const line = lines.connect(call, end);
    call.line = line;
    end.line = line;
    call.send({ kind: "begin", path: method.path, metadata, subject: this.#subject() }, FRAME_BYTES);
    return call;
  }
}
