/** What other members may not send, and what they are told then. */
import type { Client, StatusObject } from "@grpc/grpc-js";
import { Metadata, status } from "@grpc/grpc-js";
import test from "ava";
import {
  ProcessRaftMessageRequest,
  RaftService,
  ResolveAddressRequest,
} from "../../../src/api/generated/docker/swarmkit/v1/raft.js";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { RaftBatch, RaftSnapshotChunk, RaftTransportService } from "../../../src/api/generated/tswarm/v1/raft.js";
import { permissionDenied } from "../../../src/api/status-error.js";
import { membersOfTheirNodes } from "../../../src/raft/transport/members-of-their-nodes.js";
import { RaftServices } from "../../../src/raft/transport/raft-services.js";
import { openClient, serve, startMember } from "./members.js";
import { app, heartbeat, message } from "./messages.js";

const same = (bytes: Buffer): Buffer => bytes;

/** Sends these bytes on a stream of their own. @returns how it ended */
function send(client: Client, path: string, parts: readonly Uint8Array[]): Promise<StatusObject> {
  const stream = client.makeBidiStreamRequest(path, same, same, new Metadata());
  stream.resume();
  stream.on("error", () => stream.resume());
  for (const part of parts) stream.write(Buffer.from(part));
  stream.end();
  return new Promise((resolve) => void stream.on("status", resolve));
}

const batch = (from: string, ...messages: RaftBatch["messages"]) =>
  RaftBatch.encode({ from, address: "", messages }).finish();
const chunk = (fields: Partial<RaftSnapshotChunk>) =>
  RaftSnapshotChunk.encode(RaftSnapshotChunk.create(fields)).finish();
const snap = message({
  type: MessageType.MsgSnap,
  from: "1",
  to: "2",
  snapshot: { data: Buffer.alloc(0), metadata: { confState: undefined, index: 1, term: 1 } },
});

const REFUSED = [
  {
    title: "a batch with another member's message",
    path: RaftTransportService.messages.path,
    parts: [batch("1", heartbeat("3", "2"))],
    code: status.INVALID_ARGUMENT,
    details: "a batch of member 1 holds a message of member 3",
  },
  {
    title: "a batch of nobody",
    path: RaftTransportService.messages.path,
    parts: [batch("0", heartbeat("0", "2"))],
    code: status.INVALID_ARGUMENT,
    details: "a batch does not say which member it is from",
  },
  {
    title: "a batch with a snapshot in it",
    path: RaftTransportService.messages.path,
    parts: [batch("1", snap)],
    code: status.INVALID_ARGUMENT,
    details: "a snapshot came without its data",
  },
  {
    title: "a batch that is too large",
    path: RaftTransportService.messages.path,
    parts: [batch("1", app("1", "2", 1, Buffer.alloc(9 << 20)))],
    code: status.RESOURCE_EXHAUSTED,
    details: "a batch of 9437215 bytes is too large: the limit is 8388608",
  },
  {
    title: "bytes that are no batch",
    path: RaftTransportService.messages.path,
    parts: [Buffer.from("not protobuf")],
    code: status.INTERNAL,
    details: /^a batch cannot be read: /,
  },
  {
    title: "a snapshot that begins in the middle",
    path: RaftTransportService.snapshot.path,
    parts: [chunk({ data: Buffer.from("x") })],
    code: status.INVALID_ARGUMENT,
    details: "a snapshot's stream begins with its MsgSnap",
  },
  {
    title: "a snapshot that ends in the middle",
    path: RaftTransportService.snapshot.path,
    parts: [chunk({ message: snap }), chunk({ data: Buffer.from("x") })],
    code: status.ABORTED,
    details: "the snapshot ended before its last chunk",
  },
  {
    title: "a snapshot with a chunk that is too large",
    path: RaftTransportService.snapshot.path,
    parts: [chunk({ message: snap }), chunk({ data: Buffer.alloc(5 << 20) })],
    code: status.RESOURCE_EXHAUSTED,
    details: "a chunk of 5242885 bytes is too large: the limit is 4194304",
  },
  {
    title: "a snapshot with bytes that are no chunk",
    path: RaftTransportService.snapshot.path,
    parts: [chunk({ message: snap }), Buffer.from("not protobuf")],
    code: status.INTERNAL,
    details: /^a chunk of a snapshot cannot be read: /,
  },
] as const;

for (const { title, path, parts, code, details } of REFUSED) {
  test(`${title} is refused, and nothing of it is taken`, async (t) => {
    let whole = 0;
    const b = await startMember(t, "2", {
      handler: {
        async receiveSnapshot(_message, chunks) {
          for await (const _ of chunks);
          whole++;
        },
      },
    });
    const client = openClient(t, b.address);
    const end = await send(client, path, parts);
    t.is(end.code, code);
    if (typeof details === "string") t.is(end.details, details);
    else t.regex(end.details, details);
    t.deepEqual([b.told.received, whole], [[], 0]);
    t.is((await send(client, RaftTransportService.messages.path, [batch("1", heartbeat("1", "2"))])).code, status.OK);
    t.is(b.told.received.length, 1, "others are served");
  });
}

