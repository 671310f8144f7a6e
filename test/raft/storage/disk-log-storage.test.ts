/** What is particular to the log on a disk: groups, failures, keys. */
import test from "ava";
import { DiskError } from "../../../src/raft/disk/disk.js";
import { type LogStorageOptions, openLogStorage } from "../../../src/raft/storage/disk-log-storage.js";
import { LogDamagedError } from "../../../src/raft/storage/log-storage.js";
import { dataKey } from "../../../src/security/at-rest/key-ring.js";
import { type DiskFaults, type DiskOperation, FaultyDisk } from "../disk/faulty-disk.js";
import { MemoryDisk } from "../disk/memory-disk.js";
import { seeded } from "./crash-story.js";
import {
  batch,
  chunksOf,
  entries,
  entry,
  hardState,
  shown,
  snapshotAt,
  storeSnapshot,
  testKeyRing,
} from "./log-contents.js";

const SEGMENT_BYTES = 4 << 10;

function open(disk: MemoryDisk, faults: Partial<DiskFaults> = {}, options: Partial<LogStorageOptions> = {}) {
  return openLogStorage({
    disk: new FaultyDisk(disk, { random: seeded(1), ...faults }),
    keyRing: testKeyRing(1),
    segmentBytes: SEGMENT_BYTES,
    ...options,
  });
}

/** Holds durable writes up until it is told. */
class Gate {
  readonly waiting: (() => void)[] = [];
  isShut = false;
  most = 0;

  readonly delay = (operation: DiskOperation): Promise<void> | undefined => {
    if (!this.isShut || operation !== "write-durably") return undefined;
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.most = Math.max(this.most, this.waiting.length);
    });
  };

  async pass(): Promise<void> {
    while (this.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
    this.waiting.shift()!();
  }
}

test("while one durable write runs, what comes is gathered, and goes with the next as one", async (t) => {
  const gate = new Gate();
  const disk = new MemoryDisk();
  const storage = open(disk, { delay: gate.delay });
  await storage.load();
  await storage.append(batch(entries(1, 1)));
  gate.isShut = true;
  const done: number[] = [];
  const appends = Array.from({ length: 20 }, (_, at) =>
    storage.append(batch([entry(at + 2)], hardState(1, at))).then(() => done.push(at)),
  );
  await gate.pass();
  await appends[0];
  t.deepEqual(done, [0]);
  await gate.pass();
  await Promise.all(appends);
  t.deepEqual(
    done,
    appends.map((_, at) => at),
  );
  t.is(gate.most, 1);
  gate.isShut = false;
  await storage.close();
});

test("a group goes over to the next segment when it does not fit, and a record longer than a segment has one of its size", async (t) => {
  const disk = new MemoryDisk();
  const storage = open(disk);
  await storage.load();
  const large = entry(2, 1, Buffer.alloc(3 * SEGMENT_BYTES, 7));
  await storage.append(batch(entries(1, 1)));
  await storage.append(batch([large]));
  await storage.append(batch(entries(3, 3)));
  t.is(storage.stats().segments, 3);
  await storage.close();
  t.deepEqual(shown((await open(disk).load()).entries), shown([entry(1), large, entry(3)]));
});

for (const operation of ["write-durably", "rename", "sync-folder"] as const) {
  test(`after a ${operation} that failed the log takes nothing any more, and the next life has what was acknowledged`, async (t) => {
    const disk = new MemoryDisk();
    let isBroken = false;
    const failure = new DiskError("io", "a file", "the device does not answer");
    const storage = open(disk, { fails: (what) => (isBroken && what === operation ? failure : undefined) });
    await storage.load();
    await storage.append(batch(entries(1, 3), hardState(1, 2)));
    isBroken = true;
    // Longer than what is left of the segment, so that each of the operations is needed.
    const lost = [entry(4, 1, Buffer.alloc(SEGMENT_BYTES)), entry(5)].map((one) => storage.append(batch([one])));
    for (const outcome of await Promise.allSettled(lost)) {
      t.is(outcome.status === "rejected" ? outcome.reason : undefined, failure);
    }
    isBroken = false;
    const later = await t.throwsAsync(storage.append(batch(entries(4, 4))), {
      message: /takes no more writes.*does not answer/,
    });
    t.is(later.cause, failure);
    await storage.close();
    disk.losePower();
    t.deepEqual(shown((await open(disk).load()).entries), shown(entries(1, 3)));
  });
}

test("when no space is left for the next segment the error says so, and space that comes back is used", async (t) => {
  const disk = new MemoryDisk();
  let isFull = false;
  const noSpace = new DiskError("no-space", "segment", "no space");
  const storage = open(disk, { fails: (what) => (isFull && what === "create" ? noSpace : undefined) });
  await storage.load();
  await storage.append(batch(entries(1, 1)));
  isFull = true;
  await storage.rotateKey();
  isFull = false;
  await storage.append(batch([entry(2, 1, Buffer.alloc(SEGMENT_BYTES - 1500))]));
  await storage.append(batch([entry(3, 1, Buffer.alloc(SEGMENT_BYTES - 1500))]));
  isFull = true;
  await storage.append(batch([entry(4, 1, Buffer.alloc(SEGMENT_BYTES - 1500))]));
  const error = await t.throwsAsync(storage.append(batch([entry(5, 1, Buffer.alloc(SEGMENT_BYTES - 1500))])));
  t.is(error, noSpace);
});

