/** Files as tasks write them, the recorder that watches them, and who reads them. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { OutputReader, type ReadFrom } from "../../../src/agent/logs/output-reader.js";
import { OutputRecorder } from "../../../src/agent/logs/output-recorder.js";

const KEPT_BYTES = 64 * 1024;
const ALL: ReadFrom = { lines: undefined, sinceNanos: 0n };
const PATIENCE_MS = 60_000;

interface Bed {
  readonly recorder: OutputRecorder;
  readonly folder: string;
  readonly path: string;
  /** Another agent takes over. */
  restart(): Promise<OutputRecorder>;
}

async function bed(t: ExecutionContext): Promise<Bed> {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-logs-"));
  const make = async () => {
    const recorder = new OutputRecorder({ folder, keptBytes: KEPT_BYTES, log: (line) => t.fail(line) });
    await recorder.start();
    return recorder;
  };
  mkdirSync(join(folder, "task1"));
  let current = await make();
  t.teardown(async () => {
    await current.stop();
    rmSync(folder, { recursive: true });
  });
  return {
    folder,
    path: join(folder, "task1", "stdout"),
    get recorder() {
      return current;
    },
    restart: async () => {
      await current.stop();
      current = await make();
      return current;
    },
  };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > giveUpAt) throw new Error(`it never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** All lines from there on, as text. */
async function read({ recorder }: Bed, from: ReadFrom = ALL): Promise<readonly string[]> {
  const file = recorder.file("task1", "stdout")!;
  const reader = (await OutputReader.open(file, from))!;
  const lines: string[] = [];
  try {
    while (reader.hasMore()) for (const { data } of await reader.next()) lines.push(data.toString());
    const rest = await reader.rest();
    if (rest) lines.push(rest.data.toString());
  } finally {
    await reader.close();
  }
  return lines;
}

/** As if it had been written then; whoever looks finds it written and dated at once. */
function writeAt(path: string, text: string, second: number): void {
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  writeFileSync(`${path}.new`, before + text);
  utimesSync(`${path}.new`, second, second);
  renameSync(`${path}.new`, path);
}

test("the kernel tells of what is written, in a folder that is new too; each line carries the time of its write", async (t) => {
  const world = await bed(t);
  mkdirSync(join(world.folder, "task2"));
  const path = join(world.folder, "task2", "stderr");
  appendFileSync(path, "one\n");
  await until("it is seen", () => world.recorder.file("task2", "stderr")?.sizeBytes === 4);
  const file = world.recorder.file("task2", "stderr")!;
  let grown = 0;
  const end = file.onGrowth(() => grown++);
  const first = statSync(path, { bigint: true }).mtimeNs;
  appendFileSync(path, "two\n");
  await until("it has grown", () => grown > 0);
  end();
  const reader = (await OutputReader.open(file, ALL))!;
  const [one, two] = await reader.next();
  await reader.close();
  t.deepEqual([one!.data.toString(), two!.data.toString()], ["one\n", "two\n"]);
  t.is(one!.nanos, first);
  t.is(two!.nanos, statSync(path, { bigint: true }).mtimeNs);
});

test("an agent that comes later knows the times of the one before; what was written in between has that of its last write", async (t) => {
  const world = await bed(t);
  for (const second of [1000, 2000]) {
    writeAt(world.path, `at ${second}\n`, second);
    await world.recorder.file("task1", "stdout")!.look();
  }
  await world.recorder.stop();
  writeAt(world.path, "unseen\n", 3000);
  writeAt(world.path, "unseen too\n", 4000);
  const file = (await world.restart()).file("task1", "stdout")!;
  const reader = (await OutputReader.open(file, ALL))!;
  const lines = await reader.next();
  await reader.close();
  t.deepEqual(
    lines.map(({ data, nanos }) => [data.toString(), nanos / 1_000_000_000n]),
    [
      ["at 1000\n", 1000n],
      ["at 2000\n", 2000n],
      ["unseen\n", 4000n],
      ["unseen too\n", 4000n],
    ],
  );
});

test("of many marks those in memory and those on the disk tell the same, before and after a restart", async (t) => {
  const world = await bed(t);
  const count = 300;
  let text = "";
  for (let second = 1; second <= count; second++) {
    writeAt(world.path, `${second}\n`, second);
    text += `${second}\n`;
    await world.recorder.file("task1", "stdout")!.look();
  }
  const times = async () => {
    const reader = (await OutputReader.open(world.recorder.file("task1", "stdout")!, ALL))!;
    const lines = await reader.next();
    await reader.close();
    t.is(lines.map(({ data }) => data.toString()).join(""), text);
    return lines.map(({ nanos }) => Number(nanos / 1_000_000_000n));
  };
  const expected = Array.from({ length: count }, (_, at) => at + 1);
  t.deepEqual(await times(), expected);
  await world.restart();
  t.deepEqual(await times(), expected);
  t.deepEqual(await read(world, { lines: undefined, sinceNanos: 299n * 1_000_000_000n }), ["299\n", "300\n"]);
});

test("the newest lines, and those since a time", async (t) => {
  const world = await bed(t);
  for (const second of [1000, 2000, 3000]) {
    writeAt(world.path, `a${second}\nb${second}\n`, second);
    await world.recorder.file("task1", "stdout")!.look();
  }
  const since = (second: number) => ({ lines: undefined, sinceNanos: BigInt(second) * 1_000_000_000n });
  t.deepEqual(await read(world, { lines: 0, sinceNanos: 0n }), []);
  t.deepEqual(await read(world, { lines: 1, sinceNanos: 0n }), ["b3000\n"]);
  t.deepEqual(await read(world, { lines: 3, sinceNanos: 0n }), ["b2000\n", "a3000\n", "b3000\n"]);
  t.is((await read(world, { lines: 100, sinceNanos: 0n })).length, 6);
  t.deepEqual(await read(world, since(2001)), ["a3000\n", "b3000\n"]);
  t.is((await read(world, since(2000))).length, 4);
  t.deepEqual(await read(world, since(3001)), []);
  t.deepEqual(await read(world, { ...since(2000), lines: 1 }), ["b3000\n"]);
  appendFileSync(world.path, "no end");
  await world.recorder.file("task1", "stdout")!.look();
  t.deepEqual(await read(world, { lines: 2, sinceNanos: 0n }), ["b3000\n", "no end"]);
});

test("a line that is marked in the middle is whole, and has the time of its end", async (t) => {
  const world = await bed(t);
  const file = world.recorder.file("task1", "stdout")!;
  writeAt(world.path, "first\nhalf", 1000);
  await file.look();
  writeAt(world.path, " and half\n", 2000);
  await file.look();
  t.deepEqual(await read(world, { lines: undefined, sinceNanos: 1500n * 1_000_000_000n }), ["half and half\n"]);
});

test("a long line comes in pieces, whatever way it is reached", async (t) => {
  const world = await bed(t);
  const long = "x".repeat(40_000);
  appendFileSync(world.path, `short\n${long}\nlast\n`);
  await world.recorder.file("task1", "stdout")!.look();
  const lines = await read(world);
  t.deepEqual(
    lines.map(({ length }) => length),
    [6, 16_384, 16_384, 40_001 - 32_768, 5],
  );
  t.is(lines.slice(1, 4).join(""), `${long}\n`);
  t.deepEqual(await read(world, { lines: 2, sinceNanos: 0n }), lines.slice(1));
});

test("of a file whose oldest part was punched out the rest is read, from the beginning of a line", async (t) => {
  const world = await bed(t);
  const total = 20_000;
  const text = (number: number) => `line ${number}\n`;
  for (let at = 0; at < total; at += 1000) {
    appendFileSync(world.path, Array.from({ length: 1000 }, (_, more) => text(at + more)).join(""));
  }
  await world.recorder.file("task1", "stdout")!.look();
  const { size } = statSync(world.path);
  const punched = Math.floor((size - KEPT_BYTES) / 4096) * 4096;
  execFileSync("fallocate", ["--punch-hole", "--offset", "0", "--length", String(punched), world.path]);
  const lines = await read(world);
  const first = Number(lines[0]!.slice(5));
  t.deepEqual(
    lines,
    Array.from({ length: total - first }, (_, more) => text(first + more)),
  );
  const bytes = lines.join("").length;
  t.true(bytes <= KEPT_BYTES && bytes > KEPT_BYTES - 20, `${bytes} of ${KEPT_BYTES}`);
});

test("who reads more slowly than the file goes is told how much was dropped", async (t) => {
  const world = await bed(t);
  const file = world.recorder.file("task1", "stdout")!;
  const line = `${"y".repeat(99)}\n`;
  appendFileSync(world.path, line.repeat(600));
  await file.look();
  const reader = (await OutputReader.open(file, ALL))!;
  let bytes = 0;
  for (const { data } of await reader.next()) bytes += data.length;
  appendFileSync(world.path, line.repeat(3000));
  await file.look();
  const { size } = statSync(world.path);
  const punched = Math.floor((size - KEPT_BYTES) / 4096) * 4096;
  execFileSync("fallocate", ["--punch-hole", "--offset", "0", "--length", String(punched), world.path]);
  while (reader.hasMore()) {
    for (const { data } of await reader.next()) {
      t.is(data.toString(), line);
      bytes += data.length;
    }
  }
  await reader.close();
  t.true(reader.lostBytes > 0);
  t.true(Math.abs(size - bytes - reader.lostBytes) < 2 * line.length + 1, "no more than the cut lines besides");
});

test("a file that was emptied begins anew, and so do its times", async (t) => {
  const world = await bed(t);
  const file = world.recorder.file("task1", "stdout")!;
  appendFileSync(world.path, "a long first life\n");
  await file.look();
  const reader = (await OutputReader.open(file, ALL))!;
  t.is((await reader.next()).length, 1);
  truncateSync(world.path, 0);
  appendFileSync(world.path, "anew\n");
  await file.look();
  t.true(reader.hasMore());
  const [line] = await reader.next();
  await reader.close();
  t.deepEqual([line!.data.toString(), line!.nanos], ["anew\n", statSync(world.path, { bigint: true }).mtimeNs]);
});

test("a file that is gone is read to its end by who holds it; its folder is left alone", async (t) => {
  const world = await bed(t);
  const file = world.recorder.file("task1", "stdout")!;
  appendFileSync(world.path, "one\n");
  await file.look();
  const reader = (await OutputReader.open(file, ALL))!;
  appendFileSync(world.path, "two\n");
  unlinkSync(world.path);
  rmSync(join(world.folder, "task1"), { recursive: true });
  await reader.look();
  t.deepEqual(
    (await reader.next()).map(({ data }) => data.toString()),
    ["one\n", "two\n"],
  );
  await reader.close();
  await world.recorder.look();
  t.is(world.recorder.file("task1", "stdout"), undefined);
  t.deepEqual(readdirSync(world.folder), []);
});

test("a task that writes all the time costs few marks", async (t) => {
  const world = await bed(t);
  const file = world.recorder.file("task1", "stdout")!;
  for (let number = 0; number < 3000; number++) {
    appendFileSync(world.path, `${number}\n`);
    if (number % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await file.look();
  await file.close();
  const bytes = statSync(join(world.folder, "task1", "times", "stdout")).size;
  t.true(bytes > 0 && bytes <= 301 * 16, `${bytes} bytes`);
});
