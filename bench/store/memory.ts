/**
 * What 100,000 tasks take, in a process of their own that has loaded what a manager has. `memory.js leader|follower|restart FOLDER`:
 *
 *   leader     creates the tasks, gives each some updates, writes a snapshot's parts and the log's entries into the folder
 *   follower   takes in those entries
 *   restart    takes in that snapshot
 *
 * Prints one line of JSON.
 */
import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import "@grpc/grpc-js";
import "../../src/api/generated/docker/swarmkit/v1/control.js";
import "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import type { CommittedEntry } from "../../src/raft/node/raft.js";
import { systemClock } from "../../src/store/clock.js";
import type { Proposal } from "../../src/store/proposer.js";
import { ReplicatedStore } from "../../src/store/replicated-store.js";
import { systemRandom } from "../../src/store/system-random.js";
import { SampleCluster } from "./sample-tasks.js";

const TASKS = 100_000;
const UPDATES = 2;
const IDLE_MS = 2000;

const [mode, folder] = process.argv.slice(2) as [string, string];
const entriesFile = join(folder, "entries");
const partsFile = join(folder, "parts");

const replicated = new ReplicatedStore({ clock: systemClock, random: systemRandom, log: console.error });
const { store, machine } = replicated;
const delay = monitorEventLoopDelay({ resolution: 1 });
const idleRss = process.memoryUsage().rss;
const figures: Record<string, number> = { idleMb: idleRss / 1e6 };
const started = performance.now();

if (mode === "leader") {
  const entries = openSync(entriesFile, "w");
  let index = 0;
  const commit = (entry: CommittedEntry<Proposal>) => {
    writeFramed(entries, entry.data);
    machine.apply([entry]);
  };
  replicated.attach({
    id: "1",
    leadership: { role: "leader", leader: "1", term: 1 },
    get nextIndex() {
      return index + 1;
    },
    propose: async (data, local) => {
      index++;
      const at = index;
      await new Promise((resolve) => setImmediate(resolve));
      commit({ index: at, term: 1, data, local });
    },
  });
  const cluster = new SampleCluster();
  const numbers = Array.from({ length: TASKS }, (_, number) => number);
  await store.batch(numbers, (tx, number) => tx.create("task", cluster.task(number)));
  figures.createdPerSecond = (TASKS * 1000) / (performance.now() - started);
  figures.createdRssMb = process.memoryUsage().rss / 1e6;
  const ids = store.view((read) => read.all("task").map(({ id }) => id));
  for (let round = 0; round < UPDATES; round++) {
    await store.batch(ids, (tx, id) => {
      const task = tx.get("task", id)!;
      tx.update("task", { ...task, status: { ...task.status!, message: `round ${round}` } });
    });
  }
  closeSync(entries);
  measureMemory();
  await snapshot();
} else {
  delay.enable();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  figures.idleStallMs = delay.max / 1e6;
  delay.reset();
  const began = performance.now();
  const cpuBefore = cpuMs();
  if (mode === "follower") {
    let index = 0;
    for await (const data of framed(entriesFile)) {
      index++;
      machine.apply([{ index, term: 1, data, local: undefined }]);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } else {
    await machine.restore(framed(partsFile), TASKS);
  }
  delay.disable();
  figures.tookMs = performance.now() - began;
  figures.cpuMs = cpuMs() - cpuBefore;
  figures.longestStallMs = delay.max / 1e6;
  const count = store.view((read) => read.all("task").length);
  if (count !== TASKS) throw new Error(`${count} tasks`);
  measureMemory();
}
process.stdout.write(JSON.stringify(figures));

/** As the system sees it, without help; and what is left when all garbage is gone. */
function measureMemory(): void {
  figures.rssMb = process.memoryUsage().rss / 1e6;
  (globalThis as { gc?: () => void }).gc?.();
  figures.heapMb = process.memoryUsage().heapUsed / 1e6;
}

async function snapshot(): Promise<void> {
  const parts = openSync(partsFile, "w");
  const before = performance.now();
  const held = machine.snapshot();
  figures.holdMs = performance.now() - before;
  figures.longestPartMs = 0;
  let bytes = 0;
  let workMs = 0;
  let from = cpuMs();
  for (const part of held) {
    const tookMs = cpuMs() - from;
    figures.longestPartMs = Math.max(figures.longestPartMs, tookMs);
    workMs += tookMs;
    bytes += part.length;
    writeFramed(parts, part);
    await new Promise((resolve) => setImmediate(resolve));
    from = cpuMs();
  }
  figures.snapshotMb = bytes / 1e6;
  figures.snapshotMs = workMs;
  closeSync(parts);
}

/** Of this process, all threads: what others do on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function writeFramed(file: number, bytes: Uint8Array): void {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(bytes.length);
  writeSync(file, head);
  writeSync(file, bytes);
}

/** As a log's reader gives it: one buffer each. */
async function* framed(path: string): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE(0)) {
      const end = 4 + rest.readUInt32LE(0);
      yield Buffer.from(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  }
}
