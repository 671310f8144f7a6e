import { createServer, type Socket } from "node:net";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import test from "ava";
import { MessageType } from "../../../src/api/generated/raftpb/raft.js";
import {
  type RaftBatch,
  type RaftBatchReceipt,
  RaftTransportService,
} from "../../../src/api/generated/tswarm/v1/raft.js";
import { selfSignedCertificate } from "../../../src/security/pki/self-signed.js";
import { serverCredentials, trustingCredentials } from "../../../src/security/transport.js";
import { isConnected, serve, startMember, until } from "./members.js";
import { app, heartbeat } from "./messages.js";

test("messages arrive in order, over TLS, and say where their sender is", async (t) => {
  const subject = {
    organization: "c",
    organizationalUnit: "swarm-manager",
    commonName: "a".repeat(25),
    dnsNames: ["swarm-manager"],
  };
  const credentials = {
    server: serverCredentials(selfSignedCertificate(subject, Date.now())),
    channel: trustingCredentials(),
  };
  const a = await startMember(t, "1", { credentials });
  const b = await startMember(t, "18446744073709551615", { credentials });
  a.transport.setPeer(b.id, b.address);
  const data = Buffer.from("entry");
  for (let index = 1; index <= 1000; index++) a.transport.send([app("1", b.id, index, data)]);
  await until(() => b.told.received.length === 1000);
  t.deepEqual(
    b.told.received.map(({ index }) => index),
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
  t.deepEqual(b.told.received[999], app("1", b.id, 1000, data));
  t.deepEqual([...b.told.addresses], [a.address]);
  t.like(a.transport.peers()[0], {
    id: b.id,
    address: b.address,
    connected: true,
    queuedMessages: 0,
    queuedBytes: 0,
    droppedMessages: 0,
    protocol: "stream",
  });
  t.deepEqual([...a.logged, ...b.logged], []);
});

test("messages to members that are not known are dropped; those of members that are not known are delivered", async (t) => {
  const a = await startMember(t, "1");
  const b = await startMember(t, "2");
  a.transport.setPeer("2", b.address);
  a.transport.send([heartbeat("1", "3"), heartbeat("1", "2")]);
  await until(() => b.told.received.length > 0);
  t.deepEqual(b.told.received, [heartbeat("1", "2")]);
  t.deepEqual(b.transport.peers(), []);
});

test("a peer that is away is reported, and gets messages when it is back, here or elsewhere", async (t) => {
  const a = await startMember(t, "1");
  const b = await startMember(t, "2");
  a.transport.setPeer("2", b.address);
  const say = () => a.transport.send([heartbeat("1", "2")]);
  await until(() => b.told.received.length > 0, say);

  b.stopServer();
  await until(() => a.told.unreachable.length > 0 && !isConnected(a, "2"), say);
  b.told.received.length = 0;
  await b.startServer();
  await until(() => b.told.received.length > 0, say);

  b.stopServer();
  const moved = await startMember(t, "2");
  a.transport.setPeer("2", moved.address);
  await until(() => moved.told.received.length > 0, say);
  t.like(a.transport.peers(), [{ id: "2", address: moved.address, connected: true }]);
  // One line when it broke, not one for every try.
  t.is(a.logged.filter((line) => line.includes(`member 2 at ${b.address} broke`)).length, 2);
  t.true(a.told.unreachable.every((id) => id === "2"));
});

test("what is queued for a dead peer stays bounded, is dropped and counted, and nobody else waits", async (t) => {
  const limits = { queueMessages: 100, queueBytes: 50_000, reportIntervalMs: 1_000_000 };
  const a = await startMember(t, "1", { limits });
  const alive = await startMember(t, "2");
  const nobody = await startMember(t, "3");
  nobody.stopServer();
  a.transport.setPeer("2", alive.address);
  a.transport.setPeer("3", nobody.address);
  const data = Buffer.alloc(1000);
  let index = 0;
  await until(
    () => alive.told.received.length > 500,
    () => {
      for (let i = 0; i < 50; i++) {
        index++;
        a.transport.send([app("1", "2", index, data), app("1", "3", index, data)]);
      }
      const dead = a.transport.peers().find(({ id }) => id === "3");
      t.true(dead!.queuedBytes <= limits.queueBytes && dead!.queuedMessages <= limits.queueMessages);
    },
  );
  const dead = a.transport.peers().find(({ id }) => id === "3");
  t.true(dead!.droppedMessages > 0);
  t.is(a.told.unreachable.filter((id) => id === "3").length, 1, "reported once in the interval");
});

/** A peer that greets and reads only when it is told to. */
async function startReader(t: Parameters<typeof serve>[0]) {
  const received: { type: MessageType; index: number }[] = [];
  let stream: ServerDuplexStream<RaftBatch, RaftBatchReceipt> | undefined;
  const address = await serve(t, {
    definition: RaftTransportService,
    implementation: {
      messages(call: ServerDuplexStream<RaftBatch, RaftBatchReceipt>) {
        stream = call;
        call.write({ batches: 0 });
      },
      snapshot: () => {},
    },
  });
  const read = () =>
    stream?.on("data", (batch: RaftBatch) => {
      received.push(...batch.messages.map(({ type, index }) => ({ type, index })));
    });
  return { address, received, read };
}

test("a peer that does not read holds only its queue, and heartbeats do not wait behind it", async (t) => {
  const patience = { receiptTimeoutMs: 1_000_000 };
  const limits = { queueBytes: 4 << 20, batchBytes: 64 << 10, ...patience };
  const a = await startMember(t, "1", { limits });
  const { address, received, read } = await startReader(t);
  const other = await startMember(t, "3");
  a.transport.setPeer("2", address);
  a.transport.setPeer("3", other.address);
  await until(() => isConnected(a, "2") && isConnected(a, "3"));
  const data = Buffer.alloc(32 << 10);
  let index = 0;
  await until(
    () => a.transport.peers()[0]!.droppedMessages > 0,
    () => {
      index++;
      a.transport.send([app("1", "2", index, data)]);
    },
  );
  const { queuedMessages, queuedBytes } = a.transport.peers()[0]!;
  t.true(queuedBytes <= limits.queueBytes);
  t.true(a.told.unreachable.includes("2"));

  a.transport.send([heartbeat("1", "2", { commit: 1 })]);
  a.transport.send([heartbeat("1", "2", { commit: 2 })]);
  t.is(a.transport.peers()[0]!.queuedMessages, queuedMessages + 1, "the newer heartbeat replaced the older one");
  a.transport.send([heartbeat("1", "3")]);
  await until(() => other.told.received.length > 0);

  read();
  const apps = () => received.filter(({ type }) => type === MessageType.MsgApp);
  await until(() => a.transport.peers()[0]!.queuedMessages === 0 && apps().at(-1)?.index === index - 1);
  const at = received.findIndex(({ type }) => type === MessageType.MsgHeartbeat);
  t.is(received.filter(({ type }) => type === MessageType.MsgHeartbeat).length, 1);
  t.is(received.length - at - 1, queuedMessages, "all that was queued came after it");
  t.deepEqual(
    apps().map((one) => one.index),
    Array.from({ length: index - 1 }, (_, i) => i + 1),
  );
});

test("a peer that takes batches and says nothing is dialled again", async (t) => {
  const a = await startMember(t, "1", { limits: { receiptTimeoutMs: 50 } });
  let streams = 0;
  const address = await serve(t, {
    definition: RaftTransportService,
    implementation: {
      messages(call: ServerDuplexStream<RaftBatch, RaftBatchReceipt>) {
        streams++;
        call.resume();
        call.write({ batches: 0 });
      },
      snapshot: () => {},
    },
  });
  a.transport.setPeer("2", address);
  await until(
    () => streams >= 3,
    () => a.transport.send([heartbeat("1", "2")]),
  );
  t.true(a.told.unreachable.includes("2"));
  t.true(a.logged.some((line) => line.includes("no receipt within 50 ms")));
});

test("a host that takes the connection and never answers is tried again", async (t) => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.resume().on("error", () => socket.destroy())));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const a = await startMember(t, "1", { limits: { connectTimeoutMs: 50 } });
  a.transport.setPeer("2", `127.0.0.1:${port}`);
  await until(() => sockets.length >= 3 && a.told.unreachable.length > 0);
  t.true(a.logged.some((line) => line.includes("no greeting within 50 ms")));
  await until(() => sockets.slice(0, 2).every(({ destroyed }) => destroyed));
  t.pass("old connections are closed");
});

