/** What every disk does; and what only those with faults do. */
import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type Disk, DiskError } from "../../../src/raft/disk/disk.js";
import { FolderDisk } from "../../../src/raft/disk/folder-disk.js";
import { seeded } from "../storage/crash-story.js";
import { FaultyDisk } from "./faulty-disk.js";
import { MemoryDisk } from "./memory-disk.js";
import { SECTOR_BYTES } from "./memory-file.js";

async function inFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "tswarm-disk-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const DISKS: readonly (readonly [string, (use: (disk: Disk) => Promise<void>) => Promise<void>])[] = [
  ["a folder", (use) => inFolder((folder) => use(new FolderDisk(join(folder, "made"))))],
  ["memory", (use) => use(new MemoryDisk())],
  ["memory with faults", (use) => use(new FaultyDisk(new MemoryDisk(), { random: seeded(1) }))],
];

async function failsWith(t: ExecutionContext, code: DiskError["code"], outcome: Promise<unknown>): Promise<void> {
  const error = await t.throwsAsync(outcome, { instanceOf: DiskError });
  t.is(error.code, code);
}

for (const [name, on] of DISKS) {
  test(`${name}: a file is zeros of its size, and keeps what is written`, (t) =>
    on(async (disk) => {
      t.deepEqual(await disk.list(), []);
      const file = await disk.create("b", 700_000);
      t.is(await file.size(), 700_000);
      t.true(Buffer.from(await file.read(0, 700_000)).every((byte) => byte === 0));
      await file.write(10, Buffer.from("written"));
      await file.writeDurably(699_998, Buffer.from("durably"));
      await file.sync();
      t.is(await file.size(), 700_005);
      await file.close();
      const again = await disk.open("b");
      t.is(Buffer.from(await again.read(10, 7)).toString(), "written");
      t.is(Buffer.from(await again.read(699_998, 100)).toString(), "durably");
      t.is((await again.read(800_000, 10)).length, 0);
      await again.truncate(12);
      t.is(
        Buffer.from(await again.read(0, 100))
          .toString("latin1")
          .slice(10),
        "wr",
      );
      await again.close();
    }));

  test(`${name}: names`, (t) =>
    on(async (disk) => {
      await disk.list();
      for (const one of ["b", "a", "c"]) await (await disk.create(one, 1)).close();
      t.deepEqual(await disk.list(), ["a", "b", "c"]);
      await failsWith(t, "exists", disk.create("a", 1));
      await failsWith(t, "not-found", disk.open("d"));
      await failsWith(t, "not-found", disk.rename("d", "e"));
      await failsWith(t, "not-found", disk.remove("d"));
      const open = await disk.open("a");
      await disk.rename("a", "b");
      await disk.remove("c");
      await disk.syncFolder();
      t.deepEqual(await disk.list(), ["b"]);
      // What is open stays what it was, under whichever name.
      await open.writeDurably(0, Buffer.from("x"));
      await open.close();
      const renamed = await disk.open("b");
      t.is(Buffer.from(await renamed.read(0, 5)).toString(), "x");
      await renamed.close();
    }));
}

test("in a folder only the owner can read, and nothing half-made stays behind", (t) =>
  inFolder(async (folder) => {
    const disk = new FolderDisk(join(folder, "log"));
    await disk.list();
    await (await disk.create("a", 10)).close();
    t.is((await stat(join(folder, "log"))).mode & 0o777, 0o700);
    t.is((await stat(join(folder, "log", "a"))).mode & 0o777, 0o600);
    t.true((await stat(join(folder, "log", "a"))).blocks > 0);
  }));

test("errors of a folder say what was tried, where, and the system's word", (t) =>
  inFolder(async (folder) => {
    const disk = new FolderDisk(folder);
    const error = await t.throwsAsync(disk.open("x.wal"), { instanceOf: DiskError });
    t.is(error.message, `cannot open ${join(folder, "x.wal")} (ENOENT)`);
    t.is(error.file, "x.wal");
  }));

