/** tsctl's own gRPC client, against servers of the real library and against broken ones. */
import { mkdtempSync, rmSync } from "node:fs";
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import anyTest, { type TestFn } from "ava";
import fc from "fast-check";
import { Channel } from "../../src/cli/rpc/channel.js";
import { CallFailure, ConnectError } from "../../src/cli/rpc/errors.js";
import { readMessage, writeMessage } from "../../src/cli/rpc/framing.js";
import { Status, statusName } from "../../src/cli/rpc/status.js";
import { makeRootCa } from "../../src/security/pki/root-ca.js";
import { Peer, Refusal } from "./peer.js";
import { tsctl } from "./run.js";

const test = anyTest as TestFn<{ directory: string; stop: (() => void)[] }>;
const PATH = "/docker.swarmkit.v1.Control/ListNodes";
const TIMEOUT_MS = 60_000;

test.beforeEach((t) => {
  t.context = { directory: mkdtempSync(join(tmpdir(), "tswarm-rpc-")), stop: [] };
});
test.afterEach.always((t) => {
  for (const stop of t.context.stop ?? []) stop();
  rmSync(t.context.directory, { recursive: true, force: true });
});

/** A server that answers each call as it is told. @returns a channel to it */
async function channelTo(
  context: { directory: string; stop: (() => void)[] },
  answer: (stream: ServerHttp2Stream) => void,
): Promise<Channel> {
  const { certificatePem, keyPem } = makeRootCa(Date.now());
  const server: Http2SecureServer = createSecureServer({ cert: certificatePem, key: keyPem });
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => void sessions.add(session));
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    answer(stream);
  });
  const path = join(context.directory, "s.sock");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const channel = new Channel({ kind: "unix", path });
  context.stop.push(() => {
    channel.close();
    for (const session of sessions) session.destroy();
    server.close();
  });
  return channel;
}

const HEAD = { ":status": 200, "content-type": "application/grpc" };

function answerWith(body: Buffer, trailers: Record<string, string>): (stream: ServerHttp2Stream) => void {
  return (stream) => {
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body);
  };
}

test("an answer, with the server's clock", async (t) => {
  const body = Buffer.from([1, 2, 3]);
  const channel = await channelTo(t.context, answerWith(writeMessage(body), { "grpc-status": "0" }));
  const { message, serverTimeMs } = await channel.call(PATH, Buffer.alloc(0), TIMEOUT_MS);
  t.deepEqual(message, body);
  t.true(Math.abs(serverTimeMs! - Date.now()) < 60_000);
});

const FAILURES: readonly (readonly [string, (stream: ServerHttp2Stream) => void, number, RegExp])[] = [
  [
    "a refusal without a body",
    (stream) =>
      stream.respond({ ...HEAD, "grpc-status": "5", "grpc-message": "no%20such%20n%C3%B6de" }, { endStream: true }),
    Status.NOT_FOUND,
    /^no such nöde$/,
  ],
  [
    "a refusal that is badly encoded",
    answerWith(Buffer.alloc(0), { "grpc-status": "5", "grpc-message": "100%" }),
    Status.NOT_FOUND,
    /^100%$/,
  ],
  [
    "an answer that is cut",
    answerWith(writeMessage(Buffer.alloc(9)).subarray(0, 7), { "grpc-status": "0" }),
    Status.INTERNAL,
    /no whole message/,
  ],
  [
    "no status at all",
    (stream) => stream.respond({ ":status": 404 }, { endStream: true }),
    Status.UNKNOWN,
    /HTTP status 404/,
  ],
  ["a reset", (stream) => stream.close(8), Status.UNAVAILABLE, /connection dropped/],
  ["a connection that ends", (stream) => stream.session!.destroy(), Status.UNAVAILABLE, /connection dropped/],
];
for (const [title, answer, code, details] of FAILURES) {
  test(`failure: ${title}`, async (t) => {
    const channel = await channelTo(t.context, answer);
    const error = await t.throwsAsync(channel.call(PATH, Buffer.alloc(0), TIMEOUT_MS), { instanceOf: CallFailure });
    t.is(error.code, code);
    t.regex(error.details, details);
  });
}

test("a server that says nothing is waited for as long as was said, and not longer", async (t) => {
  const answers = [answerWith(writeMessage(Buffer.alloc(0)), { "grpc-status": "0" })];
  const channel = await channelTo(t.context, (stream) => answers.shift()?.(stream));
  // The connection stands before the short time begins.
  await channel.call(PATH, Buffer.alloc(0), TIMEOUT_MS);
  const error = await t.throwsAsync(channel.call(PATH, Buffer.alloc(0), 50), { instanceOf: CallFailure });
  t.is(error.code, Status.DEADLINE_EXCEEDED);
});

test("nobody listens", async (t) => {
  const channel = new Channel({ kind: "unix", path: join(t.context.directory, "none.sock") });
  const error = await t.throwsAsync(channel.call(PATH, Buffer.alloc(0), TIMEOUT_MS), { instanceOf: ConnectError });
  t.deepEqual([error.code, error.stage], ["ENOENT", "connect"]);
});

test("the codes are those of the library", (t) => {
  for (const [name, code] of Object.entries(Status)) {
    t.is(status[code], name);
    t.is(statusName(code), name);
  }
  t.is(Object.keys(Status).length, Object.keys(status).length / 2);
  t.is(statusName(99), "99");
});

test("what a server says reaches the terminal whole, whatever is in it", async (t) => {
  const peer = await Peer.start();
  t.context.stop.push(() => peer.stop());
  peer.overrides.set("listNodes", () => {
    throw new Refusal(status.FAILED_PRECONDITION, 'nöde "ä" at 100 %\nis not there');
  });
  t.is((await tsctl(peer, "node", "ls")).stderr, 'tsctl: nöde "ä" at 100 % is not there\n');
});

test("a message is read as it was written, and nothing but a whole one is read", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(310), (message, at) => {
      const frame = writeMessage(message);
      t.deepEqual(readMessage(frame), Buffer.from(message));
      if (at < frame.length) t.is(readMessage(frame.subarray(0, at)), undefined);
      t.is(readMessage(Buffer.concat([frame, Buffer.alloc(1)])), undefined);
    }),
  );
  t.is(readMessage(Buffer.from([1, 0, 0, 0, 0])), undefined, "compressed");
});
