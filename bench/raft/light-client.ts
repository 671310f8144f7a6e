/** Unary gRPC calls over plain node:http2: a generator that takes as little as it can of the cores that it shares with what it measures. */
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectTls } from "node:tls";

const HEAD_BYTES = 5;

export interface LightClient {
  /** @throws Error with the status when it is not OK */
  call(path: string, request: Uint8Array): Promise<void>;
  close(): void;
}

/** @param address HOST:PORT or a unix socket's path; any certificate is taken */
export async function openLightClient(address: string): Promise<LightClient> {
  const colon = address.lastIndexOf(":");
  const place = address.startsWith("/")
    ? { path: address }
    : { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
  const session = connect("https://swarm-manager", {
    createConnection: () =>
      connectTls({ ...place, servername: "swarm-manager", ALPNProtocols: ["h2"], rejectUnauthorized: false }),
  });
  await new Promise<void>((resolve, reject) => {
    session.once("connect", () => resolve());
    session.once("error", reject);
  });
  return { call: (path, request) => call(session, path, request), close: () => session.close() };
}

function call(session: ClientHttp2Session, path: string, request: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    let status: unknown;
    let text: unknown;
    const note = (headers: Record<string, unknown>) => {
      status = headers["grpc-status"] ?? status;
      text = headers["grpc-message"] ?? text;
    };
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("error", reject);
    stream.on("end", () => (status === "0" ? resolve() : reject(new Error(`${path}: status ${status}: ${text}`))));
    stream.resume();
    const framed = Buffer.allocUnsafe(HEAD_BYTES + request.length);
    framed[0] = 0;
    framed.writeUInt32BE(request.length, 1);
    framed.set(request, HEAD_BYTES);
    stream.end(framed);
  });
}
