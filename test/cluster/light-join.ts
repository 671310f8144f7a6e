/**
 * What a node does that joins, by plain TLS and HTTP/2: a thousand of them fit into one process, where each gRPC channel would cost as much
 * as the manager's whole work. Two connections, as tswarmd makes them: one that believes nothing, for the root, and one that is verified.
 */
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectTls, createSecureContext, type SecureContext } from "node:tls";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import { type JoinClusterResponse, NodeIdentityService } from "../../src/api/generated/tswarm/v1/identity.js";
import { makeCsr } from "../../src/security/pki/csr.js";
import { parseJoinToken } from "../../src/security/pki/join-token.js";
import { rootDigest } from "../../src/security/pki/root-digest.js";

const HEAD_BYTES = 5;
const PAUSE_MS = 500;
/** From the first connection to the last answer: a machine that is busy needs its time. */
const PATIENCE_MS = 300_000;

export interface StormCounts {
  /** Tries that were not answered with a certificate, by what came instead. */
  readonly again: Map<string, number>;
}

export interface LightNode {
  readonly joined: JoinClusterResponse;
  /** For connections of the new node. */
  readonly keyPem: string;
}

const believesNothing = createSecureContext({});
const verifying = new Map<string, SecureContext>();

/** Goes on until it is in. @throws Error when that takes too long, or a manager is of another cluster */
export async function lightJoin(address: string, token: string, counts: StormCounts): Promise<LightNode> {
  const { csrPem, keyPem } = makeCsr();
  const request = NodeIdentityService.join.requestSerialize({ token, csr: Buffer.from(csrPem), availability: 0 });
  const end = performance.now() + PATIENCE_MS;
  for (let round = 1; ; round++) {
    try {
      const root = await fetchRoot(address, token);
      const answer = await call(address, contextOf(root), true, NodeIdentityService.join.path, request);
      return { joined: NodeIdentityService.join.responseDeserialize(answer), keyPem };
    } catch (error) {
      const { message } = error as Error;
      counts.again.set(message, (counts.again.get(message) ?? 0) + 1);
      if (performance.now() > end) throw error;
    }
    await new Promise((wake) => setTimeout(wake, PAUSE_MS * (0.5 + Math.random()) * Math.min(round, 8)));
  }
}

async function fetchRoot(address: string, token: string): Promise<string> {
  const { path, requestSerialize, responseDeserialize } = CAService.getRootCaCertificate;
  const answer = await call(address, believesNothing, false, path, requestSerialize({}));
  const { certificate } = responseDeserialize(answer);
  if (rootDigest(certificate) !== parseJoinToken(token).digest) throw new Error("another cluster's root");
  return certificate.toString();
}

/** Nodes of one cluster have the same roots. */
function contextOf(root: string): SecureContext {
  let context = verifying.get(root);
  if (!context) {
    context = createSecureContext({ ca: root });
    verifying.set(root, context);
  }
  return context;
}

/** One call over a connection of its own. @throws Error with gRPC's code and text, or the connection's */
function call(
  address: string,
  secureContext: SecureContext,
  rejectUnauthorized: boolean,
  path: string,
  request: Uint8Array,
): Promise<Buffer> {
  const colon = address.lastIndexOf(":");
  const place = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
  return new Promise((resolve, reject) => {
    const session: ClientHttp2Session = connect("https://swarm-manager", {
      createConnection: () =>
        connectTls({
          ...place,
          secureContext,
          rejectUnauthorized,
          servername: "swarm-manager",
          ALPNProtocols: ["h2"],
        }),
    });
    const over = (error: Error) => {
      reject(error);
      session.destroy();
    };
    session.on("error", over);
    session.once("close", () => reject(new Error("the connection was closed")));
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const parts: Buffer[] = [];
    let status: unknown;
    let text: unknown;
    const note = (headers: Record<string, unknown>) => {
      status = headers["grpc-status"] ?? status;
      text = headers["grpc-message"] ?? text;
    };
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", over);
    stream.on("end", () => {
      if (status === "0") resolve(Buffer.concat(parts).subarray(HEAD_BYTES));
      else
        reject(new Error(status === undefined ? "no status" : `status ${status}: ${decodeURIComponent(String(text))}`));
      session.close();
    });
    const framed = Buffer.alloc(HEAD_BYTES + request.length);
    framed.writeUInt32BE(request.length, 1);
    framed.set(request, HEAD_BYTES);
    stream.end(framed);
  });
}
