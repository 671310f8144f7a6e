/** One bidirectional gRPC stream over plain node:http2 and mutual TLS. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { connect as connectTls, type SecureContext } from "node:tls";

const HEAD_BYTES = 5;

export interface StreamEvents {
  readonly message: (bytes: Buffer) => void;
  /** Once. */
  readonly end: (reason: string) => void;
}

export class GrpcStream {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  #rest: Buffer = Buffer.alloc(0);
  #isOver = false;

  /** @param address HOST:PORT */
  constructor(address: string, path: string, secureContext: SecureContext, events: StreamEvents) {
    const colon = address.lastIndexOf(":");
    const place = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
    const end = (reason: string) => {
      if (this.#isOver) return;
      this.#isOver = true;
      events.end(reason);
      this.#session.destroy();
    };
    this.#session = connect("https://swarm-manager", {
      createConnection: () =>
        connectTls({ ...place, secureContext, servername: "swarm-manager", ALPNProtocols: ["h2"] }),
    });
    this.#session.on("error", (error: Error) => end(error.message));
    this.#session.on("close", () => end("the connection was closed"));
    this.#stream = this.#session.request(
      { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" },
      { endStream: false },
    );
    const note = (headers: Record<string, unknown>) => {
      if (headers["grpc-status"] !== undefined) end(`status ${headers["grpc-status"]}: ${headers["grpc-message"]}`);
    };
    this.#stream.on("response", note);
    this.#stream.on("trailers", note);
    this.#stream.on("error", (error: Error) => end(error.message));
    this.#stream.on("close", () => end("the stream was closed"));
    this.#stream.on("data", (chunk: Buffer) => this.#take(chunk, events.message));
  }

  send(message: Uint8Array): void {
    if (this.#isOver) return;
    const framed = Buffer.allocUnsafe(HEAD_BYTES + message.length);
    framed[0] = 0;
    framed.writeUInt32BE(message.length, 1);
    framed.set(message, HEAD_BYTES);
    this.#stream.write(framed);
  }

  close(): void {
    this.#isOver = true;
    this.#session.destroy();
  }

  #take(chunk: Buffer, message: (bytes: Buffer) => void): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + bytes.readUInt32BE(1);
      if (bytes.length < end) break;
      message(bytes.subarray(HEAD_BYTES, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }
}
