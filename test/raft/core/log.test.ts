/** The log, against a list in which each entry knows whether it is durable. */
import test from "ava";
import fc from "fast-check";
import type { Entry, SnapshotMetadata } from "../../../src/api/generated/raftpb/raft.js";
import { entryBytes, totalBytes } from "../../../src/raft/core/entry-bytes.js";
import { RaftLog } from "../../../src/raft/core/log.js";
import { votersState } from "./memory-member.js";

const snapshotAt = (index: number, term: number): SnapshotMetadata => ({ index, term, confState: votersState(["1"]) });
const entry = (index: number, term: number, bytes = 3): Entry => ({
  Index: index,
  Term: term,
  Type: 0,
  Data: Buffer.alloc(bytes),
});
const entries = (first: number, ...terms: number[]): Entry[] => terms.map((term, at) => entry(first + at, term));

type Step =
  | { readonly kind: "append"; readonly count: number; readonly bytes: number }
  | { readonly kind: "truncate" | "commit" | "apply" | "compact" | "restore"; readonly amount: number }
  | { readonly kind: "take" }
  | { readonly kind: "persist" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      count: fc.integer({ min: 1, max: 4 }),
      bytes: fc.nat(20),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("truncate", "commit", "apply", "compact"), amount: fc.nat(5) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restore" as const), amount: fc.nat(5) }) },
  { weight: 6, arbitrary: fc.constantFrom<Step>({ kind: "take" }, { kind: "persist" }) },
);

test("cursors, terms and bytes follow from what was appended, dropped, written and made durable", (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const log = new RaftLog(snapshotAt(0, 0), [], 0, 0);
      let first = 1;
      let model: { readonly entry: Entry; readonly id: number }[] = [];
      // What the disk has, after the writes that have ended; each entry under the number that it was given here.
      let disk = new Map<number, number>();
      const writes: { sequence: number; entries: { index: number; id: number }[]; snapshot: number }[] = [];
      let sequence = 0;
      let term = 1;
      let ids = 0;
      let written = 0;
      let committed = 0;
      let handedOut = 0;
      const last = () => first + model.length - 1;
      for (const one of steps) {
        if (one.kind === "append") {
          const added = Array.from({ length: one.count }, (_, at) => entry(last() + 1 + at, term, one.bytes));
          model.push(...added.map((each) => ({ entry: each, id: ++ids })));
          log.append(added);
        } else if (one.kind === "truncate") {
          const from = Math.max(committed + 1, last() - one.amount);
          term++;
          log.truncate(from);
          model = model.slice(0, Math.max(0, from - first));
          written = Math.min(written, from - 1);
        } else if (one.kind === "commit") {
          committed = Math.min(last(), committed + one.amount);
          log.committed = committed;
        } else if (one.kind === "take") {
          const snapshot = log.takeUnwrittenSnapshot();
          const taken = log.takeUnwritten();
          const expected = model.filter(({ entry: { Index } }) => Index > written);
          if (taken.length !== expected.length || taken.some((each, at) => each !== expected[at]!.entry)) return false;
          written = last();
          sequence++;
          if (taken.length === 0 && snapshot === undefined) continue;
          writes.push({
            sequence,
            entries: expected.map(({ entry: { Index: index }, id }) => ({ index, id })),
            snapshot: snapshot?.index ?? 0,
          });
          log.writes.add({ sequence, provesUpTo: last(), snapshot: snapshot?.index ?? 0, ownVote: 0 });
        } else if (one.kind === "persist") {
          const write = writes.shift();
          if (write === undefined) continue;
          if (write.snapshot > 0) disk = new Map();
          const from = write.entries[0]?.index ?? Number.POSITIVE_INFINITY;
          disk = new Map([...disk].filter(([index]) => index < from));
          for (const { index, id } of write.entries) disk.set(index, id);
          for (const ended of log.writes.takeUpTo(write.sequence)) {
            if (ended.snapshot > 0) {
              log.snapshotPersisted(ended.snapshot);
              if (log.handedOut >= ended.snapshot) log.appliedTo(ended.snapshot);
            }
            log.persistedTo(ended.provesUpTo);
          }
        } else if (one.kind === "apply") {
          const page = log.takeCommitted(one.amount * 10);
          for (const each of page) {
            // In order, each once, committed, and on the disk as it is in the log.
            if (each.Index !== ++handedOut || handedOut > committed) return false;
            if (disk.get(each.Index) !== model[each.Index - first]?.id) return false;
          }
          if (page.length > 1 && totalBytes(page) > one.amount * 10) return false;
          if (handedOut > log.applied) log.appliedTo(handedOut);
        } else if (one.kind === "compact") {
          const { applied } = log;
          if (log.pendingSnapshot !== undefined || applied === 0) continue;
          const keepFrom = applied + 1 - one.amount;
          log.compact(snapshotAt(applied, log.term(applied)!), keepFrom);
          if (keepFrom > first) {
            model = model.slice(keepFrom - first);
            first = keepFrom;
          }
        } else {
          // It may end before the log does: what is behind belongs to nobody.
          const index = committed + one.amount + 1;
          log.restore(snapshotAt(index, ++term));
          model = [];
          first = index + 1;
          written = index;
          committed = index;
          handedOut = index;
        }
        if (log.first !== first || log.last !== last()) return false;
        if (log.bytes !== totalBytes(model.map((each) => each.entry))) return false;
        if (model.some(({ entry: each }) => log.term(each.Index) !== each.Term || !log.has(each.Index, each.Term)))
          return false;
        if (log.term(last() + 1) !== undefined || log.term(first - 2) !== undefined) return false;
        // Nothing counts as durable that the writes under way would still wipe out.
        const settled = [...writes].reduce(
          (at, { entries: [head], snapshot }) => Math.min(at, snapshot > 0 ? 0 : (head?.index ?? at) - 1),
          Number.POSITIVE_INFINITY,
        );
        for (let index = Math.max(first, committed + 1); index <= log.persisted; index++) {
          if (index > settled || disk.get(index) !== model[index - first]!.id) return false;
        }
      }
      return true;
    }),
    { numRuns: 1500 },
  );
  t.pass();
});