test("a folder that is only read is not changed", (t) =>
  inFolder(async (folder) => {
    const writing = new FolderDisk(folder);
    const file = await writing.create("a", 5);
    await file.writeDurably(0, Buffer.from("hello"));
    await file.close();
    await chmod(join(folder, "a"), 0o400);
    const disk = new FolderDisk(folder, { readOnly: true });
    const found = await disk.open("a");
    t.is(Buffer.from(await found.read(0, 5)).toString(), "hello");
    await t.throwsAsync(found.write(0, Buffer.from("x")), { instanceOf: DiskError });
    await found.close();
    for (const change of [
      () => disk.create("b", 1),
      () => disk.rename("a", "b"),
      () => disk.remove("a"),
      () => disk.syncFolder(),
    ]) {
      await t.throwsAsync(async () => change(), { instanceOf: DiskError, message: /reading alone/ });
    }
    await t.throwsAsync(new FolderDisk(join(folder, "none"), { readOnly: true }).list(), { instanceOf: DiskError });
    t.deepEqual(await readdir(folder), ["a"]);
  }));

test("when the power fails, what was not synced is lost, and what was stays", async (t) => {
  const disk = new MemoryDisk();
  const file = await disk.create("a", 4 * SECTOR_BYTES);
  await disk.syncFolder();
  await file.writeDurably(0, Buffer.from("safe"));
  await file.write(600, Buffer.from("lost"));
  await disk.create("b", 10);
  disk.losePower();
  t.deepEqual(disk.names(), ["a"]);
  const again = await disk.open("a");
  t.is(Buffer.from(await again.read(0, 4)).toString(), "safe");
  t.deepEqual(Buffer.from(await again.read(600, 4)), Buffer.alloc(4));
});

test("a write is torn between sectors, never within one", async (t) => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const random = seeded(seed);
    const disk = new MemoryDisk();
    const file = await disk.create("a", 4 * SECTOR_BYTES);
    await disk.syncFolder();
    await file.write(100, Buffer.alloc(3 * SECTOR_BYTES, 1));
    disk.losePower(() => random() < 0.5);
    const bytes = Buffer.from(await (await disk.open("a")).read(0, 4 * SECTOR_BYTES));
    const sectors = [0, 1, 2, 3].map((at) => {
      const part = bytes.subarray(
        Math.max(100, at * SECTOR_BYTES),
        Math.min(100 + 3 * SECTOR_BYTES, (at + 1) * SECTOR_BYTES),
      );
      t.is(new Set(part).size, 1);
      return part[0];
    });
    seen.add(sectors.join(""));
  }
  t.true(seen.size > 8);
});

test("names may be lost one by one", async (t) => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const random = seeded(seed);
    const disk = new MemoryDisk();
    for (const name of ["a", "b"]) await disk.create(name, 1);
    await disk.syncFolder();
    await disk.remove("a");
    await disk.rename("b", "c");
    disk.losePower(() => random() < 0.5);
    seen.add(disk.names().join(""));
  }
  t.deepEqual([...seen].sort(), ["ab", "ac", "b", "c"]);
});

test("a life that is over can do nothing any more", async (t) => {
  const disk = new MemoryDisk();
  const life = new FaultyDisk(disk, { random: seeded(1), powerFailsAfter: 2 });
  const file = await life.create("a", 10);
  await life.syncFolder();
  await failsWith(t, "io", file.writeDurably(0, Buffer.from("x")));
  t.true(life.isOver);
  for (const outcome of [life.list(), file.read(0, 1), file.write(0, Buffer.from("y")), life.open("a")]) {
    await failsWith(t, "io", outcome);
  }
  t.deepEqual(disk.names(), ["a"]);
});

test("a delayed write may have happened when the process is killed meanwhile; one that returned has", async (t) => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 30; seed++) {
    const disk = new MemoryDisk();
    await disk.create("a", 1);
    const life = new FaultyDisk(disk, {
      random: seeded(seed),
      delay: (what) => (what === "write" ? new Promise(() => undefined) : undefined),
    });
    void (await life.open("a")).write(0, Buffer.from("x"));
    await new Promise((resolve) => setImmediate(resolve));
    life.kill();
    seen.add(disk.file("a").read(0, 1).toString());
  }
  t.deepEqual([...seen].sort(), ["\0", "x"]);
});

test("a disk of limited size is full when it is", async (t) => {
  const disk = new FaultyDisk(new MemoryDisk(), { random: seeded(1), capacityBytes: 1000 });
  const file = await disk.create("a", 900);
  await failsWith(t, "no-space", disk.create("b", 200));
  await failsWith(t, "no-space", file.write(950, Buffer.alloc(100)));
  await file.write(850, Buffer.alloc(100));
  await disk.remove("a");
  await disk.create("b", 1000);
});
