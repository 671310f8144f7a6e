import test from "ava";
import { MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { DEFAULT_LIMITS } from "../../../src/raft/transport/limits.js";
import { Outbox } from "../../../src/raft/transport/outbox.js";
import { app, heartbeat, message } from "./messages.js";

const limits = { ...DEFAULT_LIMITS, queueMessages: 10, queueBytes: 1000, urgentMessages: 4 };
const EVERYTHING = Number.MAX_SAFE_INTEGER;
const types = (outbox: Outbox, maxBytes = EVERYTHING) => outbox.take(maxBytes).messages.map(({ type }) => type);

const URGENT = [
  MessageType.MsgVote,
  MessageType.MsgVoteResp,
  MessageType.MsgPreVote,
  MessageType.MsgPreVoteResp,
  MessageType.MsgTimeoutNow,
  MessageType.MsgHeartbeat,
  MessageType.MsgHeartbeatResp,
];

for (const type of URGENT) {
  test(`${MessageType[type]} goes ahead of entries that wait`, (t) => {
    const outbox = new Outbox(limits);
    outbox.push(app("1", "2", 1));
    outbox.push(message({ type, term: 1 }));
    t.deepEqual(types(outbox), [type, MessageType.MsgApp]);
  });
}

test("entries and their answers keep their order", (t) => {
  const outbox = new Outbox(limits);
  for (let index = 1; index <= 10; index++) t.true(outbox.push(app("1", "2", index)));
  const seen: number[] = [];
  while (outbox.messages > 0) seen.push(...outbox.take(25).messages.map(({ index }) => index));
  t.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  t.is(outbox.bytes, 0);
});

test("a batch ends before the message that is too much, but has one at least", (t) => {
  const outbox = new Outbox(limits);
  for (let index = 1; index <= 3; index++) outbox.push(app("1", "2", index, Buffer.alloc(100)));
  const [size] = new Outbox(limits).push(app("1", "2", 1, Buffer.alloc(100))) ? [outbox.bytes / 3] : [0];
  t.is(outbox.take(2 * size).messages.length, 2);
  t.is(outbox.take(1).messages.length, 1);
  t.is(outbox.take(1).messages.length, 0);
});

test("what is beyond the limits is dropped and counted; what is urgent has limits of its own", (t) => {
  const outbox = new Outbox(limits);
  for (let index = 1; index <= 10; index++) t.true(outbox.push(app("1", "2", index)));
  t.false(outbox.push(app("1", "2", 11)));
  for (let term = 1; term <= 4; term++) t.true(outbox.push(message({ type: MessageType.MsgVote, term })));
  t.false(outbox.push(message({ type: MessageType.MsgVote, term: 5 })));
  t.is(outbox.messages, 14);
  t.is(outbox.dropped, 2);
  outbox.clear();
  t.deepEqual([outbox.messages, outbox.bytes, outbox.dropped], [0, 0, 16]);
  t.false(outbox.push(app("1", "2", 1, Buffer.alloc(1000))));
  t.true(outbox.push(app("1", "2", 1, Buffer.alloc(900))));
  t.false(outbox.push(app("1", "2", 2, Buffer.alloc(900))));
});

const REPLACED = [
  { title: "of the same term", older: {}, newer: {}, left: 1 },
  {
    title: "that carries a read further",
    older: { context: Buffer.from("a") },
    newer: { context: Buffer.from("a") },
    left: 1,
  },
  { title: "when a read begins", older: {}, newer: { context: Buffer.from("a") }, left: 1 },
  { title: "while a read waits for the older one", older: { context: Buffer.from("a") }, newer: {}, left: 2 },
  { title: "of another read", older: { context: Buffer.from("a") }, newer: { context: Buffer.from("b") }, left: 2 },
  { title: "of another term", older: {}, newer: { term: 2 }, left: 2 },
];

for (const { title, older, newer, left } of REPLACED) {
  test(`a heartbeat ${title} ${left === 1 ? "takes the older one's place" : "stands beside it"}`, (t) => {
    for (const type of [MessageType.MsgHeartbeat, MessageType.MsgHeartbeatResp]) {
      const outbox = new Outbox(limits);
      outbox.push(heartbeat("1", "2", { type, commit: 1, ...older }));
      outbox.push(message({ type: MessageType.MsgVote, term: 1 }));
      outbox.push(heartbeat("1", "2", { type, commit: 2, ...newer }));
      const { messages, sizes } = outbox.take(EVERYTHING);
      const beats = messages.filter((one) => one.type === type);
      t.is(beats.length, left);
      t.is(beats.at(-1)?.commit, 2);
      t.is(sizes.length, messages.length);
      t.is(outbox.bytes, 0);
    }
  });
}
