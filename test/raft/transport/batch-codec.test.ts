import { BinaryWriter } from "@bufbuild/protobuf/wire";
import test from "ava";
import fc from "fast-check";
import { Message } from "../../../src/api/generated/raftpb/raft.js";
import { RaftBatch } from "../../../src/api/generated/tswarm/v1/raft.js";
import { readBatch } from "../../../src/raft/transport/batch-reader.js";
import { batchHead, messageBytes, writeBatch } from "../../../src/raft/transport/batch-writer.js";
import { anyMessage, memberId } from "./messages.js";

const address = fc.constantFrom("", "10.0.0.1:4242", "[fe80::1]:2377");
const write = (from: string, at: string, messages: readonly Message[]) =>
  writeBatch(batchHead(from, at), messages, messages.map(messageBytes));

test("a batch has the bytes that the generated code gives it", (t) => {
  fc.assert(
    fc.property(
      memberId.filter((id) => id !== "0"),
      address,
      fc.array(anyMessage, { maxLength: 5 }),
      (from, at, all) => {
        const expected = Buffer.from(RaftBatch.encode({ from, address: at, messages: all }).finish());
        t.deepEqual(write(from, at, all), expected);
        t.deepEqual(
          all.map(messageBytes),
          all.map((one) => Message.encode(one).finish().length),
        );
      },
    ),
  );
});

test("a batch that was written is read again", (t) => {
  fc.assert(
    fc.property(
      memberId.filter((id) => id !== "0"),
      address,
      fc.array(anyMessage, { maxLength: 5 }),
      (from, at, messages) => {
        t.deepEqual(readBatch(write(from, at, messages)), { from, address: at, messages });
      },
    ),
  );
});

test("fields of later versions are skipped, at every level", (t) => {
  const later = (writer: BinaryWriter): BinaryWriter =>
    writer
      .uint32((30 << 3) | 2)
      .bytes(Buffer.from("new"))
      .uint32((31 << 3) | 0)
      .uint64("18446744073709551615")
      .uint32((32 << 3) | 5)
      .fixed32(7)
      .uint32((33 << 3) | 1)
      .fixed64(7);
  const entry = later(new BinaryWriter().uint32(16).uint64(3)).finish();
  const message = later(new BinaryWriter().uint32(8).int32(3).uint32(58).bytes(entry)).finish();
  const batch = later(new BinaryWriter().uint32(8).uint64(9).uint32(26).bytes(message)).finish();
  const { from, messages } = readBatch(Buffer.from(batch));
  t.is(from, "9");
  t.is(messages[0]?.type, 3);
  t.deepEqual(messages[0]?.entries, [{ Term: 3, Index: 0, Type: 0, Data: Buffer.alloc(0) }]);
});

test("bytes that are no batch are refused with a RangeError or an Error, or read; nothing else happens", (t) => {
  const mutation = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.nat(20) });
  fc.assert(
    fc.property(
      fc.array(anyMessage, { minLength: 1, maxLength: 3 }),
      fc.array(mutation, { minLength: 1 }),
      (all, mutations) => {
        let bytes = write("7", "10.0.0.1:4242", all);
        for (const { at, byte, cut } of mutations) {
          if (bytes.length > 0) bytes[at % bytes.length] = byte;
          if (cut === 0) bytes = bytes.subarray(0, at % (bytes.length + 1));
        }
        try {
          const { messages } = readBatch(bytes);
          for (const { entries } of messages) for (const { Data } of entries) t.true(Data.length <= bytes.length);
        } catch (error) {
          t.true(error instanceof Error);
        }
      },
    ),
  );
});

test("an entry's data is a view of what came, not a copy", (t) => {
  const bytes = write("7", "", [
    { ...Message.create(), from: "7", entries: [{ Term: 1, Index: 1, Type: 0, Data: Buffer.from("content") }] },
  ]);
  const data = readBatch(bytes).messages[0]?.entries[0]?.Data;
  bytes.write("CONTENT", bytes.indexOf("content"));
  t.is(String(data), "CONTENT");
});