test("a page has at least one entry, and no more bytes than allowed", (t) => {
  const log = new RaftLog(snapshotAt(0, 0), entries(1, 1, 1, 2, 2, 3), 0, 0);
  const bytes = entryBytes(entry(1, 1));
  const indexes = (from: number, limit: number) => log.page(from, limit).map(({ Index }) => Index);
  t.deepEqual(indexes(2, 1), [2]);
  t.deepEqual(indexes(2, 2 * bytes), [2, 3]);
  t.is(log.pageBytes, 2 * bytes);
  t.deepEqual(indexes(2, 3 * bytes - 1), [2, 3]);
  t.deepEqual(indexes(2, 1000), [2, 3, 4, 5]);
  // The same page for the next follower: not cut again.
  t.is(log.page(2, 1000), log.page(2, 1000));
  log.append([entry(6, 3)]);
  t.deepEqual(indexes(2, 1000), [2, 3, 4, 5, 6]);
  log.truncate(5);
  log.append(entries(5, 4, 4));
  t.deepEqual(
    log.page(4, 1000).map(({ Term }) => Term),
    [2, 4, 4],
  );
});

test("where two logs may agree is found a term at a time", (t) => {
  const log = new RaftLog(snapshotAt(2, 1), entries(3, 1, 2, 2, 2, 5, 5), 0, 2);
  t.deepEqual(log.agreementBefore(8, 5), { index: 8, term: 5 });
  t.deepEqual(log.agreementBefore(8, 4), { index: 6, term: 2 });
  t.deepEqual(log.agreementBefore(8, 1), { index: 3, term: 1 });
  // Before the log's begin nobody knows.
  t.deepEqual(log.agreementBefore(3, 0), { index: 1, term: 0 });
  t.deepEqual(log.agreementBefore(20, 9), { index: 20, term: 0 });
});

test("what the storage gives is taken as far as it holds together", (t) => {
  const kept = new RaftLog(snapshotAt(4, 2), entries(3, 1, 2, 2), 5, 4);
  t.like(kept, { first: 3, last: 5, committed: 5, applied: 4, persisted: 5 });
  t.is(kept.term(2), undefined);
  // A commit index behind what a torn write has left.
  t.is(new RaftLog(snapshotAt(4, 2), entries(5, 2), 9, 4).committed, 5);
  // Entries that the snapshot contradicts, or reaches beyond.
  t.like(new RaftLog(snapshotAt(4, 3), entries(3, 1, 2, 2), 4, 4), { first: 5, last: 4, lastTerm: 3 });
  t.like(new RaftLog(snapshotAt(9, 3), entries(3, 1, 2, 2), 9, 9), { first: 10, last: 9, lastTerm: 3 });
  t.throws(() => new RaftLog(snapshotAt(4, 2), entries(6, 2), 0, 4), {
    message: "the log begins at entry 6, and the snapshot ends at 4",
  });
  t.throws(() => new RaftLog(snapshotAt(0, 0), [entry(1, 1), entry(3, 1)], 0, 0), {
    message: "the log goes from entry 1 to entry 3",
  });
});

test("what is committed is not dropped, and what was not handed out is not applied", (t) => {
  const log = new RaftLog(snapshotAt(0, 0), entries(1, 1, 1, 1), 2, 0);
  t.throws(() => log.truncate(2), { instanceOf: RangeError });
  t.throws(() => log.appliedTo(1), { instanceOf: RangeError });
  t.throws(() => log.compact(snapshotAt(1, 1), 2), { instanceOf: RangeError });
});
