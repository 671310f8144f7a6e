import { randomBytes } from "node:crypto";
import test from "ava";
import { Cluster } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { KeyManager } from "../../../src/manager/keymanager/key-manager.js";
import { ROTATION_MS } from "../../../src/manager/keymanager/key-ring.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock } from "../manual-clock.js";

async function bed() {
  const clock = new ManualClock();
  const store = new Store(new MemoryProposer(), clock);
  await store.update((tx) => tx.create("cluster", Cluster.fromPartial({ id: "c" })));
  const newest = () =>
    Math.max(...store.view((read) => read.all("cluster"))[0]!.networkBootstrapKeys.map((key) => key.lamportTime));
  return { clock, store, newest };
}

test("keys are turned every 12 hours, also when leaders change more often than that", async (t) => {
  const { clock, store, newest } = await bed();
  const startMs = clock.now();
  let turns = 0;
  let last = 0;
  for (let hours = 0; hours <= 48; hours += 5) {
    // Each leader has a key manager of its own, which knows nothing but the store.
    const leader = new KeyManager(store, clock, randomBytes);
    const dueMs = (await leader.reconcile())!;
    t.true(dueMs > clock.now() && dueMs <= clock.now() + ROTATION_MS + 2000);
    if (newest() !== last) turns++;
    last = newest();
    clock.advance(5 * 3_600_000);
  }
  // At the start and after 15, 30 and 45 hours: the first looks that found 12 hours gone.
  t.is(turns, 4);
  t.is(Math.round((clock.now() - startMs) / 3_600_000), 50);
});

test("a leader looks again when the ring is due, and does nothing before", async (t) => {
  const { clock, store, newest } = await bed();
  const leader = new KeyManager(store, clock, randomBytes);
  const dueMs = (await leader.reconcile())!;
  const first = newest();
  clock.advance(dueMs - clock.now() - 1);
  t.is(await leader.reconcile(), dueMs);
  t.is(newest(), first);
  clock.advance(1);
  await leader.reconcile();
  t.is(newest(), dueMs / 1000);
});

test("keys that do not say when they were made are turned 12 hours into this leader's term", async (t) => {
  const { clock, store, newest } = await bed();
  await new KeyManager(store, clock, randomBytes).reconcile();
  await store.update((tx) => {
    const [cluster] = tx.all("cluster");
    const networkBootstrapKeys = cluster!.networkBootstrapKeys.map((key, at) => ({ ...key, lamportTime: 40_000 + at }));
    tx.update("cluster", { ...cluster!, networkBootstrapKeys });
  });
  const leader = new KeyManager(store, clock, randomBytes);
  t.is(await leader.reconcile(), clock.now() + ROTATION_MS);
  clock.advance(ROTATION_MS);
  await leader.reconcile();
  t.true(newest() >= clock.now() / 1000);
});
