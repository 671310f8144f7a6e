/**
 * gRPC calls over one HTTP/2 connection, by Node's own modules: a client for single calls needs no more, and tsctl starts in half
 * the time. (gRPC over HTTP/2, PROTOCOL-HTTP2.md of gRPC.)
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { createConnection, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { SocketAddress } from "../socket-address.js";
import { CallFailure, ConnectError } from "./errors.js";
import { MessageReader, readMessage, writeMessage } from "./framing.js";
import { Status } from "./status.js";

/** The name that managers' certificates carry, however the manager is reached. */
const MANAGER_NAME = "swarm-manager";
/** Largest answer: as what servers of the cluster send at most. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** What a peer may send before we have read: a list of many objects comes without a pause. */
const WINDOW_BYTES = 8 * 1024 * 1024;

/** What is proved and asked for. Without roots any certificate is taken: then the permissions of the socket are the guard. */
export interface TlsSettings {
  /** PEM */
  readonly roots?: string;
  readonly certificate?: string;
  readonly key?: string;
}

/** One answer. */
export interface Answer {
  readonly message: Buffer;
  /** The server's clock, to a second, in milliseconds since 1970; absent when the server does not say. */
  readonly serverTimeMs?: number;
}

/** Nothing is sent before the first call. */
export class Channel {
  #session: Promise<ClientHttp2Session> | undefined;

  constructor(
    private readonly address: SocketAddress,
    private readonly tls: TlsSettings = {},
  ) {}

  /** @throws ConnectError when nothing answers, CallFailure when the server refuses or the time is over */
  async call(path: string, message: Uint8Array, timeoutMs: number): Promise<Answer> {
    const deadlineMs = performance.now() + timeoutMs;
    this.#session ??= openSession(this.address, this.tls, timeoutMs);
    const session = await this.#session;
    const leftMs = Math.max(1, Math.ceil(deadlineMs - performance.now()));
    const stream = begin(session, path, leftMs);
    stream.end(writeMessage(message));
    return answerOf(stream, leftMs);
  }

  /**
   * The messages of a stream, as fast as they are taken; who stops taking ends it.
   * @param timeoutMs for the connection alone
   * @throws ConnectError, CallFailure as above, in the course of it too
   */
  async *stream(path: string, message: Uint8Array, timeoutMs: number): AsyncGenerator<Buffer> {
    this.#session ??= openSession(this.address, this.tls, timeoutMs);
    const stream = begin(await this.#session, path);
    stream.end(writeMessage(message));
    yield* messagesOf(stream);
  }

  /** Connects anew with the next call. */
  drop(): void {
    this.close();
    this.#session = undefined;
  }

  /** Cuts what is under way. */
  close(): void {
    this.#session?.then(
      (session) => session.destroy(),
      () => undefined,
    );
  }
}

/** @throws CallFailure when the server has gone since */
function begin(session: ClientHttp2Session, path: string, timeoutMs?: number): ClientHttp2Stream {
  try {
    return session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "tsctl",
      ...(timeoutMs === undefined ? {} : { "grpc-timeout": `${Math.min(timeoutMs, 99_999_999)}m` }),
    });
  } catch (error) {
    throw new CallFailure(Status.UNAVAILABLE, `connection dropped: ${(error as Error).message}`);
  }
}

function openSession(address: SocketAddress, tls: TlsSettings, timeoutMs: number): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(
      address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port },
    );
    const fail = (error: ConnectError) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new ConnectError("ETIMEDOUT", "no answer", stage)), timeoutMs);
    let stage: ConnectError["stage"] = "connect";
    socket.once("connect", () => {
      stage = "tls";
    });
    socket.once("error", (error: NodeJS.ErrnoException) => fail(connectError(error, stage)));
    const secure = connectTls({ ...tlsOptions(tls), socket: socket as Socket });
    secure.once("error", (error: NodeJS.ErrnoException) => fail(connectError(error, stage)));
    secure.once("secureConnect", () => {
      if (secure.alpnProtocol !== "h2") return fail(new ConnectError("EPROTO", "it does not speak HTTP/2", "tls"));
      const session = connect("https://tswarm", {
        createConnection: () => secure,
        settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
      });
      session.once("error", (error: NodeJS.ErrnoException) => fail(connectError(error, "tls")));
      // The server's settings show that it is one of HTTP/2.
      session.once("remoteSettings", () => {
        clearTimeout(timer);
        session.setLocalWindowSize(WINDOW_BYTES);
        // A call that is cut tells of it itself.
        session.on("error", () => undefined);
        resolve(session);
      });
      session.once("close", () => fail(new ConnectError("ECONNRESET", "it closed the connection", "tls")));
    });
  });
}

