import test from "ava";
import fc from "fast-check";
import { newestOf } from "../../../src/agent/logs/tail-split.js";
import {
  decodeMarks,
  encodeMarks,
  MARK_BYTES,
  type Mark,
  offsetSince,
  thinMarks,
  timeOf,
} from "../../../src/agent/logs/time-marks.js";

const MARKS: readonly Mark[] = [
  { offset: 10, nanos: 100n },
  { offset: 20, nanos: 200n },
  { offset: 35, nanos: 200n },
  { offset: 50, nanos: 400n },
];

test("what ends between two marks was written at the time of the later one", (t) => {
  const table: readonly [end: number, nanos: bigint][] = [
    [1, 100n],
    [10, 100n],
    [11, 200n],
    [35, 200n],
    [36, 400n],
    [50, 400n],
    [51, 400n],
  ];
  for (const [end, nanos] of table) t.is(timeOf(MARKS, end), nanos, `${end}`);
  t.is(timeOf([], 5), 0n);
});

test("where to begin for a time: nothing of that time or later is before", (t) => {
  const table: readonly [nanos: bigint, offset: number][] = [
    [0n, 0],
    [100n, 0],
    [101n, 10],
    [200n, 10],
    [201n, 35],
    [400n, 35],
    [401n, 50],
  ];
  for (const [nanos, offset] of table) t.is(offsetSince(MARKS, nanos), offset, `${nanos}`);
});

test("marks survive their file, a torn end and bytes that are none", (t) => {
  const bytes = encodeMarks(MARKS);
  t.is(bytes.length, MARKS.length * MARK_BYTES);
  t.deepEqual(decodeMarks(bytes), MARKS);
  t.deepEqual(decodeMarks(bytes.subarray(0, -3)), MARKS.slice(0, -1));
  t.deepEqual(decodeMarks(Buffer.concat([bytes, bytes])), MARKS, "the second half goes back");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
      const marks = decodeMarks(Buffer.from(garbage));
      marks.forEach((mark, at) => {
        if (at > 0) t.true(mark.offset > marks[at - 1]!.offset && mark.nanos >= marks[at - 1]!.nanos);
      });
    }),
  );
});

test("thinned marks forget what is not kept, and of the rest only become coarser", (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 400 }),
      fc.nat(800),
      fc.integer({ min: 4, max: 100 }),
      (count, from, most) => {
        const marks = Array.from({ length: count }, (_, at) => ({ offset: at * 2 + 1, nanos: BigInt(at) }));
        const thin = thinMarks(marks, from, most);
        t.deepEqual(thin.at(-1), marks.at(-1));
        for (let end = from + 1; end < count * 2; end++) {
          const [exact, coarse] = [timeOf(marks, end), timeOf(thin, end)];
          t.true(coarse >= exact && coarse <= exact + 1n, `${end}: ${coarse} for ${exact}`);
        }
      },
    ),
  );
});

test("the newest lines of a task are those of both streams together", (t) => {
  t.deepEqual(
    newestOf(
      [
        [1n, 5n],
        [2n, 3n],
      ],
      2,
    ),
    [1, 1],
  );
  t.deepEqual(newestOf([[1n, 5n], []], 5), [2, 0]);
  t.deepEqual(newestOf([[4n], [4n]], 1), [0, 1], "of the same time the second comes later");
  const list = fc
    .array(fc.bigInt({ min: 0n, max: 20n }), { maxLength: 20 })
    .map((times) => times.sort((a, b) => Number(a - b)));
  fc.assert(
    fc.property(list, list, fc.nat(45), (a, b, lines) => {
      const [ofA, ofB] = newestOf([a, b], lines) as [number, number];
      t.is(ofA + ofB, Math.min(lines, a.length + b.length));
      const all = [...a, ...b].sort((x, y) => Number(x - y));
      const own = [...a.slice(a.length - ofA), ...b.slice(b.length - ofB)].sort((x, y) => Number(x - y));
      t.deepEqual(own, all.slice(Math.max(0, all.length - lines)));
    }),
  );
});