test("a removed member's messages and snapshots are refused with the text that tells it", async (t) => {
  const b = await startMember(t, "2", { handler: { isRemoved: (id) => id === "1" } });
  const client = openClient(t, b.address);
  const removed = { code: status.NOT_FOUND, details: "raft: member was removed from the cluster" };
  t.like(await send(client, RaftTransportService.messages.path, [batch("1", heartbeat("1", "2"))]), removed);
  t.like(await send(client, RaftTransportService.snapshot.path, [chunk({ message: snap })]), removed);
});

test("a fault of the member ends the stream, and is told", async (t) => {
  const b = await startMember(t, "2", {
    handler: {
      receive() {
        throw new TypeError("oops");
      },
    },
  });
  const client = openClient(t, b.address);
  t.like(await send(client, RaftTransportService.messages.path, [batch("1", heartbeat("1", "2"))]), {
    code: status.INTERNAL,
    details: "internal error: oops",
  });
  t.true(b.logged.some((line) => line.includes("TypeError: oops")));
});

test("a member that is not the caller's is refused before anything of it is taken", async (t) => {
  const { handler, told } = await startMember(t, "2");
  const asked: string[] = [];
  const services = new RaftServices({
    resolveAddress: () => "10.0.0.1:2377",
    authorize: (_context, from) => {
      asked.push(from);
      throw permissionDenied(`not ${from}`);
    },
    heardOf: () => t.fail(),
    log: (line) => t.log(line),
  });
  services.setHandler(handler);
  const client = openClient(t, await serve(t, services.transport, services.raft));
  const request = ProcessRaftMessageRequest.encode({ message: heartbeat("1", "2") }).finish();
  for (const [path, parts, from] of [
    [RaftTransportService.messages.path, [batch("1", heartbeat("1", "2"))], "1"],
    [RaftTransportService.snapshot.path, [chunk({ message: snap }), chunk({ data: Buffer.from("x") })], "1"],
    [RaftService.processRaftMessage.path, [request], "1"],
    [RaftService.streamRaftMessage.path, [request], "1"],
    [RaftService.resolveAddress.path, [ResolveAddressRequest.encode({ raftId: "1" }).finish()], "0"],
  ] as const) {
    t.like(await send(client, path, parts), { code: status.PERMISSION_DENIED, details: `not ${from}` }, path);
    t.is(asked.pop(), from);
  }
  t.deepEqual(told.received, []);
});

test("a stream is one member's: whoever goes on as another is looked at again", async (t) => {
  const { handler, told } = await startMember(t, "2");
  const services = new RaftServices({
    resolveAddress: () => undefined,
    authorize: (_context, from) => {
      if (from !== "1") throw permissionDenied(`not ${from}`);
    },
    log: (line) => t.log(line),
  });
  services.setHandler(handler);
  const client = openClient(t, await serve(t, services.transport));
  const parts = [batch("1", heartbeat("1", "2")), batch("1", heartbeat("1", "2")), batch("3", heartbeat("3", "2"))];
  t.like(await send(client, RaftTransportService.messages.path, parts), { details: "not 3" });
  t.is(told.received.length, 2);
});

const MEMBERS = [
  { raftId: "1", nodeId: "n1" },
  { raftId: "2", nodeId: "n2" },
];

for (const [title, caller, from, expected] of [
  ["its own", { nodeId: "n1", role: NodeRole.MANAGER }, "1", undefined],
  ["another's", { nodeId: "n1", role: NodeRole.MANAGER }, "2", /node n1 does not speak for member 2/],
  ["one that is not known here", { nodeId: "n3", role: NodeRole.MANAGER }, "3", undefined],
  ["its own, which it is no more", { nodeId: "n1", role: NodeRole.WORKER }, "1", /not part of OUs: \[swarm-manager\]/],
  ["its own, by way of another", { nodeId: "n1", role: NodeRole.MANAGER, forwardedBy: "n2" }, "1", /not part of OUs/],
] as const) {
  test(`a node speaks for ${title}: ${expected ? "refused" : "taken"}`, (t) => {
    const callers = { identify: () => ({ ...caller, peer: "" }), origin: () => t.fail() as never };
    const authorize = membersOfTheirNodes(callers, () => MEMBERS);
    const context = { path: "/x", metadata: new Metadata(), peer: "" };
    if (expected) t.throws(() => authorize(context, from), { message: expected });
    else t.notThrows(() => authorize(context, from));
  });
}
