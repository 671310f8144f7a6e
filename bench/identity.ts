/** Identity: what a connection, and each call, costs a manager. */
import { fork } from "node:child_process";
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { connect, createSecureContext, type SecureContext } from "node:tls";
import { type ChannelCredentials, Metadata } from "@grpc/grpc-js";
import { callUnary, openChannel } from "../src/api/client-call.js";
import { HealthCheckRequest, HealthService } from "../src/api/generated/docker/swarmkit/v1/health.js";
import { NodeRole } from "../src/api/generated/docker/swarmkit/v1/types.js";
import { Authorizer } from "../src/security/authorizer.js";
import { CertificateIdentity } from "../src/security/identity.js";
import { makeCsr } from "../src/security/pki/csr.js";
import { issueCertificate } from "../src/security/pki/issue.js";
import { makeRootCa } from "../src/security/pki/root-ca.js";
import { TlsIdentity } from "../src/security/tls/tls-identity.js";
import { joiningFigures } from "./identity/joining.js";
import type { ServerReply } from "./identity/server.js";
import { type Figure, printFigures, spread } from "./table.js";

const HANDSHAKES = 200;
const AT_ONCE = 32;
const CALLS = 2000;
const CALLS_AT_ONCE = 16;
const ROUNDS = 3;
const CLUSTER = "c".repeat(25);
const DAY_MS = 86_400_000;

const root = makeRootCa(Date.now());
const own = certificate("m1", NodeRole.MANAGER);
const worker = certificate("w1", NodeRole.WORKER);
const server = fork(join(import.meta.dirname, "identity/server.js"));

function certificate(nodeId: string, role: NodeRole) {
  const { csrPem, keyPem } = makeCsr();
  const validity = { notBeforeMs: Date.now() - DAY_MS, notAfterMs: Date.now() + DAY_MS };
  const certificatePem = issueCertificate({ ca: root, csr: csrPem, nodeId, role, clusterId: CLUSTER, ...validity });
  return { certificatePem, keyPem, rootPem: root.certificatePem };
}

async function ask(message: object | "look"): Promise<ServerReply> {
  server.send(message);
  const [reply] = (await once(server, "message")) as [ServerReply];
  return reply;
}

/** Resolves once the server has let it in, with a ticket for the next connection where there is one by then. */
function handshake(port: number, secureContext: SecureContext, session?: Buffer): Promise<Buffer | undefined> {
  const servername = "swarm-manager";
  const socket = connect({ port, secureContext, servername, ALPNProtocols: ["h2"], ...(session ? { session } : {}) });
  return new Promise((resolve, reject) => {
    let ticket: Buffer | undefined;
    socket.on("session", (one: Buffer) => {
      ticket = one;
    });
    // The server's settings: it speaks first.
    socket.once("data", () => {
      const isAsWanted = socket.isSessionReused() === (session !== undefined);
      socket.destroy();
      if (isAsWanted) resolve(ticket);
      else reject(new Error(session ? "the session was not resumed" : "a session was resumed"));
    });
    socket.once("error", reject);
  });
}

/** So many, some at a time. */
async function inParallel(count: number, atOnce: number, run: () => Promise<unknown>): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await run();
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

interface Rate {
  readonly perSecond: number[];
  readonly serverUs: number[];
}

async function rateOf(count: number, atOnce: number, run: () => Promise<unknown>): Promise<Rate> {
  const rate: Rate = { perSecond: [], serverUs: [] };
  await inParallel(Math.ceil(count / 3), atOnce, run);
  for (let round = 0; round < ROUNDS; round++) {
    const before = await ask("look");
    const start = performance.now();
    await inParallel(count, atOnce, run);
    const ms = performance.now() - start;
    rate.perSecond.push((count * 1000) / ms);
    rate.serverUs.push((((await ask("look")).cpuMs - before.cpuMs) * 1000) / count);
  }
  return rate;
}

function rows(what: string, { perSecond, serverUs }: Rate, beside = ""): Figure[] {
  return [
    { what: `${what}, a second`, value: spread(perSecond, 0), beside },
    { what: `${what}, the manager's CPU`, value: `${spread(serverUs, 0)} µs` },
  ];
}

/** Microseconds of each, of a loop in this process. */
function timeOf(count: number, run: () => void): string {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    for (let i = 0; i < count; i++) run();
    return ((performance.now() - start) * 1000) / count;
  });
  return `${spread(rounds, 2)} µs`;
}

function floors(): Figure[] {
  const key = createPrivateKey(own.keyPem);
  const publicKey = createPublicKey(own.certificatePem);
  const text = Buffer.alloc(100);
  const signature = sign("sha256", text, key);
  return [
    { what: "floor: one ECDSA signature", value: timeOf(1000, () => sign("sha256", text, key)) },
    { what: "floor: one verification", value: timeOf(1000, () => verify("sha256", text, publicKey, signature)) },
  ];
}

function admission(): Figure {
  const nodes = { isRemoved: () => false, isManager: () => true };
  const authorizer = new Authorizer(new CertificateIdentity(() => CLUSTER, nodes));
  const subject = { nodeId: "w1", organizationalUnit: "swarm-worker", organization: CLUSTER };
  const path = "/docker.swarmkit.v1.Dispatcher/Heartbeat";
  const context = { path, metadata: new Metadata(), peer: "10.0.0.1:1", certificate: subject };
  return { what: "the decision alone", value: timeOf(200_000, () => authorizer.admit(context)) };
}

async function calls(port: number, credentials: ChannelCredentials): Promise<Rate> {
  const client = openChannel(`dns:127.0.0.1:${port}`, credentials, true);
  const request = HealthCheckRequest.create({ service: "Raft" });
  const settings = { timeoutMs: 30_000 };
  const rate = await rateOf(CALLS, CALLS_AT_ONCE, () => callUnary(client, HealthService.check, request, settings));
  client.close();
  return rate;
}

const { port, plainPort } = await ask(own);
const { certificatePem: cert, keyPem: key, rootPem: ca } = worker;
const mutual = createSecureContext({ cert, key, ca });
const anonymous = createSecureContext({ ca });
const figures = floors();
const full = await rateOf(HANDSHAKES, AT_ONCE, () => handshake(port, mutual));
const nobody = await rateOf(HANDSHAKES, AT_ONCE, () => handshake(port, anonymous));
let ticket: Buffer | undefined;
while (!ticket) ticket = await handshake(port, mutual);
const resumed = await rateOf(HANDSHAKES, AT_ONCE, () => handshake(port, mutual, ticket));
const credentials = new TlsIdentity(certificate("m2", NodeRole.MANAGER)).channelCredentials();
const plain = await calls(plainPort, credentials);
const admitted = await calls(port, credentials);
server.disconnect();
server.kill();
const joining = await joiningFigures();
printFigures([
  ...figures,
  ...rows("mutual TLS handshakes, both sides on this machine", full),
  ...rows("handshakes without a client's certificate", nobody),
  ...rows("resumed sessions, with the client's certificate", resumed),
  admission(),
  ...rows("unary calls of one client, gRPC with TLS and nothing else", plain),
  ...rows("unary calls of one client, at the port for nodes", admitted, "its admission included"),
  ...joining,
]);
