/** Whatever turns at rest, a start says so, or it has harmed nothing. */
import test from "ava";
import { openLogStorage } from "../../../src/raft/storage/disk-log-storage.js";
import { LogDamagedError, LogLockedError, type StoredState } from "../../../src/raft/storage/log-storage.js";
import { corruptSector, flipBit } from "../disk/faulty-disk.js";
import { MemoryDisk } from "../disk/memory-disk.js";
import { SECTOR_BYTES } from "../disk/memory-file.js";
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

const SIZES = { segmentBytes: 4 << 10, maxGroupBytes: 512 };
const keyRing = testKeyRing(1);

/** A log of three lives: several segments, two snapshots; its last life ended without being closed, after an acknowledged write. */
async function writtenLog(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  for (let life = 0; life < 3; life++) {
    const storage = openLogStorage({ disk, keyRing, ...SIZES });
    const { entries: before } = await storage.load();
    if (life === 0) await storage.setIdentity(Buffer.from("member"));
    const first = (before.at(-1)?.Index ?? 0) + 1;
    for (let at = 0; at < 12; at++) {
      await storage.append(batch([entry(first + at, 1, Buffer.alloc(400, at + 1))], hardState(1, first + at)));
    }
    if (life < 2) {
      await storeSnapshot(storage, snapshotAt(first + 5), [Buffer.alloc(900, 7)]);
      await storage.compact(snapshotAt(first + 5), first - 8, 2);
      await storage.close();
    }
  }
  disk.losePower();
  return disk;
}

/** Everything that can be read, as text. */
async function read(disk: MemoryDisk): Promise<{ readonly text: string; readonly state: StoredState }> {
  const storage = openLogStorage({ disk, keyRing, ...SIZES });
  const state = await storage.load();
  const { identity, hardState: hard, snapshot } = state;
  const chunks = snapshot.index > 0 ? await chunksOf(storage, snapshot.index) : [];
  const text = JSON.stringify([String(identity), hard, snapshot, shown(state.entries), chunks.map(String)]);
  return { text, state };
}

type Outcome = "named" | "harmless" | "silent";

async function outcome(disk: MemoryDisk, whole: string): Promise<Outcome> {
  try {
    return (await read(disk)).text === whole ? "harmless" : "silent";
  } catch (error) {
    if (error instanceof LogDamagedError && error.file !== "" && error.offset >= 0) return "named";
    throw error;
  }
}

/** Offset after the last byte of the file that is not zero. */
function usedBytes(disk: MemoryDisk, name: string): number {
  const file = disk.file(name);
  const bytes = file.read(0, file.size);
  return bytes.findLastIndex((byte) => byte !== 0) + 1;
}

test("a bit that turns in any file is named, or harms nothing; most are named", async (t) => {
  const { text } = await read(await writtenLog());
  const random = seeded(1);
  const names = (await writtenLog()).names();
  const counts = { named: 0, harmless: 0, silent: 0 };
  for (const name of names) {
    for (let round = 0; round < 60; round++) {
      const disk = await writtenLog();
      const bytes = round % 4 === 3 ? disk.file(name).size : usedBytes(disk, name);
      const bit = Math.floor(random() * bytes * 8);
      flipBit(disk, name, bit);
      const found = await outcome(disk, text);
      counts[found]++;
      t.not(found, "silent", `bit ${bit} of ${name}`);
    }
  }
  t.true(names.length >= 6, names.join(" "));
  t.true(counts.named > counts.harmless);
});

test("every bit of the last record that was acknowledged is named when it turns", async (t) => {
  const disk = await writtenLog();
  const name = disk.names().findLast((one) => one.endsWith(".wal"))!;
  const end = usedBytes(disk, name);
  const random = seeded(2);
  for (let offset = end - 480; offset < end; offset += 2) {
    const changed = await writtenLog();
    flipBit(changed, name, offset * 8 + Math.floor(random() * 8));
    const error = await t.throwsAsync(read(changed), { instanceOf: LogDamagedError }, `offset ${offset}`);
    t.is(error.file, name);
    t.true(error.offset <= offset && error.offset > offset - 520, `${error.offset} for ${offset}`);
  }
});

test("a sector that comes back wrong is named, or harms nothing", async (t) => {
  const { text } = await read(await writtenLog());
  for (const name of (await writtenLog()).names()) {
    for (let sector = 0; ; sector++) {
      const disk = await writtenLog();
      if (sector * SECTOR_BYTES >= usedBytes(disk, name)) break;
      corruptSector(disk, name, sector);
      t.not(await outcome(disk, text), "silent", `sector ${sector} of ${name}`);
    }
  }
});

test("a file that is gone is named, or was not needed", async (t) => {
  const { text } = await read(await writtenLog());
  for (const name of (await writtenLog()).names()) {
    const disk = await writtenLog();
    await disk.remove(name);
    t.not(await outcome(disk, text), "silent", name);
  }
});

