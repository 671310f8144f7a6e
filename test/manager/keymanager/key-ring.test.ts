import { randomBytes } from "node:crypto";
import test from "ava";
import fc from "fast-check";
import { Cluster } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  hasAllKeys,
  ROTATION_MS,
  SUBSYSTEMS,
  turned,
  turnedAtMs,
  withAllKeys,
} from "../../../src/manager/keymanager/key-ring.js";

const NOW_MS = Date.UTC(2026, 0, 1);
const fresh = () => withAllKeys(Cluster.fromPartial({ id: "c" }), randomBytes, NOW_MS);

const ring = ({ networkBootstrapKeys }: Cluster, subsystem: string) =>
  networkBootstrapKeys.filter((key) => key.subsystem === subsystem);

test("a new cluster has three keys for each subsystem, all different, each newer than the one before", (t) => {
  const cluster = fresh();
  t.true(hasAllKeys(cluster));
  t.is(cluster.networkBootstrapKeys.length, 6);
  t.is(new Set(cluster.networkBootstrapKeys.map(({ key }) => key.toString("hex"))).size, 6);
  for (const subsystem of SUBSYSTEMS) {
    const times = ring(cluster, subsystem).map(({ lamportTime }) => lamportTime);
    t.deepEqual(
      times,
      [0, 1, 2].map((step) => NOW_MS / 1000 + step),
    );
    for (const { key } of ring(cluster, subsystem)) t.is(key.length, 16);
  }
  t.is(cluster.encryptionKeyLamportClock, NOW_MS / 1000 + 2);
});

test("turned: the newest two stay, the oldest goes, and it is known when that was", (t) => {
  const before = fresh();
  const laterMs = NOW_MS + ROTATION_MS;
  const after = turned(before, randomBytes, laterMs);
  for (const subsystem of SUBSYSTEMS) {
    t.deepEqual(ring(after, subsystem).slice(0, 2), ring(before, subsystem).slice(1));
  }
  t.is(turnedAtMs(after, laterMs), laterMs);
});

test("keys of other subsystems, and a ring that is not whole, are left or made whole", (t) => {
  const other = { subsystem: "storage:raft", algorithm: 0, key: Buffer.alloc(16, 1), lamportTime: 7 };
  const [first] = fresh().networkBootstrapKeys;
  const damaged = Cluster.fromPartial({ id: "c", networkBootstrapKeys: [other, first!] });
  const whole = withAllKeys(damaged, randomBytes, NOW_MS);
  t.deepEqual(whole.networkBootstrapKeys[0], other);
  t.true(hasAllKeys(whole));
  t.deepEqual(ring(whole, SUBSYSTEMS[0])[0], first);
});

test("Lamport times grow whatever the clocks say; SwarmKit's do not say when the ring was turned", (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4_000_000_000_000 }), { maxLength: 8 }), (times) => {
      let cluster = fresh();
      for (const nowMs of times) {
        const next = turned(cluster, randomBytes, nowMs);
        t.true(next.encryptionKeyLamportClock > cluster.encryptionKeyLamportClock);
        for (const subsystem of SUBSYSTEMS) t.is(ring(next, subsystem).length, 3);
        cluster = next;
      }
    }),
  );
  const swarmkit = Cluster.fromPartial({
    networkBootstrapKeys: [{ subsystem: SUBSYSTEMS[0], key: Buffer.alloc(16), lamportTime: 40_000 }],
  });
  t.is(turnedAtMs(swarmkit, NOW_MS), undefined);
});
