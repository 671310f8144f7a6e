import test from "ava";
import fc from "fast-check";
import { SparseBitmap } from "../../../src/manager/allocator/sparse-bitmap.js";

test("a bitmap says what a set of numbers says", (t) => {
  const SIZE = 40_000;
  const index = fc.oneof(fc.integer({ min: 0, max: SIZE - 1 }), fc.integer({ min: 0, max: 70 }));
  const run = fc.tuple(index, fc.integer({ min: 1, max: 3000 }), fc.boolean());
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(run, { maxLength: 20 }), index, (runs, from) => {
        const bitmap = new SparseBitmap(SIZE);
        const members = new Set<number>();
        for (const [start, length, add] of runs) {
          for (let i = start; i < Math.min(start + length, SIZE); i++) {
            if (add) {
              bitmap.add(i);
              members.add(i);
            } else {
              bitmap.delete(i);
              members.delete(i);
            }
          }
        }
        let expected: number | undefined = from;
        while (members.has(expected)) expected++;
        if (expected >= SIZE) expected = undefined;
        const present = [...members].filter((member) => member >= from && member < from + 5000);
        const firstPresent = present.length > 0 ? Math.min(...present) : undefined;
        return (
          bitmap.nextAbsent(from, SIZE) === expected &&
          bitmap.nextPresent(from, from + 5000) === firstPresent &&
          bitmap.has(from) === members.has(from)
        );
      }),
      { numRuns: 60 },
    ),
  );
});

test("a full bitmap of 2^24 has no gap but the one that was made", (t) => {
  const bitmap = new SparseBitmap(1 << 20);
  for (let i = 0; i < 1 << 20; i++) bitmap.add(i);
  t.is(bitmap.nextAbsent(0, 1 << 20), undefined);
  bitmap.delete(777_777);
  t.is(bitmap.nextAbsent(0, 1 << 20), 777_777);
  t.is(bitmap.nextAbsent(777_778, 1 << 20), undefined);
});

test("of 2^32 numbers the members alone take space, wherever they lie", (t) => {
  const bitmap = new SparseBitmap(2 ** 32);
  for (const index of [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) bitmap.add(index);
  t.is(bitmap.nextAbsent(0, 2 ** 32), 2);
  t.is(bitmap.nextAbsent(2 ** 31 - 1, 2 ** 32), 2 ** 31 + 1);
  t.is(bitmap.nextAbsent(2 ** 32 - 1, 2 ** 32), undefined);
  t.is(bitmap.nextPresent(2 ** 32 - 100, 2 ** 32), 2 ** 32 - 1);
  bitmap.delete(2 ** 32 - 1);
  t.is(bitmap.nextAbsent(2 ** 32 - 1, 2 ** 32), 2 ** 32 - 1);
});
