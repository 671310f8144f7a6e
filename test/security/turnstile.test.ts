import { setImmediate } from "node:timers/promises";
import test from "ava";
import { Turnstile } from "../../src/security/turnstile.js";

test("a crowd goes on a few at a time, in its order, with turns for others in between", async (t) => {
  const passed: number[] = [];
  const turnstile = new Turnstile<number>(8, (one) => passed.push(one));
  for (let at = 0; at < 100; at++) turnstile.enter(at);
  t.deepEqual(passed, [], "nobody goes on in the turn in which they come");
  for (let turns = 0; turnstile.size > 0; turns++) {
    const before = passed.length;
    await setImmediate();
    t.true(passed.length - before <= 8);
    t.true(turns <= 14);
  }
  t.deepEqual(
    passed,
    Array.from({ length: 100 }, (_, at) => at),
  );
});

test("who comes while others go on goes on behind them; and it works again after it was empty", async (t) => {
  const passed: string[] = [];
  const turnstile = new Turnstile<string>(1, (one) => {
    passed.push(one);
    if (one === "first") turnstile.enter("third");
  });
  turnstile.enter("first");
  turnstile.enter("second");
  while (turnstile.size > 0) await setImmediate();
  turnstile.enter("fourth");
  while (turnstile.size > 0) await setImmediate();
  t.deepEqual(passed, ["first", "second", "third", "fourth"]);
});
