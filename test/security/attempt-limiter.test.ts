import test from "ava";
import fc from "fast-check";
import { AttemptLimiter } from "../../src/security/attempt-limiter.js";

function limiter(limits = { burst: 3, refillMs: 1000, addresses: 4 }) {
  const time = { now: 0 };
  return { time, attempts: new AttemptLimiter(limits, () => time.now) };
}

test("so many wrong tries at once, then one each time; other addresses notice nothing", (t) => {
  const { time, attempts } = limiter();
  for (let i = 0; i < 3; i++) {
    t.false(attempts.isBarred("10.0.0.1:1"));
    attempts.note(`10.0.0.1:${i}`);
  }
  t.true(attempts.isBarred("10.0.0.1:99"));
  t.false(attempts.isBarred("10.0.0.2:1"));
  time.now = 999;
  t.true(attempts.isBarred("10.0.0.1:1"));
  time.now = 1000;
  t.true(attempts.take("10.0.0.1:1"));
  t.false(attempts.take("10.0.0.1:1"));
  time.now = 4000;
  for (const expected of [true, true, true, false]) t.is(attempts.take("10.0.0.1:1"), expected);
});

test("to look costs nothing; whoever is barred does not get further away by trying", (t) => {
  const { time, attempts } = limiter();
  for (let i = 0; i < 10; i++) attempts.take("a");
  for (let i = 0; i < 100; i++) t.true(attempts.isBarred("a"));
  time.now = 1000;
  t.false(attempts.isBarred("a"));
});

test("so many addresses are remembered; the one that was wrong longest ago is forgotten, or has its tries back", (t) => {
  const { time, attempts } = limiter();
  for (let i = 0; i < 10; i++) {
    attempts.note(`10.0.0.${i}`);
    t.true(attempts.size <= 4);
  }
  time.now = 1000;
  attempts.note("10.0.1.1");
  t.is(attempts.size, 1, "all others have their tries back");
});

test("over any time, nobody is wrong more often than the burst and what comes back", (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(2000), { maxLength: 100 }), (pauses) => {
      const { time, attempts } = limiter();
      let taken = 0;
      for (const pause of pauses) {
        time.now += pause;
        if (attempts.take("a")) taken++;
      }
      return taken <= 3 + time.now / 1000;
    }),
  );
  t.pass();
});
