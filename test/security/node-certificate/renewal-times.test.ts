import test from "ava";
import fc from "fast-check";
import { nextRenewal, retryDelay } from "../../../src/security/node-certificate/renewal-times.js";

const DAY_MS = 86_400_000;
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const time = fc.nat({ max: 2 ** 42 });

const TABLE: readonly (readonly [string, number, number, number, number, number])[] = [
  // [name, notBefore, notAfter, now, random, delay], in days
  ["at half of the lifetime at the earliest", 0, 100, 0, 0, 50],
  ["at 80 % at the latest", 0, 100, 0, 1, 80],
  ["in the middle", 0, 100, 0, 0.5, 65],
  ["counted from now", 0, 100, 60, 0.5, 5],
  ["at once when that has passed", 0, 100, 70, 0, 0],
  ["at once when it has expired", 0, 100, 200, 0.5, 0],
  ["not before it is valid", 10, 110, 0, 0, 60],
  ["at once when it was never valid", 10, 5, 20, 0.9, 0],
];

for (const [name, notBefore, notAfter, now, chance, delay] of TABLE) {
  test(name, (t) => {
    const renewal = {
      notBeforeMs: notBefore * DAY_MS,
      notAfterMs: notAfter * DAY_MS,
      nowMs: now * DAY_MS,
      random: chance,
    };
    t.is(nextRenewal(renewal), delay * DAY_MS);
  });
}

test("always within 50 to 80 % of the lifetime, or at once", (t) => {
  fc.assert(
    fc.property(time, time, time, random, (notBeforeMs, lifetimeMs, nowMs, chance) => {
      const atMs = nowMs + nextRenewal({ notBeforeMs, notAfterMs: notBeforeMs + lifetimeMs, nowMs, random: chance });
      t.true(atMs >= notBeforeMs + lifetimeMs * 0.5 - 1);
      t.true(atMs === nowMs || atMs <= notBeforeMs + lifetimeMs * 0.8 + 1);
    }),
  );
});

test("retries: half to whole of 5 s, doubled each time, an hour at most", (t) => {
  t.deepEqual(
    [1, 2, 3, 4, 10, 11, 12, 2000].map((failures) => retryDelay(failures, 1)),
    [5_000, 10_000, 20_000, 40_000, 2_560_000, 3_600_000, 3_600_000, 3_600_000],
  );
  t.is(retryDelay(1, 0), 2_500);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), random, (failures, chance) => {
      const delayMs = retryDelay(failures, chance);
      t.true(delayMs >= 2_500 && delayMs <= 3_600_000);
      t.true(delayMs >= retryDelay(failures, 0) && delayMs <= retryDelay(failures, 1));
    }),
  );
});
