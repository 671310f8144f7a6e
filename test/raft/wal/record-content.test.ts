import test from "ava";
import fc from "fast-check";
import { decodeContent, encodeContent, laterKept, type RecordContent } from "../../../src/raft/wal/record-content.js";
import { entry, hardState, snapshotAt } from "../storage/log-contents.js";

const optional = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });
const position = fc.record({ index: fc.maxSafeNat(), term: fc.maxSafeNat() });
const content: fc.Arbitrary<RecordContent> = fc.record({
  restart: optional(fc.nat(1000).map((index) => snapshotAt(index + 1, 2))),
  entries: fc.array(
    fc.nat(100_000).map((index) => entry(index + 1, 3)),
    { maxLength: 20 },
  ),
  hardState: optional(fc.nat(50).map((term) => hardState(term, 7, "9223372036854775807"))),
  identity: optional(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
  kept: optional(fc.record({ snapshot: position, firstSequence: fc.maxSafeNat() })),
  mark: optional(fc.constantFrom("continued" as const, "closed" as const)),
});

test("what a record holds comes back", (t) => {
  fc.assert(
    fc.property(content, (some) => {
      const found = decodeContent(encodeContent(some));
      t.deepEqual({ ...found }, Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined)));
    }),
  );
});

test("bytes that are no content are refused", (t) => {
  t.throws(() => decodeContent(Buffer.from([99, 0])), { instanceOf: RangeError });
  t.throws(() => decodeContent(Buffer.from([1, 200, 1, 0])), { instanceOf: RangeError });
});

test("what is kept never goes back", (t) => {
  const old = { snapshot: { index: 5, term: 1 }, firstSequence: 9 };
  const later = { snapshot: { index: 8, term: 2 }, firstSequence: 4 };
  t.deepEqual(laterKept(old, later), { snapshot: { index: 8, term: 2 }, firstSequence: 9 });
  t.deepEqual(laterKept(later, old), laterKept(old, later));
});
