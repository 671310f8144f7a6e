import { once } from "node:events";
import type { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import {
  type Client,
  type ClientDuplexStream,
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import test from "ava";
import { CallProxy, proxyMethods } from "../../../src/api/proxy/call-proxy.js";
import { permissionDenied } from "../../../src/api/status-error.js";
import { call } from "./call.js";
import { listen, metadataOf, open, startBed, startForwarder, WORDS } from "./relay-bed.js";

/** Answers with what it was asked; headers and trailers say that they came through. */
function echo(name = "leader"): UntypedServiceImplementation {
  const headers = metadataOf({ "x-head": name });
  const trailers = metadataOf({ "x-tail": name });
  return {
    say(request: ServerUnaryCall<string, string>, answer: sendUnaryData<string>) {
      request.sendMetadata(headers);
      answer(null, request.request, trailers);
    },
    gather(stream: ServerReadableStream<string, string>, answer: sendUnaryData<string>) {
      const words: string[] = [];
      stream.on("data", (word: string) => words.push(word));
      stream.on("end", () => {
        stream.sendMetadata(headers);
        answer(null, words.join(" "), trailers);
      });
    },
    spread(stream: ServerWritableStream<string, string>) {
      stream.sendMetadata(headers);
      for (const word of stream.request.split(" ")) stream.write(word);
      stream.end(trailers);
    },
    talk(stream: ServerDuplexStream<string, string>) {
      stream.sendMetadata(headers);
      stream.on("data", (word: string) => stream.write(word));
      stream.on("end", () => stream.end(trailers));
    },
  };
}

/** @returns a promise, and what resolves it */
function gate(): [Promise<void>, () => void] {
  let open: () => void = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return [promise, open];
}

const KINDS = [
  { name: "say", requests: ["a b c"], responses: ["a b c"] },
  { name: "gather", requests: ["a", "b", "c"], responses: ["a b c"] },
  { name: "spread", requests: ["a b c"], responses: ["a", "b", "c"] },
  { name: "talk", requests: ["a", "b", "c"], responses: ["a", "b", "c"] },
] as const;

for (const { name, requests, responses } of KINDS) {
  test(`${name}: messages, headers, trailers and status come through, forwarded and served here`, async (t) => {
    const bed = await startBed(t, echo());
    for (const local of [undefined, echo("follower"), undefined]) {
      bed.local = local;
      const outcome = await call(bed.client, WORDS[name], requests, new Metadata());
      const server = local ? "follower" : "leader";
      t.deepEqual(outcome.responses, responses);
      t.is(outcome.code, status.OK);
      t.deepEqual(outcome.headers?.get("x-head"), [server]);
      t.deepEqual(outcome.trailers.get("x-tail"), [server]);
    }
    t.is(bed.proxy.active, 0);
  });

  test(`${name}: an error comes through with its code, text and trailers`, async (t) => {
    const error = {
      code: status.FAILED_PRECONDITION,
      details: "not so: 100 % – nein",
      metadata: metadataOf({ "x-why": "it is late" }),
    };
    const refuse = (stream: ServerWritableStream<string, string>, answer?: (error: object) => void) => {
      if (answer) answer(error);
      else stream.emit("error", error);
    };
    const bed = await startBed(t, { say: refuse, gather: refuse, spread: refuse, talk: refuse });
    const outcome = await call(bed.client, WORDS[name], requests, new Metadata());
    t.like(outcome, { code: error.code, details: error.details });
    t.deepEqual(outcome.trailers.get("x-why"), ["it is late"]);
    t.is(bed.proxy.active, 0);
  });

  test(`${name}: without a target, with one that is away, and with one that dies, the caller reads UNAVAILABLE`, async (t) => {
    const hold = () => started();
    let started: () => void = () => {};
    const bed = await startBed(t, { say: hold, gather: hold, spread: hold, talk: hold });
    const reached = new Promise<void>((resolve) => {
      started = resolve;
    });
    const dying = call(bed.client, WORDS[name], requests, new Metadata());
    await reached;
    bed.leader.forceShutdown();
    t.like(await dying, {
      code: status.UNAVAILABLE,
      details: "the call was passed on to the manager that leads, but the connection to it broke",
    });
    t.like(await call(bed.client, WORDS[name], requests, new Metadata()), {
      code: status.UNAVAILABLE,
      details: "the call was passed on to the manager that leads, but it cannot be reached",
    });
    bed.target = undefined;
    t.like(await call(bed.client, WORDS[name], requests, new Metadata()), {
      code: status.UNAVAILABLE,
      details: "nobody leads",
    });
    t.is(bed.proxy.active, 0);
  });

  test(`${name}: a caller that goes away is gone for the other server too, and its deadline holds there`, async (t) => {
    let deadline: Date | number = Infinity;
    const [cancelled, noteCancelled] = gate();
    const [started, noteStarted] = gate();
    const hold = (stream: ServerWritableStream<string, string>) => {
      deadline = stream.getDeadline();
      stream.on("cancelled", noteCancelled);
      noteStarted();
    };
    const bed = await startBed(t, { say: hold, gather: hold, spread: hold, talk: hold });
    const until = Date.now() + 60_000;
    const stream = bed.client.makeBidiStreamRequest(
      WORDS[name].path,
      WORDS[name].requestSerialize,
      WORDS[name].responseDeserialize,
      new Metadata(),
      { deadline: until },
    );
    stream.on("error", () => stream.resume());
    stream.write("a");
    if (!WORDS[name].requestStream) stream.end();
    await started;
    // It travels as what is left of it, twice.
    t.true(Number(deadline) <= until + 5_000 && Number(deadline) > until - 30_000);
    stream.cancel();
    await cancelled;
    t.is(bed.proxy.active, 0);
  });

  test(`${name}: bytes that no request is made of end the call here as they would there`, async (t) => {
    const bed = await startBed(t, echo());
    const broken = { ...WORDS[name], requestSerialize: (text: string) => Buffer.from(text) };
    for (const local of [undefined, echo("follower")]) {
      bed.local = local;
      const outcome = await call(bed.client, broken, ["no quotes"], new Metadata());
      t.like(outcome, { code: status.INTERNAL, details: "Error deserializing request" });
    }
  });
}

/** What the last server is told. */
async function seenBy(
  t: Parameters<typeof startBed>[0],
  sent: Metadata,
  caller?: ConstructorParameters<typeof CallProxy>[0]["caller"],
): Promise<Metadata> {
  let seen = new Metadata();
  const bed = await startBed(
    t,
    {
      ...echo(),
      say(request: ServerUnaryCall<string, string>, answer: sendUnaryData<string>) {
        seen = request.metadata;
        answer(null, "");
      },
    },
    caller && { caller },
  );
  const outcome = await call(bed.client, WORDS.say, ["x"], sent);
  t.is(outcome.code, status.OK, outcome.details);
  return seen;
}

test("the other server learns who called, and the caller cannot say it", async (t) => {
  const seen = await seenBy(
    t,
    metadataOf({
      "x-own": "1",
      forwarded_cert: "true",
      forwarded_cert_cn: "root",
      forwarded_cert_ou: "swarm-manager",
      forwarded_cert_org: "mine",
      remote_addr: "1.2.3.4:5",
    }),
  );
  t.like(seen.getMap(), {
    "x-own": "1",
    forwarded_cert: "true",
    forwarded_cert_cn: "n1",
    forwarded_cert_ou: "swarm-worker",
    forwarded_cert_org: "c1",
  });
  t.regex(String(seen.get("remote_addr")), /^127\.0\.0\.1:\d+$/);
  t.deepEqual(seen.get("redirect"), seen.get("remote_addr"));
});

test("a caller without a certificate is not taken for the forwarder; a call of the forwarder's own is", async (t) => {
  const forged = metadataOf({ forwarded_cert_cn: "root", forwarded_cert_ou: "swarm-manager" });
  const nobody = await seenBy(t, forged, () => undefined);
  t.deepEqual(nobody.get("forwarded_cert"), ["true"]);
  t.deepEqual(nobody.get("forwarded_cert_cn"), [""]);
  t.deepEqual(nobody.get("forwarded_cert_ou"), []);
  const own = await seenBy(t, forged, () => "self");
  t.deepEqual([own.get("forwarded_cert"), own.get("forwarded_cert_cn"), own.get("remote_addr")], [[], [], []]);
});

test("a caller that is refused does not reach the other server; a fault here is told", async (t) => {
  const bed = await startBed(t, echo(), {
    caller: ({ metadata }) => {
      if (metadata.get("x-fault").length > 0) throw new TypeError("oops");
      throw permissionDenied("who are you?");
    },
  });
  for (const { name, requests } of KINDS) {
    t.like(await call(bed.client, WORDS[name], requests, new Metadata()), {
      code: status.PERMISSION_DENIED,
      details: "who are you?",
    });
    t.like(await call(bed.client, WORDS[name], requests, metadataOf({ "x-fault": "1" })), {
      code: status.INTERNAL,
      details: "internal error: oops",
    });
  }
  t.is(bed.defects.length, KINDS.length);
});

test("two managers that take each other for the leader do not pass a call back and forth", async (t) => {
  let second: Client | undefined;
  const options = { noTarget: () => "", caller: () => "self" as const, log: (line: string) => t.log(line) };
  const first = await startForwarder(
    t,
    proxyMethods(WORDS, undefined, new CallProxy({ ...options, target: () => second && { client: second } })),
  );
  second = await startForwarder(
    t,
    proxyMethods(WORDS, undefined, new CallProxy({ ...options, target: () => ({ client: first }) })),
  );
  for (const { name, requests } of KINDS) {
    const outcome = await call(first, WORDS[name], requests, new Metadata());
    t.is(outcome.code, status.RESOURCE_EXHAUSTED);
    t.regex(outcome.details, /^more than one redirect to leader from: \[127\.0\.0\.1:\d+\]$/);
  }
});

test("a stream that its caller breaks off is not ended for the other server, but broken off too", async (t) => {
  const [started, noteStarted] = gate();
  const [cancelled, noteCancelled] = gate();
  const bed = await startBed(t, {
    ...echo(),
    gather(stream: ServerReadableStream<string, string>) {
      stream.on("data", noteStarted);
      stream.on("cancelled", noteCancelled);
    },
  });
  let hasEnded = false;
  const { client: toLeader } = bed.target as { client: Client };
  const open = toLeader.makeBidiStreamRequest.bind(toLeader) as (
    ...rest: unknown[]
  ) => ClientDuplexStream<Buffer, Buffer>;
  toLeader.makeBidiStreamRequest = ((...rest: unknown[]) =>
    open(...rest).on("finish", () => {
      hasEnded = true;
    })) as typeof toLeader.makeBidiStreamRequest;
  const { gather } = WORDS;
  const stream = bed.client.makeClientStreamRequest(
    gather.path,
    gather.requestSerialize,
    gather.responseDeserialize,
    new Metadata(),
    () => {},
  );
  stream.on("error", (error) => t.log(error.message));
  stream.write("a");
  await started;
  stream.cancel();
  await cancelled;
  await setImmediate();
  t.false(hasEnded);
});

test("a reset ends streams, and leaves unary calls to be answered", async (t) => {
  const answers: sendUnaryData<string>[] = [];
  const [bothThere, noteBoth] = gate();
  let waiting = 2;
  const arrived = () => {
    waiting -= 1;
    if (waiting === 0) noteBoth();
  };
  const [cancelled, noteCancelled] = gate();
  const bed = await startBed(t, {
    ...echo(),
    say(_request: ServerUnaryCall<string, string>, answer: sendUnaryData<string>) {
      answers.push(answer);
      arrived();
    },
    talk(stream: ServerDuplexStream<string, string>) {
      stream.on("cancelled", noteCancelled);
      arrived();
    },
  });
  const unary = call(bed.client, WORDS.say, ["x"], new Metadata());
  const stream = call(bed.client, WORDS.talk, ["x"], new Metadata());
  await bothThere;
  bed.proxy.reset();
  t.like(await stream, {
    code: status.UNAVAILABLE,
    details: "another manager leads now: open the stream again",
  });
  await cancelled;
  t.is(bed.proxy.active, 1);
  answers[0]?.(null, "late");
  t.deepEqual((await unary).responses, ["late"]);
  t.is(bed.proxy.active, 0);
});

const CHUNK = "x".repeat(64 * 1024);
const ALL = 1000;
/** Far below the 64 MB of all messages, far above what two connections and their streams hold. */
const FEW = 300;

/** Writes all, as fast as the stream takes it. */
async function writeAll(
  stream: { write(text: string): boolean; end(): void; once(event: "drain", listener: () => void): unknown },
  wrote: (count: number) => void,
): Promise<void> {
  for (let count = 1; count <= ALL; count += 1) {
    const isFull = !stream.write(CHUNK);
    wrote(count);
    if (isFull) await new Promise<void>((resolve) => stream.once("drain", resolve));
  }
  stream.end();
}

/** Reads one message and then gives everybody else many turns, as often as there are messages. @returns how far the writer was ahead at most */
async function readSlowly(stream: Readable, written: () => number): Promise<{ read: number; ahead: number }> {
  let read = 0;
  let ahead = 0;
  // The end of the requests is not the end of a stream that goes both ways.
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    read += (chunk as string).length === CHUNK.length ? 1 : 0;
    for (let turn = 0; turn < 20 && written() < ALL; turn += 1) await setImmediate();
    ahead = Math.max(ahead, written() - read);
  }
  return { read, ahead };
}

test("a slow reader holds the writer back at the other end", async (t) => {
  let written = 0;
  const bed = await startBed(t, {
    ...echo(),
    spread: (stream: ServerWritableStream<string, string>) =>
      void writeAll(stream, (count) => {
        written = count;
      }),
  });
  const { spread } = WORDS;
  const stream = bed.client.makeServerStreamRequest(
    spread.path,
    spread.requestSerialize,
    spread.responseDeserialize,
    "go",
    new Metadata(),
  );
  const { read, ahead } = await readSlowly(stream, () => written);
  t.is(read, ALL);
  t.true(ahead < FEW, `the writer was ${ahead} messages ahead`);
});

test("a server that does not read holds the caller back", async (t) => {
  let written = 0;
  let result: { read: number; ahead: number } | undefined;
  const bed = await startBed(t, {
    ...echo(),
    async talk(stream: ServerDuplexStream<string, string>) {
      result = await readSlowly(stream, () => written);
      stream.end();
    },
  });
  const { talk } = WORDS;
  const stream: ClientDuplexStream<string, string> = bed.client.makeBidiStreamRequest(
    talk.path,
    talk.requestSerialize,
    talk.responseDeserialize,
    new Metadata(),
  );
  stream.resume();
  const writing = writeAll(stream, (count) => {
    written = count;
  });
  await Promise.all([writing, once(stream, "status")]);
  t.is(result?.read, ALL);
  t.true((result?.ahead ?? ALL) < FEW, `the caller was ${result?.ahead} messages ahead`);
});

test("a server that comes back is used again", async (t) => {
  const bed = await startBed(t, echo());
  bed.leader.forceShutdown();
  t.is((await call(bed.client, WORDS.say, ["x"], new Metadata())).code, status.UNAVAILABLE);
  const { Server } = await import("@grpc/grpc-js");
  const again = new Server();
  again.addService(WORDS, echo("again"));
  const client = open(await listen(again));
  t.teardown(() => {
    client.close();
    again.forceShutdown();
  });
  bed.target = { client };
  t.deepEqual((await call(bed.client, WORDS.say, ["x"], new Metadata())).responses, ["x"]);
});