test("a removed member is told so, on its stream and when it is itself being removed", async (t) => {
  const removed = new Set<string>();
  const a = await startMember(t, "1");
  const b = await startMember(t, "2", { handler: { isRemoved: (id) => removed.has(id) } });
  a.transport.setPeer("2", b.address);
  await until(() => isConnected(a, "2"));
  removed.add("1");
  await until(
    () => a.told.removedBy.includes("2"),
    () => a.transport.send([heartbeat("1", "2")]),
  );
  t.deepEqual(b.told.received, []);
});

test("what is queued for a peer that is removed still goes out", async (t) => {
  const a = await startMember(t, "1", { limits: { drainMs: 1_000_000 } });
  const b = await startMember(t, "2");
  a.transport.setPeer("2", b.address);
  await until(() => isConnected(a, "2"));
  const last = Array.from({ length: 100 }, (_, i) => app("1", "2", i + 1, Buffer.alloc(10_000)));
  a.transport.send(last);
  a.transport.removePeer("2");
  a.transport.send([app("1", "2", 101)]);
  t.deepEqual(a.transport.peers(), []);
  await until(() => b.told.received.length >= 100);
  await a.transport.stop();
  t.is(b.told.received.length, 100, "what comes after the removal is dropped");
});

test("a member that does not run yet answers UNAVAILABLE, and gets messages once it does; one that stops ends its streams", async (t) => {
  const a = await startMember(t, "1");
  const b = await startMember(t, "2", { isNotRunning: true });
  a.transport.setPeer("2", b.address);
  await until(() => a.logged.length > 0);
  t.regex(a.logged[0]!, /member 2 at .* cannot be reached: this manager is not running yet/);
  b.services.setHandler(b.handler);
  const say = () => a.transport.send([heartbeat("1", "2")]);
  await until(() => b.told.received.length > 0, say);
  b.services.setHandler(undefined);
  await until(() => !isConnected(a, "2"), say);
  t.is(a.logged.filter((line) => line.includes("broke: this manager is not running yet")).length, 1);
});

test("a peer that calls here is dialled at once", async (t) => {
  const a = await startMember(t, "1", { limits: { firstPauseMs: 1_000_000, lastPauseMs: 1_000_000 } });
  const b = await startMember(t, "2");
  b.stopServer();
  a.transport.setPeer("2", b.address);
  await until(() => a.told.unreachable.length > 0);
  await b.startServer();
  a.transport.nudge("2");
  await until(
    () => b.told.received.length > 0,
    () => a.transport.send([heartbeat("1", "2")]),
  );
  t.true(isConnected(a, "2"));
});
