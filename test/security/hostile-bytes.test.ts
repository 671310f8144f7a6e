/** Connections that trickle, stall, or send what is no call: each ends by itself, and nobody else waits for it. */
import { connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Metadata } from "@grpc/grpc-js";
import test from "ava";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import { DispatcherService } from "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { HealthService } from "../../src/api/generated/docker/swarmkit/v1/health.js";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import type { NodeCertificate } from "../../src/security/node-certificate/node-certificate.js";
import { verifyingCredentials } from "../../src/security/tls/tls-identity.js";
import { RemoteBed } from "./remote-bed.js";

const WORKER = "worker".padEnd(25, "0");

/** Resolves with what came until the other side ended the connection. */
function untilClosed(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part));
  return new Promise((resolve) => {
    socket.on("error", () => socket.destroy());
    socket.once("close", () => resolve(Buffer.concat(parts)));
  });
}

function tcp(port: number): Socket {
  return connectTcp({ host: "127.0.0.1", port });
}

function tls(port: number, certificate?: NodeCertificate): Promise<TLSSocket> {
  const own = certificate ? { cert: certificate.certificatePem, key: certificate.keyPem } : {};
  const options = { host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["h2"], ...own };
  return new Promise((resolve, reject) => {
    const socket = connectTls(options, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Of a session without a certificate. Not every connection has one by the time in which the server begins to speak HTTP/2. */
async function ticketOf(port: number): Promise<Buffer> {
  for (;;) {
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    let ticket: Buffer | undefined;
    socket.on("session", (one: Buffer) => {
      ticket = one;
    });
    await new Promise((resolve) => socket.once("data", resolve));
    socket.destroy();
    if (ticket) return ticket;
  }
}

/** Whether a good client is served, if not at its first try: on a busy machine a handshake takes longer than some tests allow. */
async function serves(bed: RemoteBed): Promise<boolean> {
  const good = bed.authority.worker("good");
  let outcome = "";
  for (let tries = 0; tries < 20 && outcome !== "OK"; tries++) {
    outcome = await bed.heartbeat(bed.client(good.channelCredentials()));
  }
  return outcome === "OK" && bed.seen.pop()!.caller!.nodeId === "good";
}

test("plain text is refused: HTTP/2 without TLS, HTTP/1.1, noise", async (t) => {
  const bed = await RemoteBed.start(t);
  for (const bytes of ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\0".repeat(1000)]) {
    const socket = tcp(bed.port);
    const closed = untilClosed(socket);
    socket.write(bytes);
    const answer = await closed;
    // A TLS alert at most.
    t.true(answer.length === 0 || answer[0] === 21, answer.toString("latin1"));
  }
  t.is(bed.server.counts.refused.handshake, 3);
  t.true(await serves(bed));
});

test("TLS 1.1 is refused, and so is another protocol within TLS", async (t) => {
  const bed = await RemoteBed.start(t);
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
  const socket = connectTls({ host: "127.0.0.1", port: bed.port, rejectUnauthorized: false, ...old });
  const secured = new Promise((resolve) => {
    socket.once("secureConnect", () => resolve("secured"));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  t.is(await secured, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
  t.is(bed.server.counts.refused.handshake, 1);
  const without = connectTls({ host: "127.0.0.1", port: bed.port, rejectUnauthorized: false });
  t.is((await untilClosed(without)).length, 0);
  t.is(bed.server.counts.refused.protocol, 1);
  t.true(await serves(bed));
});

test("a handshake that trickles in ends when its time is over, however much comes", async (t) => {
  const bed = await RemoteBed.start(t, { times: { handshakeMs: 300 } });
  const silent = tcp(bed.port);
  const trickling = tcp(bed.port);
  // A record of 512 bytes that begins a ClientHello, a byte at a time.
  const hello = Buffer.concat([Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), Buffer.alloc(500)]);
  let sent = 0;
  const trickle = setInterval(() => trickling.write(hello.subarray(sent, ++sent)), 10);
  await Promise.all([untilClosed(silent), untilClosed(trickling)]);
  clearInterval(trickle);
  t.true(sent < hello.length);
  t.is(bed.server.counts.refused.handshakeTimeout, 2);
  await bed.until(() => bed.server.counts.total === 0);
  t.true(await serves(bed));
});

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** Length, type, flags, stream. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** HEADERS of stream 1, of 100 bytes, of which few come; END_HEADERS is not set. */
const PARTIAL_HEADERS = Buffer.from([0, 0, 100, 1, 0, 0, 0, 0, 1, 0x82, 0x84]);

for (const [title, bytes] of [
  ["says nothing", Buffer.alloc(0)],
  ["begins and stops", PREFACE.subarray(0, 10)],
  ["has no calls", Buffer.concat([PREFACE, SETTINGS])],
  ["has half a call's headers", Buffer.concat([PREFACE, SETTINGS, PARTIAL_HEADERS])],
] as const) {
  test(`a connection without a certificate that ${title} ends soon`, async (t) => {
    const bed = await RemoteBed.start(t, { times: { anonymousMs: 400 } });
    const socket = await tls(bed.port);
    const closed = untilClosed(socket);
    socket.write(bytes);
    await closed;
    await bed.until(() => bed.server.counts.total === 0);
    t.true(await serves(bed));
  });
}

test("a connection without a certificate and without calls is closed before its time is over", async (t) => {
  const bed = await RemoteBed.start(t, { times: { anonymousMs: 3_600_000 }, visitors: { anonymous: { idleMs: 200 } } });
  const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
  await new Promise((resolve) => session.once("close", resolve));
  t.true(await serves(bed));
});

test("streams that stall: so many at a time, and no longer than the connection may last", async (t) => {
  const limits = { times: { anonymousMs: 1000 }, visitors: { anonymous: { streams: 4 } } };
  const bed = await RemoteBed.start(t, limits);
  const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
  session.on("error", () => session.destroy());
  const settings = await new Promise<{ maxConcurrentStreams?: number }>((resolve) =>
    session.once("remoteSettings", resolve),
  );
  t.is(settings.maxConcurrentStreams, 4);
  const headers = {
    ":method": "POST",
    ":path": CAService.getRootCaCertificate.path,
    "content-type": "application/grpc",
    te: "trailers",
  };
  const codes: number[] = [];
  const open = () => {
    const stream = session.request(headers);
    stream.on("error", () => stream.close());
    stream.once("close", () => codes.push(stream.rstCode ?? 0));
    stream.write(Buffer.from([0, 0, 0, 0, 9, 1]));
  };
  for (let i = 0; i < 4; i++) open();
  t.true(await serves(bed));
  await new Promise((resolve) => session.once("close", resolve));
  t.deepEqual(bed.seen, []);
  t.true(await serves(bed));
});

test("a message that is too large is refused with RESOURCE_EXHAUSTED, by the size that it announces", async (t) => {
  const bed = await RemoteBed.start(t);
  for (const [credentials, path, bytes] of [
    [verifyingCredentials(bed.authority.root.certificatePem), CAService.getRootCaCertificate.path, 64 * 1024 + 1],
    [bed.authority.worker(WORKER).channelCredentials(), DispatcherService.heartbeat.path, 16 * 1024 * 1024 + 1],
  ] as const) {
    const outcome = await bed.callRaw(bed.client(credentials), path, Buffer.alloc(bytes));
    t.regex(outcome, /^RESOURCE_EXHAUSTED: Received message larger than max/);
  }
  t.deepEqual(bed.seen, []);
  t.true(await serves(bed));
});

test("bytes that no request is made of, and headers without end", async (t) => {
  const bed = await RemoteBed.start(t);
  const worker = bed.client(bed.authority.worker(WORKER).channelCredentials());
  for (const bytes of [Buffer.from([0x0a, 0xff]), Buffer.from("\xff\xff\xff", "latin1"), Buffer.alloc(100, 0x0b)]) {
    const outcome = await bed.callRaw(worker, DispatcherService.heartbeat.path, bytes);
    t.regex(outcome, /^INTERNAL: .*[Dd]eserializ/);
  }
  const large = new Metadata();
  for (let i = 0; i < 20; i++) large.set(`x-${i}`, "x".repeat(1000));
  t.is(await bed.heartbeat(worker, large), "RESOURCE_EXHAUSTED: the call's headers are larger than 16384 bytes");
  const nobody = bed.client(verifyingCredentials(bed.authority.root.certificatePem));
  t.is(
    await bed.call(nobody, CAService.getRootCaCertificate, {}, large),
    "RESOURCE_EXHAUSTED: the call's headers are larger than 8192 bytes",
  );
  for (const [pairs, size] of [
    [20, 50_000],
    [1000, 1],
  ] as const) {
    const endless = new Metadata();
    for (let i = 0; i < pairs; i++) endless.set(`x-${i}`, "x".repeat(size));
    t.not(await bed.heartbeat(bed.client(bed.authority.worker(WORKER).channelCredentials()), endless), "OK");
  }
  t.deepEqual(bed.seen, []);
  t.true(await serves(bed));
});

test("a path that nobody serves, and a call that is none of gRPC", async (t) => {
  const bed = await RemoteBed.start(t);
  const worker = bed.client(bed.authority.worker(WORKER).channelCredentials());
  t.regex(await bed.callRaw(worker, "/x.Y/Z", Buffer.alloc(0)), /^UNIMPLEMENTED/);
  const certificate = bed.authority.certificate(WORKER, NodeRole.WORKER);
  const session = connectHttp2(`https://127.0.0.1:${bed.port}`, {
    createConnection: () =>
      connectTls({
        host: "127.0.0.1",
        port: bed.port,
        rejectUnauthorized: false,
        ALPNProtocols: ["h2"],
        cert: certificate.certificatePem,
        key: certificate.keyPem,
      }),
  });
  const stream = session.request({ ":path": DispatcherService.heartbeat.path, ":method": "POST" });
  const headers = await new Promise<{ [constants.HTTP2_HEADER_STATUS]?: number }>((resolve) =>
    stream.once("response", resolve),
  );
  t.is(headers[":status"], 415);
  session.destroy();
  t.true(await serves(bed));
});

test("places are limited: in handshakes, without a certificate, of one node; others come in", async (t) => {
  const limits = { handshakesPerAddress: 3, anonymousPerAddress: 2, perNode: 2 };
  const bed = await RemoteBed.start(t, { limits });
  const waiting = [tcp(bed.port), tcp(bed.port), tcp(bed.port)];
  await Promise.all(waiting.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  await untilClosed(tcp(bed.port));
  t.is(bed.server.counts.refused.handshakesPerAddress, 1);
  t.like(bed.server.counts, { handshakes: 3, total: 3 });
  for (const socket of waiting) socket.destroy();
  await bed.until(() => bed.server.counts.handshakes === 0);

  const nobody = [await tls(bed.port), await tls(bed.port)];
  await bed.until(() => bed.server.counts.anonymous === 2);
  await untilClosed(await tls(bed.port));
  t.is(bed.server.counts.refused.anonymousPerAddress, 1);

  const certificate = bed.authority.certificate(WORKER, NodeRole.WORKER);
  const greedy = [await tls(bed.port, certificate), await tls(bed.port, certificate)];
  await bed.until(() => bed.server.counts.nodes === 2);
  await untilClosed(await tls(bed.port, certificate));
  t.is(bed.server.counts.refused.perNode, 1);
  t.true(bed.logged.some((line) => line.includes(`from ${WORKER} was refused (perNode`)));

  t.true(await serves(bed));
  for (const socket of [...nobody, ...greedy]) socket.destroy();
});

test("calls without a certificate are limited by address; those with one are not", async (t) => {
  const bed = await RemoteBed.start(t, { anonymousCalls: { burst: 3, refillMs: 3_600_000 } });
  const outcomes: string[] = [];
  for (let i = 0; i < 5; i++) {
    const nobody = bed.client(verifyingCredentials(bed.authority.root.certificatePem));
    outcomes.push(await bed.call(nobody, CAService.getRootCaCertificate, {}));
  }
  const refusal =
    "RESOURCE_EXHAUSTED: too many calls without a certificate came from this address: try again in a while";
  t.deepEqual(outcomes, ["OK", "OK", "OK", refusal, refusal]);
  t.true(await serves(bed));
});

test("a session that was resumed without a certificate is nobody's", async (t) => {
  const bed = await RemoteBed.start(t);
  const ticket = await ticketOf(bed.port);
  const socket = connectTls({
    host: "127.0.0.1",
    port: bed.port,
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
    session: ticket,
  });
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  t.true(socket.isSessionReused());
  const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { createConnection: () => socket });
  const stream = session.request({
    ":path": HealthService.check.path,
    ":method": "POST",
    "content-type": "application/grpc",
  });
  const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
  t.is(headers["grpc-status"], "7");
  t.is(decodeURI(String(headers["grpc-message"])), "Permission denied: no client certificates in request");
  session.destroy();
  t.is(bed.server.counts.refused.certificate, undefined);
});
