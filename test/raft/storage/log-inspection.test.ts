import test from "ava";
import { openLogStorage } from "../../../src/raft/storage/disk-log-storage.js";
import { type LogItem, readLogFolder } from "../../../src/raft/storage/log-inspection.js";
import { dataKey } from "../../../src/security/at-rest/key-ring.js";
import { FaultyDisk, flipBit } from "../disk/faulty-disk.js";
import { MemoryDisk } from "../disk/memory-disk.js";
import { batch, entries, hardState, snapshotAt, storeSnapshot, testKeyRing } from "./log-contents.js";

const NO_KEYS = { get: () => undefined };

/** Entries 1 to 40 in segments of two keys, a snapshot of 20, an unfinished file. */
async function writtenLog() {
  const disk = new MemoryDisk();
  const keyRing = testKeyRing(1);
  const storage = openLogStorage({ disk, keyRing, segmentBytes: 1 << 10 });
  await storage.load();
  await storage.setIdentity(Buffer.from("member"));
  for (let index = 1; index <= 20; index++) await storage.append(batch(entries(index, index), hardState(1, index)));
  await storeSnapshot(storage, snapshotAt(20), [Buffer.from("one"), Buffer.from("three")]);
  await storage.compact(snapshotAt(20), 1, 1);
  keyRing.add(dataKey(Buffer.alloc(32, 2)));
  await storage.rotateKey();
  await storage.append(batch(entries(21, 40, 2), hardState(2, 30)));
  await storage.close();
  await disk.create("segment-1.new", 10);
  return { disk, keyRing };
}

async function itemsOf(disk: MemoryDisk, keyRing: Parameters<typeof readLogFolder>[0]["keyRing"]): Promise<LogItem[]> {
  const looking = new FaultyDisk(disk, { random: Math.random });
  const items: LogItem[] = [];
  for await (const item of readLogFolder({ disk: looking, keyRing })) items.push(item);
  if (looking.changes > 0) throw new Error("reading has changed the disk");
  return items;
}

function indexesOf(items: readonly LogItem[]): number[] {
  return items.flatMap((item) =>
    item.kind === "record" ? (item.content?.entries.map(({ Index }) => Index) ?? []) : [],
  );
}

const ofKind = <Kind extends LogItem["kind"]>(items: readonly LogItem[], kind: Kind) =>
  items.filter((item): item is Extract<LogItem, { kind: Kind }> => item.kind === kind);

test("a whole log is told to its end, and nothing is changed", async (t) => {
  const { disk, keyRing } = await writtenLog();
  const items = await itemsOf(disk, keyRing);
  t.deepEqual(
    indexesOf(items),
    indexesOf(items).toSorted((a, b) => a - b),
  );
  t.is(indexesOf(items).length, 40);
  const segments = ofKind(items, "segment");
  t.true(segments.length >= 3);
  t.is(new Set(segments.map(({ keyId }) => keyId)).size, 2);
  t.is(segments.at(-1)!.state!.lastIndex, 20);
  t.is(Buffer.from(segments.at(-1)!.state!.identity!).toString(), "member");
  const [snapshot] = ofKind(items, "snapshot");
  t.deepEqual(snapshot!.metadata, snapshotAt(20));
  t.is(snapshot!.chunks, 2);
  t.is(snapshot!.contentBytes, 8);
  const records = ofKind(items, "record");
  t.is(records.at(-1)!.content?.mark, "closed");
  t.is(records.filter(({ number }) => number === undefined).length, segments.length - 1);
  t.deepEqual(ofKind(items, "damage"), []);
  t.deepEqual(ofKind(items, "other"), [{ kind: "other", file: "segment-1.new" }]);
});

test("without keys the shape is told, and which keys are missing", async (t) => {
  const { disk, keyRing } = await writtenLog();
  const items = await itemsOf(disk, NO_KEYS);
  t.deepEqual(indexesOf(items), []);
  t.deepEqual(ofKind(items, "damage"), []);
  const locked = new Set(ofKind(items, "locked").map(({ keyId }) => keyId));
  t.deepEqual(
    [...locked].sort(),
    keyRing
      .keys()
      .map(({ id }) => id)
      .sort(),
  );
  t.is(ofKind(items, "record").length, ofKind(await itemsOf(disk, keyRing), "record").length);
});

test("it goes on after damage", async (t) => {
  const { disk, keyRing } = await writtenLog();
  const [, third] = ofKind(await itemsOf(disk, keyRing), "record").filter(({ content }) => content?.entries.length);
  flipBit(disk, third!.file, (third!.offset + 30) * 8);
  const items = await itemsOf(disk, keyRing);
  const damage = ofKind(items, "damage");
  t.is(damage[0]!.file, third!.file);
  t.is(damage[0]!.offset, third!.offset);
  t.deepEqual(
    indexesOf(items),
    indexesOf(await itemsOf((await writtenLog()).disk, keyRing)).filter((index) => index !== 2),
  );
});

test("a segment that is missing, and one whose header is broken, are told", async (t) => {
  const { disk, keyRing } = await writtenLog();
  const names = disk.names().filter((name) => name.endsWith(".wal"));
  await disk.remove(names[1]!);
  t.regex(ofKind(await itemsOf(disk, keyRing), "damage")[0]!.reason, /segment 2 before it is missing/);
  flipBit(disk, names[0]!, 100 * 8);
  const damage = ofKind(await itemsOf(disk, keyRing), "damage");
  t.is(damage[0]!.file, names[0]!);
  t.is(damage[0]!.reason, "the header fails its checksum");
});

test("a snapshot that is cut is told, with what can be read of it", async (t) => {
  const { disk, keyRing } = await writtenLog();
  const name = disk.names().find((one) => one.endsWith(".snap"))!;
  disk.file(name).truncate(disk.file(name).size - 3);
  const items = await itemsOf(disk, keyRing);
  t.is(ofKind(items, "snapshot")[0]!.chunks, 0);
  t.is(ofKind(items, "damage")[0]!.file, name);
});

test("a torn tail is told as such", async (t) => {
  const { disk, keyRing } = await writtenLog();
  const name = disk.names().findLast((one) => one.endsWith(".wal"))!;
  disk.file(name).write(disk.file(name).size - 100, Buffer.alloc(50, 1));
  t.is(ofKind(await itemsOf(disk, keyRing), "torn")[0]!.file, name);
});
