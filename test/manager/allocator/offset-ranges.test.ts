import test from "ava";
import fc from "fast-check";
import { OffsetRanges } from "../../../src/manager/allocator/offset-ranges.js";

test("ranges say what a set of numbers says, and their text says it again", (t) => {
  const step = fc.record({
    kind: fc.constantFrom("add", "delete", "shift"),
    first: fc.nat({ max: 60 }),
    length: fc.integer({ min: 1, max: 9 }),
  });
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ranges = new OffsetRanges();
        const model = new Set<number>();
        for (const { kind, first, length } of steps) {
          const numbers = Array.from({ length }, (_, i) => first + i);
          if (kind === "add" && !numbers.some((number) => model.has(number))) {
            ranges.add([first, first + length - 1]);
            for (const number of numbers) model.add(number);
          } else if (kind === "delete") {
            if (ranges.delete(first) !== model.delete(first)) return false;
          } else if (kind === "shift") {
            const smallest = [...model].sort((a, b) => a - b).slice(0, length);
            for (const number of smallest) model.delete(number);
            const shifted = ranges
              .shift(length)
              .flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i));
            if (shifted.join() !== smallest.join()) return false;
          }
          if (ranges.count !== model.size || ranges.has(first) !== model.has(first)) return false;
          const again = OffsetRanges.parse(ranges.toString(), 100);
          if (again?.toString() !== ranges.toString() || again.count !== model.size) return false;
        }
        const gaps = ranges.ranges.every(([from], i) => i === 0 || from > ranges.ranges[i - 1]![1] + 1);
        return gaps;
      }),
    ),
  );
});

test("text of another form is not read", (t) => {
  for (const text of ["5-4", "7,3", "3,3", "1-", "-1", "a", "1,,2", "100", "3-100", "12345678901"]) {
    t.is(OffsetRanges.parse(text, 100), undefined, text);
  }
  t.is(OffsetRanges.parse("", 100)?.count, 0);
  t.is(OffsetRanges.parse("0-4,9,99", 100)?.count, 7);
});
