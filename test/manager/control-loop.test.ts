import test from "ava";
import { Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { ControlLoop } from "../../src/manager/loop/control-loop.js";
import type { Reconciler } from "../../src/manager/loop/reconciler.js";
import { MemoryProposer } from "../../src/store/proposer.js";
import { Store } from "../../src/store/store.js";
import { ManualClock } from "./manual-clock.js";

function world(act: (name: string, store: Store) => Promise<number | undefined> | undefined) {
  const clock = new ManualClock();
  const store = new Store(new MemoryProposer(), clock);
  const log: string[] = [];
  const reconciler = (name: string): Reconciler => ({
    name,
    selectors: [{ kind: "task" }],
    begin: (read) => log.push(`${name} begins with ${read.all("task").length}`),
    noticed: (events) => events.some(({ action }) => action === "create"),
    reconcile: async () => {
      log.push(name);
      return act(name, store);
    },
  });
  const loop = new ControlLoop(store, clock, [reconciler("a"), reconciler("b")], (line) =>
    log.push(line.split("\n")[0]!),
  );
  const create = (id: string) => store.update((tx) => tx.create("task", Task.fromPartial({ id })));
  return { clock, store, loop, create, log, take: () => log.splice(0) };
}

test("everybody begins with the same state and runs once; many changes are one run", async (t) => {
  const { loop, create, take } = world(() => undefined);
  await create("t0");
  loop.start();
  await loop.idle();
  t.deepEqual(take(), ["a begins with 1", "b begins with 1", "a", "b"]);
  await Promise.all([create("t1"), create("t2"), create("t3")]);
  await loop.idle();
  t.deepEqual(take(), ["a", "b"]);
  await loop.stop();
  await create("t4");
  await loop.idle();
  t.deepEqual(take(), []);
});

test("what one changes the others look at, and he who works without end leaves the others their turn", async (t) => {
  let count = 0;
  const { loop, take } = world(async (name, store) => {
    if (name === "a" && count++ < 2)
      await store.update((tx) => tx.create("task", Task.fromPartial({ id: `t${count}` })));
    return undefined;
  });
  loop.start();
  await loop.idle();
  t.deepEqual(take().slice(2), ["a", "b", "a", "b", "a"]);
  await loop.stop();
});

test("who asks to be called later is, and no alarm is left after the stop", async (t) => {
  let calls = 0;
  const { loop, clock, take } = world(async (name) => (name === "b" && calls++ === 0 ? clock.now() + 5000 : undefined));
  loop.start();
  await loop.idle();
  take();
  clock.advance(4999);
  await loop.idle();
  t.deepEqual(take(), []);
  clock.advance(1);
  await loop.idle();
  t.deepEqual(take(), ["b"]);
  t.is(clock.pending, 0);
  await loop.stop();
});

test("who fails is said to, and tries again after a second; the others go on", async (t) => {
  let failing = true;
  const { loop, clock, take } = world(async (name) => {
    if (name === "a" && failing) throw new Error("no luck");
    return undefined;
  });
  loop.start();
  await loop.idle();
  t.deepEqual(take().slice(2), ["a", "a: Error: no luck", "b"]);
  failing = false;
  clock.advance(1000);
  await loop.idle();
  t.deepEqual(take(), ["a"]);
  await loop.stop();
});

test("a wait of months is a chain of shorter ones", async (t) => {
  const { loop, clock, take } = world(async () => clock.now() + 1e10);
  loop.start();
  await loop.idle();
  take();
  clock.advance(3_600_000);
  await loop.idle();
  t.deepEqual(take(), []);
  t.is(clock.pending, 1);
  await loop.stop();
  t.is(clock.pending, 0);
});