test("a file that was cut is named, or nothing of it is lost", async (t) => {
  const { text } = await read(await writtenLog());
  for (const name of (await writtenLog()).names()) {
    for (const share of [0, 0.01, 0.3, 0.6, 0.95]) {
      const disk = await writtenLog();
      await disk.file(name).truncate(Math.floor(usedBytes(disk, name) * share));
      t.not(await outcome(disk, text), "silent", `${name} cut to ${share}`);
    }
  }
});

test("files that changed places are named", async (t) => {
  const names = (await writtenLog()).names();
  for (const suffix of [".wal", ".snap"]) {
    const some = names.filter((name) => name.endsWith(suffix));
    for (let at = 1; at < some.length; at++) {
      const disk = await writtenLog();
      const [one, other] = [some[at - 1]!, some[at]!];
      disk.renameNow(one, "aside");
      disk.renameNow(other, one);
      disk.renameNow("aside", other);
      await t.throwsAsync(read(disk), { instanceOf: LogDamagedError }, `${one} and ${other}`);
    }
  }
});

test("a segment of another log with the same key and the same name is named", async (t) => {
  const [disk, other] = [await writtenLog(), await writtenLog()];
  const names = disk.names().filter((name) => name.endsWith(".wal"));
  const name = names[1]!;
  t.true(other.names().includes(name));
  const bytes = other.file(name).read(0, other.file(name).size);
  const file = disk.file(name);
  file.truncate(0);
  file.write(0, bytes);
  await t.throwsAsync(read(disk), { instanceOf: LogDamagedError, message: /does not follow|cannot be opened/ });
});

test("with an unknown key it is locked, not damaged; the key is named, its bytes are not", async (t) => {
  const disk = await writtenLog();
  const error = await t.throwsAsync(openLogStorage({ disk, keyRing: testKeyRing(9) }).load(), {
    instanceOf: LogLockedError,
  });
  t.is(error.reason, "data-key-unknown");
  t.is(error.keyId, keyRing.current.id);
  t.false(error.message.includes(Buffer.from(keyRing.current.bytes).toString("hex").slice(0, 16)));
});

test("a key with the right id and other bytes is damage that names the file", async (t) => {
  const disk = await writtenLog();
  const wrong = { get: (id: string) => ({ id, bytes: Buffer.alloc(32, 9) }) };
  const ring = Object.assign(testKeyRing(9), wrong);
  await t.throwsAsync(openLogStorage({ disk, keyRing: ring }).load(), {
    instanceOf: LogDamagedError,
    message: /cannot be opened with key/,
  });
});

test("a start that fails changes nothing on the disk", async (t) => {
  const disk = await writtenLog();
  const name = disk.names().find((one) => one.endsWith(".wal"))!;
  await disk.create("segment-9.new", 10);
  flipBit(disk, name, 600 * 8);
  const before = disk.names().map((one) => [one, disk.file(one).read(0, disk.file(one).size).toString("base64")]);
  await t.throwsAsync(read(disk), { instanceOf: LogDamagedError });
  t.deepEqual(
    disk.names().map((one) => [one, disk.file(one).read(0, disk.file(one).size).toString("base64")]),
    before,
  );
});

test("a torn write at the end is cut off with a note, and the log goes on", async (t) => {
  const disk = await writtenLog();
  const name = disk.names().findLast((one) => one.endsWith(".wal"))!;
  const { text } = await read(await writtenLog());
  const end = usedBytes(disk, name);
  // The first sector of a write that went over two of them.
  disk.file(name).write(end, Buffer.alloc(SECTOR_BYTES - (end % SECTOR_BYTES), 0));
  disk.file(name).write(Math.ceil(end / SECTOR_BYTES) * SECTOR_BYTES, Buffer.alloc(300, 0x5a));
  const found = await read(disk);
  t.is(found.text, text);
  t.is(found.state.notes.length, 1);
  t.regex(found.state.notes[0]!, new RegExp(`^torn tail of \\d+ bytes dropped: ${name} at ${end}$`));
});

test("what recovery gave back stays, though the write was never acknowledged and the power fails right after", async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const disk = new MemoryDisk();
    const first = openLogStorage({ disk, keyRing, ...SIZES });
    await first.load();
    await first.append(batch(entries(1, 2), hardState(1, 1)));
    // The process ended after a write, before it was durable: the next segment has it in memory alone.
    const name = disk.names().find((one) => one.endsWith(".wal"))!;
    const acknowledged = disk.file(name).read(0, disk.file(name).size);
    await first.append(batch(entries(3, 3)));
    const written = disk.file(name).read(0, disk.file(name).size);
    disk.file(name).truncate(0);
    disk.file(name).write(0, acknowledged);
    disk.file(name).sync();
    disk.file(name).write(0, written);

    const second = openLogStorage({ disk, keyRing, ...SIZES });
    t.is((await second.load()).entries.length, 3);
    const random = seeded(seed);
    disk.losePower(() => random() < 0.5);
    t.is((await openLogStorage({ disk, keyRing, ...SIZES }).load()).entries.length, 3);
  }
});
