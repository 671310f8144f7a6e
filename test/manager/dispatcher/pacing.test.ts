import test from "ava";
import fc from "fast-check";
import { Debounce, FlushRounds } from "../../../src/manager/dispatcher/flush-rounds.js";
import { RegistrationLimit } from "../../../src/manager/dispatcher/registration-limit.js";

test("what is quiet for a moment goes out, and nothing waits longer than the limit", (t) => {
  const debounce = new Debounce<string>();
  debounce.note("quiet", 0);
  for (let ms = 0; ms <= 45; ms += 5) debounce.note("busy", ms);
  t.deepEqual(debounce.due(9), []);
  t.deepEqual(debounce.due(10), ["quiet"]);
  debounce.delete("quiet");
  t.deepEqual(debounce.due(49), []);
  t.deepEqual(debounce.due(50), ["busy"]);
});

test("at any pace of changes the wait has its bound", (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { minLength: 1, maxLength: 60 }), (gaps) => {
      const debounce = new Debounce<string>();
      let now = 0;
      let firstMs: number | undefined;
      for (const gap of gaps) {
        for (const end = now + gap; now < end; now++) {
          if (debounce.due(now).length === 0) continue;
          debounce.delete("a");
          firstMs = undefined;
        }
        if (firstMs !== undefined && now - firstMs > 50) return false;
        firstMs ??= now;
        debounce.note("a", now);
      }
      return true;
    }),
  );
  t.pass();
});

test("rounds send each that is noted once, whatever the others do", async (t) => {
  const sent: string[] = [];
  let done = () => {};
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const rounds = new FlushRounds<string>((key) => {
    sent.push(key);
    if (sent.length === 199) done();
  });
  for (let i = 0; i < 200; i++) {
    rounds.note(`n${i}`);
    rounds.note(`n${i}`);
  }
  rounds.delete("n7");
  await all;
  t.is(new Set(sent).size, 199);
  t.false(sent.includes("n7"));
  rounds.stop();
  rounds.note("late");
  t.is(sent.length, 199);
});

test("three registrations in eight seconds, as with SwarmKit", (t) => {
  const limit = new RegistrationLimit();
  const times: readonly (readonly [number, boolean])[] = [
    [0, true],
    [1000, true],
    [2000, true],
    [3000, false],
    [7999, false],
    [8000, true],
    [8001, true],
  ];
  for (const [ms, expected] of times) t.is(limit.admit("n1", ms), expected, `${ms}`);
  t.true(limit.admit("n2", 3000), "another node");
});
