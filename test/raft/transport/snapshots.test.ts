import test from "ava";
import { type Message, MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { snapshotPieces } from "../../../src/raft/transport/snapshot-pieces.js";
import { type MemberOptions, startMember, until } from "./members.js";
import { heartbeat, message } from "./messages.js";

const MIB = 1 << 20;
const METADATA = {
  confState: { voters: ["1", "2"], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  index: 70,
  term: 3,
};

function snapshotMessage(from: string, to: string, fields: Partial<Message> = {}): Message {
  const asked = { data: Buffer.alloc(0), metadata: { confState: undefined, index: 50, term: 3 } };
  return message({ type: MessageType.MsgSnap, from, to, term: 4, snapshot: asked, ...fields });
}

/** A snapshot that counts what was read of it. */
function source(sizeBytes: number, chunkBytes = 128 << 10) {
  const counted = { read: 0, isClosed: false };
  async function* chunks() {
    try {
      for (let at = 0; at < sizeBytes; at += chunkBytes) {
        const chunk = Buffer.alloc(Math.min(chunkBytes, sizeBytes - at), at / chunkBytes);
        counted.read += chunk.length;
        yield chunk;
      }
    } finally {
      counted.isClosed = true;
    }
  }
  return { counted, open: () => ({ metadata: METADATA, chunks: chunks() }) };
}

/** Keeps what comes in. @param each awaited after each chunk */
function sink(each: (bytes: number) => Promise<void> = async () => {}) {
  const taken = { messages: [] as Message[], bytes: 0, whole: 0, broken: [] as string[], first: Buffer.alloc(0) };
  const handler: MemberOptions["handler"] = {
    async receiveSnapshot(received, chunks) {
      taken.messages.push(received);
      try {
        for await (const chunk of chunks) {
          if (taken.bytes === 0) taken.first = Buffer.from(chunk);
          taken.bytes += chunk.length;
          await each(taken.bytes);
        }
        taken.whole++;
      } catch (error) {
        taken.broken.push((error as Error).message);
        throw error;
      }
    },
  };
  return { taken, handler };
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
};

test("50 MB go to a slow receiver with little of it in memory at any moment; messages go beside it", async (t) => {
  const from = source(50 * MIB);
  let ahead = 0;
  const to = sink(async (bytes) => {
    await turns(10);
    ahead = Math.max(ahead, from.counted.read - bytes);
  });
  const a = await startMember(t, "1", { handler: { openSnapshot: from.open } });
  const b = await startMember(t, "2", { handler: to.handler });
  a.transport.setPeer("2", b.address);
  a.transport.send([snapshotMessage("1", "2")]);
  await until(() => to.taken.bytes > 0);
  const before = b.told.received.length;
  await until(
    () => b.told.received.length > before,
    () => a.transport.send([heartbeat("1", "2")]),
  );
  t.true(to.taken.bytes < 50 * MIB, "the snapshot is still on its way");
  await until(() => a.told.snapshots.length > 0);
  t.deepEqual(a.told.snapshots, [{ id: "2", delivered: true }]);
  t.is(to.taken.bytes, 50 * MIB);
  t.is(to.taken.whole, 1);
  t.true(ahead < 8 * MIB, `${ahead} bytes were on the way`);
  t.true(from.counted.isClosed);
  const expected = snapshotMessage("1", "2", { snapshot: { data: Buffer.alloc(0), metadata: METADATA } });
  t.deepEqual(to.taken.messages, [expected], "the metadata is that of the snapshot which was sent");
});

test("a snapshot without any data, and one of a single byte", async (t) => {
  for (const size of [0, 1]) {
    const to = sink();
    const a = await startMember(t, "1", { handler: { openSnapshot: source(size).open } });
    const b = await startMember(t, "2", { handler: to.handler });
    a.transport.setPeer("2", b.address);
    a.transport.send([snapshotMessage("1", "2")]);
    await until(() => a.told.snapshots.length > 0);
    t.deepEqual([a.told.snapshots, to.taken.bytes], [[{ id: "2", delivered: true }], size]);
  }
});

test("a snapshot that breaks off: the receiver throws it away, the sender is told", async (t) => {
  const to = sink();
  const b = await startMember(t, "2", { handler: to.handler });
  async function* broken() {
    yield Buffer.alloc(MIB);
    throw new Error("the disk is gone");
  }
  const a = await startMember(t, "1", {
    handler: { openSnapshot: () => ({ metadata: METADATA, chunks: broken() }) },
  });
  a.transport.setPeer("2", b.address);
  a.transport.send([snapshotMessage("1", "2")]);
  await until(() => a.told.snapshots.length > 0 && to.taken.broken.length > 0);
  t.deepEqual(a.told.snapshots, [{ id: "2", delivered: false }]);
  t.is(to.taken.whole, 0);
  t.regex(to.taken.broken[0]!, /the sender of the snapshot went away: the client went away/);
  t.true(a.logged.some((line) => line.includes("the disk is gone")));
});

test("a receiver that dies in the middle, or that refuses", async (t) => {
  const refusals: MemberOptions["handler"][] = [
    { receiveSnapshot: async () => Promise.reject(new Error("no space left")) },
    {
      async receiveSnapshot(_message, chunks) {
        for await (const _ of chunks) throw new Error("no space left");
      },
    },
  ];
  for (const handler of refusals) {
    const from = source(10 * MIB);
    const a = await startMember(t, "1", { handler: { openSnapshot: from.open } });
    const b = await startMember(t, "2", { handler });
    a.transport.setPeer("2", b.address);
    a.transport.send([snapshotMessage("1", "2")]);
    await until(() => a.told.snapshots.length > 0);
    t.deepEqual(a.told.snapshots, [{ id: "2", delivered: false }]);
    t.true(from.counted.isClosed);
    t.true(a.logged.some((line) => line.includes("the snapshot was not taken: no space left")));
  }

  const from = source(50 * MIB);
  const to = sink(async () => {
    b.stopServer();
  });
  const a = await startMember(t, "1", { handler: { openSnapshot: from.open } });
  const b = await startMember(t, "2", { handler: to.handler });
  a.transport.setPeer("2", b.address);
  a.transport.send([snapshotMessage("1", "2")]);
  await until(() => a.told.snapshots.length > 0 && to.taken.broken.length > 0);
  t.deepEqual(a.told.snapshots, [{ id: "2", delivered: false }]);
  t.true(from.counted.isClosed && from.counted.read < 50 * MIB);
});

test("a receiver that has what is sent already ends it at once, and well", async (t) => {
  const from = source(50 * MIB);
  const a = await startMember(t, "1", { handler: { openSnapshot: from.open } });
  const b = await startMember(t, "2", { handler: { receiveSnapshot: async () => {} } });
  a.transport.setPeer("2", b.address);
  a.transport.send([snapshotMessage("1", "2")]);
  await until(() => a.told.snapshots.length > 0);
  t.deepEqual(a.told.snapshots, [{ id: "2", delivered: true }]);
  t.true(from.counted.isClosed && from.counted.read < 20 * MIB, `${from.counted.read} bytes were read`);
});

test("a receiver that stops taking: the sender gives up", async (t) => {
  const to = sink(() => new Promise(() => {}));
  const a = await startMember(t, "1", {
    handler: { openSnapshot: source(50 * MIB).open },
    limits: { snapshotStallMs: 100 },
  });
  const b = await startMember(t, "2", { handler: to.handler });
  a.transport.setPeer("2", b.address);
  a.transport.send([snapshotMessage("1", "2")]);
  await until(() => a.told.snapshots.length > 0);
  t.deepEqual(a.told.snapshots, [{ id: "2", delivered: false }]);
  t.true(a.logged.some((line) => line.includes("nothing moved for 100 ms")));
});

test("without a snapshot, or to a host that is away, the core is told so", async (t) => {
  const a = await startMember(t, "1");
  const b = await startMember(t, "2");
  a.transport.setPeer("2", b.address);
  a.transport.send([snapshotMessage("1", "2")]);
  await until(() => a.told.snapshots.length > 0);
  const c = await startMember(t, "3", { handler: { openSnapshot: source(MIB).open } });
  b.stopServer();
  c.transport.setPeer("2", b.address);
  c.transport.send([snapshotMessage("3", "2")]);
  await until(() => c.told.snapshots.length > 0);
  t.deepEqual(
    [...a.told.snapshots, ...c.told.snapshots],
    [
      { id: "2", delivered: false },
      { id: "2", delivered: false },
    ],
  );
});

test("one snapshot at a time to each peer, two in all; a newer term takes the place of an older", async (t) => {
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let opened = 0;
  const a = await startMember(t, "1", {
    handler: {
      openSnapshot() {
        opened++;
        return source(4 * MIB).open();
      },
    },
  });
  const sinks = new Map<string, ReturnType<typeof sink>>();
  for (const id of ["2", "3", "4"]) {
    const to = sink(() => gate);
    sinks.set(id, to);
    const member = await startMember(t, id, { handler: to.handler });
    a.transport.setPeer(id, member.address);
  }
  const begun = () => [...sinks].filter(([, { taken }]) => taken.bytes > 0).map(([id]) => id);
  a.transport.send([snapshotMessage("1", "2"), snapshotMessage("1", "3"), snapshotMessage("1", "4")]);
  await until(() => begun().length === 2);
  a.transport.send([snapshotMessage("1", "2"), snapshotMessage("1", "4")]);
  await turns(100);
  t.deepEqual(begun(), ["2", "3"]);
  t.is(opened, 2);
  a.transport.send([snapshotMessage("1", "3", { term: 5 })]);
  await until(() => begun().includes("4"));
  open();
  await until(() => a.told.snapshots.length === 3);
  t.deepEqual(a.told.snapshots.map(({ id, delivered }) => `${id} ${delivered}`).sort(), ["2 true", "3 true", "4 true"]);
  t.deepEqual(
    sinks.get("3")!.taken.messages.map(({ term }) => term),
    [4, 5],
  );
  t.deepEqual(
    sinks.get("2")!.taken.messages.map(({ term }) => term),
    [4],
  );
});

test("a peer that moves while a snapshot waits or is under way: the core is told that it did not arrive", async (t) => {
  const to = sink(() => new Promise(() => {}));
  const a = await startMember(t, "1", { handler: { openSnapshot: source(50 * MIB).open }, limits: { snapshots: 1 } });
  const b = await startMember(t, "2", { handler: to.handler });
  const c = await startMember(t, "3", { handler: sink().handler });
  a.transport.setPeer("2", b.address);
  a.transport.setPeer("3", c.address);
  a.transport.send([snapshotMessage("1", "2"), snapshotMessage("1", "3")]);
  await until(() => to.taken.bytes > 0);
  a.transport.setPeer("3", b.address);
  a.transport.setPeer("2", c.address);
  t.deepEqual(a.told.snapshots, [], "never from within a call");
  await until(() => a.told.snapshots.length === 2);
  t.deepEqual(a.told.snapshots.map(({ id, delivered }) => `${id} ${delivered}`).sort(), ["2 false", "3 false"]);
});

test("pieces are the chunks, cut anew", async (t) => {
  async function* chunks() {
    for (const size of [0, 3, 1, 12, 0, 5, 2]) yield Buffer.alloc(size, size);
  }
  const sizes: number[] = [];
  const all: Uint8Array[] = [];
  for await (const parts of snapshotPieces(chunks(), 5)) {
    sizes.push(Buffer.concat(parts).length);
    all.push(...parts);
  }
  t.deepEqual(sizes, [5, 5, 5, 5, 3]);
  const expected: Uint8Array[] = [];
  for await (const chunk of chunks()) expected.push(chunk);
  t.deepEqual(Buffer.concat(all), Buffer.concat(expected));
});
