import test from "ava";
import { ClusterClock } from "../../src/store/cluster-clock.js";
import { MemoryProposer } from "../../src/store/proposer.js";
import { Store } from "../../src/store/store.js";
import { ManualClock } from "../manager/manual-clock.js";

/** A clock that somebody sets. */
function bed() {
  let ownMs = 1000;
  let stampedMs = 0;
  const clock = new ClusterClock({ now: () => ownMs, after: () => () => {} }, () => stampedMs);
  return {
    now: () => clock.now(),
    set: (ms: number) => {
      ownMs = ms;
    },
    stamp: (ms: number) => {
      stampedMs = ms;
    },
  };
}

test("it is this manager's time where that is ahead of all stamps", (t) => {
  const { now, set } = bed();
  t.is(now(), 1000);
  set(1500);
  t.is(now(), 1500);
});

test("it goes on from about the latest stamp a little slower, until this manager's clock has caught up", (t) => {
  const { now, set, stamp } = bed();
  stamp(2020);
  t.is(now(), 2000);
  set(1400);
  t.is(now(), 2320);
  set(3400);
  t.is(now(), 3920);
  set(6400);
  t.is(now(), 6400);
  set(6500);
  t.is(now(), 6500);
});

test("a clock that is set back does not set it back, nor stop it", (t) => {
  const { now, set } = bed();
  set(10_000);
  t.is(now(), 10_000);
  set(0);
  t.is(now(), 10_000);
  set(100);
  t.is(now(), 10_080);
});

test("what a store writes is stamped by it", async (t) => {
  const clock = new ManualClock();
  const store = new Store(new MemoryProposer(), clock);
  await store.update((tx) => tx.create("config", { id: "a" } as never));
  const before = store.clock.now();
  clock.advance(5000);
  t.is(store.clock.now() - before, 5000);
});
