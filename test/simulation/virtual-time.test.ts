/** Simulated time: events in order, each with all that follows from it. */
import test from "ava";
import { ProcessHost } from "./process-host.js";
import { VirtualTime } from "./virtual-time.js";

const never = () => false;

test("events come by time, those of one moment in the order in which they were asked for, without those taken back", async (t) => {
  const time = new VirtualTime();
  const seen: string[] = [];
  const see = (what: string) => () => seen.push(`${what}@${time.now}`);
  time.after(5, see("c"));
  time.after(1, see("a"));
  time.after(5, see("d"));
  time.after(3, see("b"));
  time.after(4, see("never"))();
  t.false(await time.run(4.5, never));
  t.deepEqual(seen, ["a@1", "b@3"]);
  t.is(time.now, 4.5);
  t.true(await time.run(100, () => seen.length === 3));
  t.deepEqual(seen.slice(2), ["c@5"]);
  await time.run(100, never);
  t.deepEqual(seen.slice(3), ["d@5"]);
});

test("promises that follow from an event have ended before the next one", async (t) => {
  const time = new VirtualTime();
  const seen: string[] = [];
  time.after(1, () => {
    void (async () => {
      for (let n = 0; n < 20; n++) await undefined;
      seen.push("chain");
      process.nextTick(() => queueMicrotask(() => seen.push("tick")));
    })();
  });
  time.after(1, () => seen.push("next"));
  await undefined;
  await time.run(2, never);
  t.deepEqual(seen, ["chain", "tick", "next"]);
});

test("a paused host does all that it missed afterwards, in order; a killed one does nothing", async (t) => {
  const time = new VirtualTime();
  const host = new ProcessHost("h", time);
  const seen: string[] = [];
  const life = host.start();
  life.after(1, () => seen.push(`first@${time.now}`));
  life.after(2, () => seen.push(`second@${time.now}`));
  life.after(30, () => seen.push("never"));
  host.pause(10);
  await time.run(20, never);
  t.deepEqual(seen, ["first@10", "second@10"]);
  host.kill();
  await time.run(40, never);
  t.is(seen.length, 2);
  t.false(life.isAlive);
});

test("a clock that runs fast wakes early, and one that was set has another time", async (t) => {
  const time = new VirtualTime();
  const host = new ProcessHost("h", time);
  const life = host.start();
  const begin = life.now();
  host.setClockRate(2);
  let wokeAt = 0;
  life.after(100, () => {
    wokeAt = time.now;
  });
  await time.run(60, never);
  t.is(wokeAt, 50);
  t.is(life.now() - begin, 120);
  host.jumpClock(-1000);
  t.is(life.now() - begin, -880);
});

test("time that stands still is an error, not a wait without end", async (t) => {
  const time = new VirtualTime();
  const again = () => void time.after(1e-9, again);
  again();
  await t.throwsAsync(
    time.run(10, () => false),
    { message: /time stands still at 0\.\d+ ms/ },
  );
});