test("a snapshot that cannot be written does not stop the log", async (t) => {
  const disk = new MemoryDisk();
  let isBroken = false;
  const noSpace = new DiskError("no-space", "snapshot", "no space");
  const storage = open(disk, { fails: (what) => (isBroken && what === "write" ? noSpace : undefined) });
  await storage.load();
  await storage.append(batch(entries(1, 3), hardState(1, 3)));
  const sink = await storage.createSnapshot(snapshotAt(2));
  isBroken = true;
  await t.throwsAsync(sink.write(Buffer.alloc(1 << 20)), { is: noSpace });
  isBroken = false;
  await sink.abort();
  await storage.append(batch(entries(4, 4)));
  t.deepEqual(
    disk.names().filter((name) => name.includes("snap")),
    [],
  );
  await storage.close();
});

test("a new key seals what comes; the old one is kept while it is needed, and then forgotten", async (t) => {
  const disk = new MemoryDisk();
  const keyRing = testKeyRing(1);
  const old = keyRing.current.id;
  const storage = open(disk, {}, { keyRing });
  await storage.load();
  await storage.append(batch(entries(1, 5), hardState(1, 5)));
  await storeSnapshot(storage, snapshotAt(4));
  t.is(storage.stats().keys, 1);

  keyRing.add(dataKey(Buffer.alloc(32, 2)));
  await storage.rotateKey();
  t.is(storage.stats().keyId, keyRing.current.id);
  t.is(storage.stats().keys, 2);
  await storage.append(batch(entries(6, 10), hardState(1, 10)));
  t.not(keyRing.get(old), undefined);
  t.deepEqual(await chunksOf(storage, 4), [Buffer.from("state at 4")]);
  await storage.close();

  const next = open(disk, {}, { keyRing });
  t.is((await next.load()).entries.length, 10);
  t.is(next.stats().keys, 2);
  await next.append(batch(entries(11, 11), hardState(1, 11)));
  await storeSnapshot(next, snapshotAt(10));
  await next.compact(snapshotAt(10), 11, 1);
  t.is(next.stats().keys, 1);
  t.is(keyRing.get(old), undefined);
  await next.close();
  t.is((await open(disk, {}, { keyRing }).load()).snapshot.index, 10);
});

test("a key that seals a snapshot which is still being written is not forgotten", async (t) => {
  const disk = new MemoryDisk();
  const keyRing = testKeyRing(1);
  const old = keyRing.current.id;
  const storage = open(disk, {}, { keyRing });
  await storage.load();
  await storage.append(batch(entries(1, 5), hardState(1, 5)));
  const sink = await storage.createSnapshot(snapshotAt(3));
  await storeSnapshot(storage, snapshotAt(5));
  keyRing.add(dataKey(Buffer.alloc(32, 2)));
  await storage.rotateKey();
  await storage.append(batch(entries(6, 6), hardState(1, 6)));
  await storeSnapshot(storage, snapshotAt(6));
  await storage.compact(snapshotAt(6), 7, 1);
  t.not(keyRing.get(old), undefined);
  await sink.abort();
  await storage.compact(snapshotAt(6), 7, 1);
  t.is(keyRing.get(old), undefined);
  await storage.close();
});

test("compaction leaves a bounded number of files behind, however long the log lives", async (t) => {
  const disk = new MemoryDisk();
  const storage = open(disk);
  await storage.load();
  for (let round = 1; round <= 12; round++) {
    for (let at = 1; at <= 20; at++) {
      const index = (round - 1) * 20 + at;
      await storage.append(batch([entry(index, 1, Buffer.alloc(300))], hardState(1, index)));
    }
    await storeSnapshot(storage, snapshotAt(round * 20));
    await storage.compact(snapshotAt(round * 20), round * 20 - 3, 2);
    t.true(disk.names().length <= 6, disk.names().join(" "));
  }
  await storage.close();
});

test("a log whose committed entries are not all there is damaged", async (t) => {
  const disk = new MemoryDisk();
  const storage = open(disk);
  await storage.load();
  await storage.append(batch(entries(1, 2), hardState(1, 9)));
  await storage.close();
  await t.throwsAsync(open(disk).load(), {
    instanceOf: LogDamagedError,
    message: /index 9 is committed, and the log ends at 2/,
  });
});

test("nothing is done before it is loaded, and it is loaded once", async (t) => {
  const storage = open(new MemoryDisk());
  t.throws(() => storage.append(batch(entries(1, 1))), { message: /was not loaded/ });
  await storage.load();
  await t.throwsAsync(storage.load(), { message: /loaded before/ });
  await storage.close();
});
