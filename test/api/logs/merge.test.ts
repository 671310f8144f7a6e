import test from "ava";
import fc from "fast-check";
import { type MergeLane, OrderedMerge } from "../../../src/api/logs/ordered-merge.js";

const numbers = () => new OrderedMerge<number>((a, b) => a - b);

test("nothing is taken while a source is awaited; what rests or is closed holds up nobody", (t) => {
  const merge = numbers();
  const a = merge.open(() => {});
  const b = merge.open(() => {});
  a.offer([1, 5]);
  t.deepEqual(merge.take(10), [], "b may begin with 0");
  b.offer([2]);
  t.deepEqual(merge.take(10), [1, 2], "then b is awaited again");
  b.rest();
  t.deepEqual(merge.take(10), [5]);
  t.is(merge.awaited, 1, "a, which is used up");
  a.rest();
  b.offer([3]);
  t.deepEqual(merge.take(10), [3], "late, but not lost");
  b.close();
  a.close();
  t.is(merge.awaited, 0);
  t.true(a.isClosed && b.isClosed && merge.isEmpty);
});

test("what is said of a source that still holds items counts once they are used up", (t) => {
  const merge = numbers();
  const usedUp: string[] = [];
  const a = merge.open(() => usedUp.push("a"));
  a.offer([1, 2]);
  a.close();
  t.false(a.isClosed);
  t.throws(() => a.offer([3]), { message: /before its last offer/ });
  t.deepEqual(merge.take(1), [1]);
  t.deepEqual(usedUp, []);
  t.deepEqual(merge.take(1), [2]);
  t.deepEqual(usedUp, ["a"]);
  t.true(a.isClosed);
  t.throws(() => a.offer([3]), { message: /after its end/ });
});

test("of equals the source that was opened first comes first", (t) => {
  const merge = new OrderedMerge<readonly [number, string]>(([a], [b]) => a - b);
  for (const name of ["a", "b", "c"]) {
    const lane = merge.open(() => {});
    lane.offer([
      [7, name],
      [7, name],
    ]);
    lane.close();
  }
  t.is(
    merge
      .take(10)
      .map(([, name]) => name)
      .join(""),
    "aabbcc",
  );
});

test("sources in order, offered in any pieces, come out as one sorted list", (t) => {
  const source = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 30 }).map((list) => list.sort((a, b) => a - b));
  fc.assert(
    fc.property(fc.array(source, { maxLength: 8 }), fc.integer({ min: 1, max: 7 }), (sources, piece) => {
      const merge = numbers();
      const left = sources.map((list) => [...list]);
      const lanes: MergeLane<number>[] = [];
      const due = new Set<number>();
      const feed = () => {
        for (const at of [...due]) {
          due.delete(at);
          const next = left[at]!.splice(0, piece);
          if (next.length > 0) lanes[at]!.offer(next);
          else lanes[at]!.close();
        }
      };
      sources.forEach((_list, at) => {
        lanes.push(merge.open(() => due.add(at)));
        due.add(at);
      });
      const out: number[] = [];
      for (feed(); merge.isReady; feed()) out.push(...merge.take(piece));
      t.deepEqual(
        out,
        sources.flat().sort((a, b) => a - b),
      );
      t.true(lanes.every((lane) => lane.isClosed));
    }),
  );
});
