/** The store: single operations with the log in memory, and what 100,000 tasks take. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Task } from "../src/api/generated/docker/swarmkit/v1/objects.js";
import { systemClock } from "../src/store/clock.js";
import { MemoryProposer } from "../src/store/proposer.js";
import { Store } from "../src/store/store.js";
import { SampleCluster } from "./store/sample-tasks.js";
import { type Figure, printFigures, spread } from "./table.js";

const ROUNDS = 9;
const TASKS = 10_000;
const WATCHERS = 10_000;

printFigures([...(await operations()), ...memory()]);

async function operations(): Promise<readonly Figure[]> {
  const cluster = new SampleCluster();
  const tasks = Array.from({ length: TASKS }, (_, number) => cluster.task(number));
  const ids = tasks.map(({ id }) => id);
  const batches: number[] = [];
  const batchCpu: number[] = [];
  let store = new Store(new MemoryProposer(), systemClock);
  for (let round = 0; round < ROUNDS; round++) {
    store = new Store(new MemoryProposer(), systemClock);
    const cpu = cpuUs();
    const start = performance.now();
    await store.batch(tasks, (tx, task) => tx.create("task", task));
    batches.push((TASKS * 1000) / (performance.now() - start));
    batchCpu.push((TASKS * 1e6) / (cpuUs() - cpu));
  }
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const touch = (id: string) =>
    store.update((tx) => {
      const task = tx.get("task", id)!;
      tx.update("task", { ...task, status: { ...task.status!, message: "running" } });
    });
  const id = ids[17]!;
  const figures: Figure[] = [
    figure("floor: get from a Map", ROUNDS, 200_000, (i) => byId.get(ids[i % TASKS]!)),
    figure("get", ROUNDS, 200_000, (i) => store.view((read) => read.get("task", ids[i % TASKS]!)), "bar ≤ 1 µs"),
    figure("find the tasks of a service, 100 of 10,000", ROUNDS, 20_000, () =>
      store.view((read) => read.find("task", "service", tasks[0]!.serviceId)),
    ),
    {
      what: "floor: the generated code encodes the task",
      value: text(await asyncTimes(5000, async (i) => Task.encode(tasks[i % TASKS]!).finish())),
    },
    await asyncFigure(
      "update in a transaction, one after the other",
      5000,
      (i) => touch(ids[i % TASKS]!),
      "bar ≤ 20 µs",
    ),
  ];

  let heard = 0;
  const plain = await asyncTimes(2000, () => touch(id));
  for (let i = 0; i < WATCHERS; i++) {
    store.watch([{ kind: "task", index: "node", key: i === 0 ? tasks[17]!.nodeId : `node-${i}` }], () => heard++);
  }
  const watched = await asyncTimes(2000, () => touch(id));
  if (heard !== 2000 * ROUNDS) throw new Error(`${heard} events heard`);
  figures.push(
    {
      what: `update that 1 of ${WATCHERS} watchers hears of, all in all`,
      value: text(watched),
      beside: "bar ≤ 20 µs for the event",
    },
    { what: "the same without watchers", value: text(plain) },
    {
      what: "batch create of 10,000 tasks, objects a second",
      value: `${spread(batches, 0)}; a second of CPU ${spread(batchCpu, 0)}`,
      beside: "bar ≥ 40,000",
    },
  );
  return figures;
}

/** Microseconds of CPU of this process, all threads: what others do on the machine does not count. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function figure(what: string, rounds: number, count: number, work: (i: number) => unknown, beside?: string): Figure {
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    for (let i = 0; i < count; i++) work(i);
    return ((performance.now() - start) * 1000) / count;
  });
  return { what, value: `${spread(times, 3)} µs`, ...(beside ? { beside } : {}) };
}

/** Wall time and CPU of each call. */
interface Times {
  readonly wallUs: number[];
  readonly cpuUs: number[];
}

async function asyncTimes(count: number, work: (i: number) => Promise<unknown>): Promise<Times> {
  const times: Times = { wallUs: [], cpuUs: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const cpu = cpuUs();
    const start = performance.now();
    for (let i = 0; i < count; i++) await work(i);
    times.wallUs.push(((performance.now() - start) * 1000) / count);
    times.cpuUs.push((cpuUs() - cpu) / count);
  }
  return times;
}

function text({ wallUs, cpuUs: cpu }: Times): string {
  return `${spread(wallUs, 1)} µs; CPU ${spread(cpu, 1)} µs`;
}

async function asyncFigure(
  what: string,
  count: number,
  work: (i: number) => Promise<unknown>,
  beside: string,
): Promise<Figure> {
  return { what, value: text(await asyncTimes(count, work)), beside };
}

function memory(): readonly Figure[] {
  const folder = mkdtempSync(join(tmpdir(), "tsw-bench-store-"));
  try {
    const [leader, follower, restart] = ["leader", "follower", "restart"].map((mode) => {
      const program = join(import.meta.dirname, "store", "memory.js");
      const { stdout, stderr, status } = spawnSync(process.execPath, ["--expose-gc", program, mode, folder], {
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(`${mode}: ${stderr}`);
      return JSON.parse(stdout) as Readonly<Record<string, number>>;
    }) as [Readonly<Record<string, number>>, Readonly<Record<string, number>>, Readonly<Record<string, number>>];
    const megabytes = ({ rssMb, heapMb, idleMb }: Readonly<Record<string, number>>) =>
      `${rssMb!.toFixed(0)} MB (${heapMb!.toFixed(0)} of it living; ${idleMb!.toFixed(0)} before the first task)`;
    return [
      {
        what: "100,000 tasks: RSS of the leader that created them",
        value: `${leader.createdRssMb!.toFixed(0)} MB`,
        beside: "bar ≤ 350",
      },
      { what: "the same, each updated twice in one go", value: megabytes(leader), beside: "bar ≤ 350" },
      { what: "RSS of a follower that took in the same log", value: megabytes(follower), beside: "bar ≤ 350" },
      { what: "RSS after a restart from the snapshot", value: megabytes(restart), beside: "bar ≤ 350" },
      { what: "snapshot: taking hold of the state", value: `${leader.holdMs!.toFixed(2)} ms`, beside: "bar ≤ 10 ms" },
      {
        what: "snapshot: CPU of the longest part, of all",
        value: `${leader.longestPartMs!.toFixed(2)} of ${leader.snapshotMs!.toFixed(0)} ms, ${leader.snapshotMb!.toFixed(0)} MB`,
        beside: "bar ≤ 10 ms",
      },
      {
        what: "restore of the snapshot",
        value: `${restart.tookMs!.toFixed(0)} ms; CPU ${restart.cpuMs!.toFixed(0)} ms`,
        beside: "bar ≤ 5,000 ms to ready",
      },
      {
        what: "the longest stall meanwhile",
        value: `${restart.longestStallMs!.toFixed(1)} ms`,
        beside: `floor: an idle process ${restart.idleStallMs!.toFixed(1)} ms`,
      },
      {
        what: "taking in the log of the tasks and 200,000 updates",
        value: `${follower.tookMs!.toFixed(0)} ms; CPU ${follower.cpuMs!.toFixed(0)} ms`,
      },
      { what: "the longest stall meanwhile", value: `${follower.longestStallMs!.toFixed(1)} ms` },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