function tlsOptions({ roots, certificate, key }: TlsSettings): ConnectionOptions {
  return {
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
    ...(roots === undefined ? {} : { servername: MANAGER_NAME }),
    // An empty list, not an absent one: to read the system's roots takes long.
    ca: roots === undefined ? [] : [roots],
    rejectUnauthorized: roots !== undefined,
    ...(certificate !== undefined && key !== undefined ? { cert: certificate, key } : {}),
  };
}

function connectError(error: NodeJS.ErrnoException, stage: ConnectError["stage"]): ConnectError {
  return new ConnectError(error.code ?? "EUNKNOWN", error.message.split("\n", 1)[0]!, stage);
}

function answerOf(stream: ClientHttp2Stream, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders | undefined;
    const fail = (code: number, details: string) => {
      clearTimeout(timer);
      reject(new CallFailure(code, details, serverTime(head)));
      stream.destroy();
    };
    const timer = setTimeout(() => fail(Status.DEADLINE_EXCEEDED, "no answer in time"), timeoutMs);
    stream.on("response", (headers) => {
      head = headers;
      if (headers["grpc-status"] !== undefined) trailers = headers;
    });
    stream.on("trailers", (headers) => {
      trailers = headers;
    });
    stream.on("data", (part: Buffer) => {
      size += part.length;
      if (size > MAX_MESSAGE_BYTES)
        return fail(Status.RESOURCE_EXHAUSTED, `the answer is longer than ${MAX_MESSAGE_BYTES} bytes`);
      parts.push(part);
    });
    stream.once("error", (error) => fail(Status.UNAVAILABLE, `connection dropped: ${error.message}`));
    stream.once("close", () => fail(Status.UNAVAILABLE, "connection dropped"));
    stream.once("end", () => {
      if (head[":status"] === undefined) return fail(Status.UNAVAILABLE, "connection dropped");
      if (trailers === undefined)
        return fail(Status.UNKNOWN, `the server answered HTTP status ${head[":status"]} and no gRPC status`);
      const code = Number(trailers["grpc-status"]);
      if (code !== Status.OK) return fail(code, detailsOf(trailers));
      const message = readMessage(Buffer.concat(parts));
      if (message === undefined) return fail(Status.INTERNAL, "the answer is no whole message");
      clearTimeout(timer);
      const serverTimeMs = serverTime(head);
      resolve(serverTimeMs === undefined ? { message } : { message, serverTimeMs });
    });
  });
}

async function* messagesOf(stream: ClientHttp2Stream): AsyncGenerator<Buffer> {
  let head: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders | undefined;
  stream.on("response", (headers) => {
    head = headers;
    if (headers["grpc-status"] !== undefined) trailers = headers;
  });
  stream.on("trailers", (headers) => {
    trailers = headers;
  });
  const reader = new MessageReader(MAX_MESSAGE_BYTES);
  try {
    for await (const part of stream as AsyncIterable<Buffer>) yield* reader.read(part);
  } catch (error) {
    throw new CallFailure(Status.UNAVAILABLE, `connection dropped: ${(error as Error).message}`);
  } finally {
    stream.destroy();
  }
  if (trailers === undefined) throw new CallFailure(Status.UNAVAILABLE, "connection dropped");
  const code = Number(trailers["grpc-status"]);
  if (code !== Status.OK) throw new CallFailure(code, detailsOf(trailers), serverTime(head));
}

/** Percent-encoded, says the protocol; shown as it is when it is not. */
function detailsOf(trailers: IncomingHttpHeaders): string {
  const text = String(trailers["grpc-message"] ?? "");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function serverTime({ date }: IncomingHttpHeaders): number | undefined {
  const timeMs = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
