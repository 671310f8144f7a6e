/**
 * The scheduler: how long it takes to place tasks. "Alone" is what its decisions cost when it knows the nodes; with the store, all from
 * a new leader's first look at the nodes to the last task's ASSIGNED in a log in memory, as SwarmKit's own benchmark counts it. CPU is
 * this process's, with all its threads: what others do on the machine does not count, but for the caches.
 */
import { Node, Task } from "../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeStatus_State as NodeState, TaskState } from "../src/api/generated/docker/swarmkit/v1/types.js";
import { ControlLoop } from "../src/manager/loop/control-loop.js";
import { Scheduler } from "../src/manager/scheduler/scheduler.js";
import { systemClock } from "../src/store/clock.js";
import { MemoryProposer } from "../src/store/proposer.js";
import { Store } from "../src/store/store.js";
import { type Figure, printFigures, spread } from "./table.js";

const ROUNDS = 3;
const WARM_UP = 4;

interface Case {
  readonly nodes: number;
  readonly tasks: number;
  /** 0 for one-off tasks: every one of a service of its own. */
  readonly services: number;
  readonly more?: Parameters<typeof Task.fromPartial>[0];
  readonly what?: string;
  readonly bar?: string;
}

const RESERVED = { spec: { resources: { reservations: { nanoCpus: 1e7, memoryBytes: 1 << 23 } } } };
const CONSTRAINED = { spec: { placement: { constraints: ["node.labels.zone!=z9", "node.role==worker"] } } };
const SPREAD = {
  spec: {
    placement: {
      preferences: ["node.labels.zone", "node.labels.rack"].map((spreadDescriptor) => ({
        Preference: { $case: "spread" as const, value: { spreadDescriptor } },
      })),
    },
  },
};

const CASES: readonly Case[] = [
  { nodes: 1000, tasks: 10_000, services: 1, bar: "bar ≤ 100 [710–1130]" },
  { nodes: 1000, tasks: 10_000, services: 100, bar: "bar ≤ 100 [680–730]" },
  { nodes: 1000, tasks: 10_000, services: 0, bar: "bar ≤ 100 [2560]" },
  { nodes: 1000, tasks: 10_000, services: 10, more: RESERVED, what: "with reservations", bar: "bar ≤ 100" },
  { nodes: 1000, tasks: 10_000, services: 10, more: CONSTRAINED, what: "with constraints", bar: "bar ≤ 100 [2640]" },
  { nodes: 1000, tasks: 10_000, services: 10, more: SPREAD, what: "spread over zones and racks", bar: "bar ≤ 100" },
  { nodes: 1000, tasks: 100_000, services: 1, bar: "bar ≤ 1500 [17,700]" },
  { nodes: 1000, tasks: 100_000, services: 100, bar: "bar ≤ 1500 [11,600]" },
  { nodes: 10_000, tasks: 100_000, services: 100, bar: "bar ≤ 2000" },
  { nodes: 100_000, tasks: 1000, services: 1, bar: "bar ≤ 100 [940]" },
  { nodes: 100_000, tasks: 1000, services: 0, bar: "bar ≤ 100 [72,000]" },
];

// A manager that leads for a while has all of this compiled. A forced collection of garbage would undo that.
for (let round = 0; round < WARM_UP; round++) {
  for (const more of [RESERVED, CONSTRAINED, SPREAD]) await decide({ nodes: 1000, tasks: 5000, services: 10, more });
  await decide({ nodes: 1000, tasks: 2000, services: 0 });
}

const figures: Figure[] = [];
for (const one of CASES) figures.push(...(await measure(one)));
printFigures(figures);

