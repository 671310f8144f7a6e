/** Messages as the core makes them, and at random. */
import fc from "fast-check";
import { type Entry, type Message, MessageType } from "../../../src/api/generated/raftpb/raft.js";

export function message(fields: Partial<Message>): Message {
  return {
    type: MessageType.MsgHup,
    to: "0",
    from: "0",
    term: 0,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    vote: "0",
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: Buffer.alloc(0),
    responses: [],
    ...fields,
  };
}

export function app(from: string, to: string, index: number, data = Buffer.alloc(0)): Message {
  const entries = data.length > 0 ? [{ Term: 1, Index: index, Type: 0, Data: data }] : [];
  return message({ type: MessageType.MsgApp, from, to, term: 1, index, entries });
}

export function heartbeat(from: string, to: string, fields: Partial<Message> = {}): Message {
  return message({ type: MessageType.MsgHeartbeat, from, to, term: 1, ...fields });
}

const number = fc.oneof(fc.nat(200), fc.maxSafeNat());
export const memberId = fc.oneof(
  fc.constant("0"),
  fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }).map(String),
  fc.nat(300).map(String),
);
const bytes = fc.uint8Array({ maxLength: 300 }).map((content) => Buffer.from(content));

const entry: fc.Arbitrary<Entry> = fc.record({
  Term: number,
  Index: number,
  Type: fc.constantFrom(0, 1, 2),
  Data: bytes,
});

const snapshot = fc.record({
  data: bytes,
  metadata: fc.record({ confState: fc.constant(undefined), index: number, term: number }),
});

export const anyMessage: fc.Arbitrary<Message> = fc
  .record({
    type: fc.constantFrom(3, 4, 5, 7, 8, 9, 14, 17, 23),
    to: memberId,
    from: memberId,
    term: number,
    logTerm: number,
    index: number,
    entries: fc.array(entry, { maxLength: 4 }),
    commit: number,
    vote: memberId,
    snapshot: fc.option(snapshot, { nil: undefined, freq: 8 }),
    reject: fc.boolean(),
    rejectHint: number,
    context: bytes,
  })
  .map((fields) => message(fields));
