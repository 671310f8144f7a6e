/** The window of what is on its way, against a plain list. */
import test from "ava";
import fc from "fast-check";
import { Inflights } from "../../../src/raft/core/inflights.js";

const steps = fc.array(
  fc.oneof(
    fc.record({ add: fc.nat(30), after: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ free: fc.integer({ min: -2, max: 12 }) }),
    fc.constant({ clear: true as const }),
  ),
  { maxLength: 200 },
);

test("a ring that grows is a list that forgets from its head", (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 80 }),
      steps,
      (maxMessages, maxBytes, taken) => {
        const inflights = new Inflights(maxMessages, maxBytes);
        let model: { index: number; bytes: number }[] = [];
        let last = 0;
        for (const step of taken) {
          if ("add" in step) {
            const isFull = model.length >= maxMessages || model.reduce((sum, one) => sum + one.bytes, 0) >= maxBytes;
            if (inflights.full !== isFull) return false;
            if (isFull) continue;
            last += step.after;
            model.push({ index: last, bytes: step.add });
            inflights.add(last, step.add);
          } else if ("free" in step) {
            const upTo = (model[0]?.index ?? 0) + step.free;
            model = model.filter(({ index }) => index > upTo);
            inflights.freeUpTo(upTo);
          } else {
            model = [];
            inflights.clear();
          }
          if (inflights.count !== model.length || inflights.bytes !== model.reduce((sum, one) => sum + one.bytes, 0))
            return false;
        }
        return true;
      },
    ),
    { numRuns: 500 },
  );
  t.pass();
});

test("nothing is added to a full window", (t) => {
  const inflights = new Inflights(1, 100);
  inflights.add(1, 10);
  t.throws(() => inflights.add(2, 10), { instanceOf: RangeError });
});