async function measure(one: Case): Promise<readonly Figure[]> {
  const runs: Alone[] = [];
  for (let round = 0; round < ROUNDS; round++) runs.push(await decide(one));
  const whole = await withStore(one);
  const kind = one.services === 0 ? "one-off" : `${one.services} service${one.services === 1 ? "" : "s"}`;
  const name = `${count(one.tasks)} tasks, ${count(one.nodes)} nodes, ${kind}${one.what ? `, ${one.what}` : ""}`;
  const of = (read: (run: Alone) => number) => runs.map(read);
  return [
    {
      what: `${name}: alone, ms`,
      value: spread(of(({ totalMs }) => totalMs)),
      ...(one.bar ? { beside: one.bar } : {}),
    },
    { what: "… its CPU, ms", value: spread(of(({ cpuMs: ms }) => ms)) },
    { what: "… the longest slice, ms of CPU", value: spread(of(({ longestMs }) => longestMs)), beside: "bar ≤ 5" },
    { what: "… first look at the nodes, ms of CPU", value: spread(of(({ lookMs }) => lookMs)) },
    { what: "… with the store, ms; ms of CPU", value: `${whole.wallMs.toFixed(0)}; ${whole.cpuMs.toFixed(0)}` },
  ];
}

interface Alone {
  readonly totalMs: number;
  readonly cpuMs: number;
  readonly longestMs: number;
  readonly lookMs: number;
}

/** Slice after slice, nothing written. */
async function decide(one: Case): Promise<Alone> {
  const store = new Store(new MemoryProposer(), systemClock);
  await store.batch(nodesOf(one), (tx, node) => tx.create("node", node));
  const scheduler = new Scheduler(store, systemClock);
  store.viewAndWatch(
    (read) => scheduler.begin(read),
    scheduler.selectors,
    (events) => scheduler.noticed(events),
  );
  const before = cpuMs();
  while (!scheduler.isUpToDate) scheduler.slice();
  const lookMs = cpuMs() - before;
  await store.batch(tasksOf(one), (tx, task) => tx.create("task", task));
  let longestMs = 0;
  let decided = 0;
  const cpuStart = cpuMs();
  const start = performance.now();
  while (decided < one.tasks) {
    const sliceStart = cpuMs();
    const decisions = scheduler.slice();
    longestMs = Math.max(longestMs, cpuMs() - sliceStart);
    for (const { entry } of decisions) if (!entry) throw new Error("a task without a node");
    decided += decisions.length;
  }
  return { totalMs: performance.now() - start, cpuMs: cpuMs() - cpuStart, longestMs, lookMs };
}

async function withStore(one: Case): Promise<{ readonly wallMs: number; readonly cpuMs: number }> {
  const store = new Store(new MemoryProposer(), systemClock);
  await store.batch(nodesOf(one), (tx, node) => tx.create("node", node));
  await store.batch(tasksOf(one), (tx, task) => tx.create("task", task));
  const loop = new ControlLoop(store, systemClock, [new Scheduler(store, systemClock)], console.error);
  const cpuStart = cpuMs();
  const start = performance.now();
  loop.start();
  await loop.idle();
  const took = { wallMs: performance.now() - start, cpuMs: cpuMs() - cpuStart };
  await loop.stop();
  const left = store.view((read) => read.all("task").filter(({ nodeId }) => nodeId === "").length);
  if (left > 0) throw new Error(`${left} tasks without a node`);
  return took;
}

function nodesOf({ nodes }: Case): readonly Node[] {
  return Array.from({ length: nodes }, (_, i) =>
    Node.fromPartial({
      id: `n${i}`.padStart(25, "0"),
      spec: { annotations: { name: `host${i}`, labels: { zone: `z${i % 3}`, rack: `r${i % 60}` } } },
      status: { state: NodeState.READY, addr: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` },
      description: {
        hostname: `host${i}`,
        platform: { os: "linux", architecture: "x86_64" },
        resources: { nanoCpus: 16e9, memoryBytes: 64 * 2 ** 30 },
      },
    }),
  );
}

function tasksOf({ tasks, services, more }: Case): readonly Task[] {
  const template = Task.fromPartial({ ...more, desiredState: TaskState.RUNNING, status: { state: TaskState.PENDING } });
  return Array.from({ length: tasks }, (_, i) => ({
    ...template,
    id: `t${i}`.padStart(25, "0"),
    serviceId: services === 0 ? `service${i}` : `service${i % services}`,
    specVersion: services === 0 ? undefined : { index: 1 },
    slot: services === 0 ? 1 : 1 + Math.floor(i / services),
  }));
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}
