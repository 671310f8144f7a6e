import test from "ava";
import fc from "fast-check";
import { Entry } from "../../../src/api/generated/raftpb/raft.js";
import { ByteReader, entryBytes, readEntry, writeEntry } from "../../../src/raft/wal/entry-codec.js";

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const anyEntry = fc
  .record({
    Term: number,
    Index: number,
    Type: fc.integer({ min: 0, max: 2 }),
    Data: fc.uint8Array({ maxLength: 400 }),
  })
  .map((entry) => ({ ...entry, Data: Buffer.from(entry.Data) }));

test("the bytes are those of the generated code, and so are the entries that are read", (t) => {
  fc.assert(
    fc.property(anyEntry, fc.nat(20), (entry, offset) => {
      const expected = Entry.encode(entry).finish();
      t.is(entryBytes(entry), expected.length);
      const target = Buffer.alloc(offset + expected.length);
      t.is(writeEntry(target, offset, entry), target.length);
      t.deepEqual(target.subarray(offset), Buffer.from(expected));
      t.deepEqual(readEntry(new ByteReader(target, offset)), entry);
    }),
  );
});

test("bytes that are no entry are refused, never read past their end", (t) => {
  fc.assert(
    fc.property(anyEntry, fc.nat(), fc.integer({ min: 0, max: 255 }), (entry, at, byte) => {
      const bytes = Buffer.from(Entry.encode(entry).finish());
      if (bytes.length === 0) return;
      bytes[at % bytes.length] = byte;
      try {
        readEntry(new ByteReader(bytes));
      } catch (error) {
        t.true(error instanceof RangeError);
      }
    }),
  );
  t.throws(() => readEntry(new ByteReader(Buffer.from([0x22, 5, 1]))), { instanceOf: RangeError });
  t.throws(() => readEntry(new ByteReader(Buffer.alloc(12, 0xff))), { instanceOf: RangeError });
});
