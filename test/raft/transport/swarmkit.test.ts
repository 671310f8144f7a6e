/** Managers of SwarmKit on the other side: what they send is taken, and they are sent what they know. */
import type { ServerReadableStream, ServerUnaryCall, ServiceError, sendUnaryData } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import test from "ava";
import { callUnary } from "../../../src/api/client-call.js";
import {
  type ProcessRaftMessageRequest,
  RaftService,
  type StreamRaftMessageRequest,
} from "../../../src/api/generated/docker/swarmkit/v1/raft.js";
import { type Message, MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { openClient, serve, startMember, until } from "./members.js";
import { app, heartbeat, message } from "./messages.js";

const MIB = 1 << 20;
const NO_BYTES = Buffer.alloc(0);
const METADATA = { confState: undefined, index: 70, term: 3 };
const snap = (data: Buffer, fields: Partial<Message> = {}): Message =>
  message({
    type: MessageType.MsgSnap,
    from: "1",
    to: "2",
    term: 4,
    snapshot: { data, metadata: METADATA },
    ...fields,
  });

/** Puts together what comes in pieces, as SwarmKit does. @param answer of each message */
async function startSwarmKit(t: Parameters<typeof serve>[0], answer: (message: Message) => object | null = () => null) {
  const received: Message[] = [];
  const pieces: number[] = [];
  let underWay = 0;
  let atOnce = 0;
  const address = await serve(t, {
    definition: RaftService,
    implementation: {
      processRaftMessage(call: ServerUnaryCall<ProcessRaftMessageRequest, object>, respond: sendUnaryData<object>) {
        underWay++;
        atOnce = Math.max(atOnce, underWay);
        setImmediate(() => {
          underWay--;
          const error = answer(call.request.message!);
          if (error) respond(error);
          else {
            received.push(call.request.message!);
            respond(null, {});
          }
        });
      },
      streamRaftMessage(call: ServerReadableStream<StreamRaftMessageRequest, object>, respond: sendUnaryData<object>) {
        let whole: Message | undefined;
        const data: Buffer[] = [];
        call.on("data", ({ message: piece }: StreamRaftMessageRequest) => {
          whole ??= piece;
          data.push(piece!.snapshot!.data);
          pieces.push(piece!.snapshot!.data.length);
        });
        call.on("end", () => {
          received.push({ ...whole!, snapshot: { ...whole!.snapshot!, data: Buffer.concat(data) } });
          respond(null, {});
        });
      },
      resolveAddress: () => {},
    },
  });
  return { address, received, pieces, atOnce: () => atOnce };
}

test("a manager of SwarmKit gets its messages one by one, in order", async (t) => {
  const swarmkit = await startSwarmKit(t);
  const a = await startMember(t, "1");
  a.transport.setPeer("2", swarmkit.address);
  await until(() => a.transport.peers()[0]?.protocol === "rpc");
  const all = Array.from({ length: 50 }, (_, i) => app("1", "2", i + 1, Buffer.from([i])));
  for (const one of all) a.transport.send([one]);
  await until(() => swarmkit.received.length === all.length);
  t.deepEqual(swarmkit.received, all);
  t.is(swarmkit.atOnce(), 1);
  t.like(a.transport.peers()[0], { connected: true, queuedMessages: 0, droppedMessages: 0 });
  t.deepEqual(a.told.unreachable, []);
});

test("heartbeats go ahead there too", async (t) => {
  const swarmkit = await startSwarmKit(t);
  const a = await startMember(t, "1");
  a.transport.setPeer("2", swarmkit.address);
  await until(() => a.transport.peers()[0]?.protocol === "rpc");
  a.transport.send([1, 2, 3].map((index) => app("1", "2", index)));
  a.transport.send([heartbeat("1", "2")]);
  await until(() => swarmkit.received.length === 4);
  t.deepEqual(
    swarmkit.received.map(({ type }) => MessageType[type]),
    ["MsgApp", "MsgHeartbeat", "MsgApp", "MsgApp"],
  );
});

test("a message that is refused is dropped and reported, and the next one tried; a removed member is told so", async (t) => {
  const removed = { code: status.NOT_FOUND, details: "raft: member was removed from the cluster" };
  const swarmkit = await startSwarmKit(t, ({ index }) => {
    if (index === 1) return { code: status.UNKNOWN, details: "no" };
    return index === 3 ? removed : null;
  });
  const a = await startMember(t, "1");
  a.transport.setPeer("2", swarmkit.address);
  await until(() => a.transport.peers()[0]?.protocol === "rpc");
  a.transport.send([app("1", "2", 1), app("1", "2", 2)]);
  await until(() => swarmkit.received.length === 1 && a.told.unreachable.length > 0);
  t.is(a.transport.peers()[0]?.droppedMessages, 1);
  t.deepEqual(a.told.removedBy, []);
  a.transport.send([app("1", "2", 3)]);
  await until(() => a.told.removedBy.includes("2"));
  t.deepEqual(
    swarmkit.received.map(({ index }) => index),
    [2],
  );
});

test("it is asked anew what it speaks whenever the connection is new", async (t) => {
  const b = await startMember(t, "2", { serves: ["raft"] });
  const a = await startMember(t, "1");
  a.transport.setPeer("2", b.address);
  const say = () => a.transport.send([heartbeat("1", "2")]);
  await until(() => b.told.received.length > 0, say);
  t.is(a.transport.peers()[0]?.protocol, "rpc");
  const upgraded = await startMember(t, "2");
  a.transport.setPeer("2", upgraded.address);
  await until(() => upgraded.told.received.length > 0, say);
  t.is(a.transport.peers()[0]?.protocol, "stream");
});

test("a snapshot goes in pieces that SwarmKit takes, whether or not it is known what the peer is", async (t) => {
  const swarmkit = await startSwarmKit(t);
  async function* chunks() {
    for (let i = 0; i < 10; i++) yield Buffer.alloc(MIB, i + 1);
  }
  const a = await startMember(t, "1", {
    handler: { openSnapshot: () => ({ metadata: METADATA, chunks: chunks() }) },
  });
  const ask = snap(Buffer.alloc(0), { snapshot: { data: Buffer.alloc(0), metadata: { ...METADATA, index: 60 } } });
  a.transport.setPeer("2", swarmkit.address);
  a.transport.send([ask]);
  await until(() => a.told.snapshots.length === 1 && a.transport.peers()[0]?.protocol === "rpc");
  a.transport.send([ask]);
  await until(() => a.told.snapshots.length === 2);
  const data: Buffer[] = [];
  for await (const chunk of chunks()) data.push(chunk);
  t.deepEqual(
    swarmkit.received.map((one) => ({ ...one, snapshot: { data: NO_BYTES, metadata: one.snapshot?.metadata } })),
    [snap(NO_BYTES), snap(NO_BYTES)],
  );
  for (const { snapshot } of swarmkit.received) t.true(snapshot?.data.equals(Buffer.concat(data)));
  t.true(swarmkit.pieces.every((bytes) => bytes <= 3.5 * MIB));
  t.true(a.told.snapshots.every(({ delivered }) => delivered));
});

test("messages of SwarmKit's managers are taken, one by one and as streams; snapshots as they come in pieces", async (t) => {
  const chunks: Buffer[] = [];
  const snapshots: Message[] = [];
  const b = await startMember(t, "2", {
    handler: {
      async receiveSnapshot(received, parts) {
        snapshots.push(received);
        for await (const part of parts) chunks.push(Buffer.from(part));
      },
    },
  });
  const client = openClient(t, b.address);
  const send = (sent: Message) => callUnary(client, RaftService.processRaftMessage, { message: sent }, SETTINGS);
  await send(heartbeat("1", "2"));
  await stream(client, [app("1", "2", 1, Buffer.from("entry"))]);
  t.deepEqual(b.told.received, [heartbeat("1", "2"), app("1", "2", 1, Buffer.from("entry"))]);
  t.deepEqual([...b.told.addresses], [undefined]);

  await stream(client, [snap(Buffer.alloc(3 * MIB, 1)), snap(Buffer.alloc(3 * MIB, 2)), snap(Buffer.alloc(1, 3))]);
  t.deepEqual(
    chunks.map((chunk) => [chunk[0], chunk.length]),
    [
      [1, 3 * MIB],
      [2, 3 * MIB],
      [3, 1],
    ],
  );
  await send(snap(Buffer.from("small")));
  t.is(String(chunks.at(-1)), "small");
  t.deepEqual(snapshots, [snap(Buffer.alloc(0)), snap(Buffer.alloc(0))]);
  t.is((await callUnary(client, RaftService.processRaftMessage, { message: undefined }, SETTINGS)) !== null, true);
});

const SETTINGS = { timeoutMs: 10_000 };

function stream(client: ReturnType<typeof openClient>, messages: readonly Message[]): Promise<object> {
  const { path, requestSerialize, responseDeserialize } = RaftService.streamRaftMessage;
  return new Promise((resolve, reject) => {
    const call = client.makeClientStreamRequest<StreamRaftMessageRequest, object>(
      path,
      requestSerialize,
      responseDeserialize,
      (error: ServiceError | null, response?: object) => (error ? reject(error) : resolve(response!)),
    );
    for (const one of messages) call.write({ message: one });
    call.end();
  });
}

test("a stream that SwarmKit breaks off is not taken for a whole snapshot", async (t) => {
  const { path, requestSerialize, responseDeserialize } = RaftService.streamRaftMessage;
  let whole = 0;
  const broken: string[] = [];
  let call: { cancel(): void } | undefined;
  const b = await startMember(t, "2", {
    handler: {
      async receiveSnapshot(_message, parts) {
        try {
          for await (const _ of parts) call?.cancel();
          whole++;
        } catch (error) {
          broken.push((error as Error).message);
          throw error;
        }
      },
    },
  });
  const stream = openClient(t, b.address).makeClientStreamRequest<StreamRaftMessageRequest, object>(
    path,
    requestSerialize,
    responseDeserialize,
    () => {},
  );
  stream.on("error", (error) => t.log(error.message));
  call = stream;
  stream.write({ message: snap(Buffer.from("half of it")) });
  await until(() => broken.length > 0 || whole > 0);
  t.deepEqual([whole, broken], [0, ["the sender of the snapshot went away: the client went away"]]);
});

test("streams that do not fit together are refused, with SwarmKit's texts", async (t) => {
  const b = await startMember(t, "2", {
    handler: {
      async receiveSnapshot(_message, parts) {
        for await (const _ of parts);
      },
    },
  });
  const client = openClient(t, b.address);
  t.like(await t.throwsAsync(stream(client, [app("1", "2", 1), app("1", "2", 2)])), {
    code: status.INVALID_ARGUMENT,
    details: "Raft message chunk is not of type 7",
  });
  t.like(await t.throwsAsync(stream(client, [snap(Buffer.from("a")), app("1", "2", 0)])), {
    code: status.INVALID_ARGUMENT,
    details: "Raft message chunk is not of type 7",
  });
  t.like(await t.throwsAsync(stream(client, [snap(Buffer.from("a")), snap(Buffer.from("a"), { index: 9 })])), {
    code: status.INVALID_ARGUMENT,
    details: "Raft message chunk with index 9 is different from the previously received raft message index 0",
  });
  t.like(await t.throwsAsync(stream(client, [snap(Buffer.alloc(5 * MIB))])), { code: status.RESOURCE_EXHAUSTED });
  t.deepEqual(b.told.received, []);
});

test("a member's address is resolved; that of nobody is not", async (t) => {
  const b = await startMember(t, "18446744073709551615");
  const client = openClient(t, b.address);
  const resolve = (raftId: string) => callUnary(client, RaftService.resolveAddress, { raftId }, SETTINGS);
  t.deepEqual(await resolve("18446744073709551615"), { addr: "10.0.0.1:4242" });
  t.like(await t.throwsAsync(resolve("255")), { code: status.NOT_FOUND, details: "member ff not found" });
});
