/**
 * The allocator: addresses a second out of a /16 that is empty, half full and nearly full, whether it costs the same in each, and what
 * a leader's first look and ten thousand new tasks cost with the store (a log in memory). CPU is this process's, with all its threads.
 */
import { Network, Service, Task } from "../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../src/api/generated/docker/swarmkit/v1/types.js";
import { Allocator } from "../src/manager/allocator/allocator.js";
import { parseRange } from "../src/manager/allocator/ip-range.js";
import { type HeldAddress, NetworkPools } from "../src/manager/allocator/network-pools.js";
import { ADDRESS_REST_MS } from "../src/manager/allocator/offset-pool.js";
import { ControlLoop } from "../src/manager/loop/control-loop.js";
import { statusAt } from "../src/manager/task-life.js";
import { type Clock, systemClock } from "../src/store/clock.js";
import { MemoryProposer } from "../src/store/proposer.js";
import { Store } from "../src/store/store.js";
import { type Figure, printFigures, spread } from "./table.js";

const ROUNDS = 5;
const OPERATIONS = 100_000;
/** Between an operation and the next: some 600 addresses rest at any time. */
const PAUSE_MS = 100;
const SIZE = 2 ** 16;
/** Per cent of a pool that were given out once. */
const SCATTERED = 95;
/** Addresses that come and go. */
const PASSING = 600;
const HELD = 50_000;
const NEW = 10_000;

/** After a change of the leader most addresses rest for a minute: that is over here. */
let aheadMs = 0;
const clock: Clock = { now: () => systemClock.now() + aheadMs, after: (ms, action) => systemClock.after(ms, action) };

const figures: Figure[] = [];
takeAndRelease(0, 20_000, "10.0.0.0/16");

const floor = rate(ROUNDS, () => mapFloor());
figures.push({ what: "floor: numbers into a Set and out, in a second of CPU", value: floor });
for (const percent of [1, 50, 90]) {
  const value = rate(ROUNDS, () => takeAndRelease(percent, OPERATIONS, "10.0.0.0/16"));
  figures.push({
    what: `addresses taken and given back in a second of CPU, /16 ${percent} % full`,
    value,
    beside: "bar ≥ 200,000",
  });
}
figures.push({
  what: "the same, IPv6 /64, 60,000 held",
  value: rate(ROUNDS, () => takeAndRelease(92, OPERATIONS, "fd00:1::/64")),
});
for (const [from, to] of [
  [0, 10],
  [45, 55],
  [80, 90],
] as const) {
  const value = rate(ROUNDS, () => fill(from, to));
  figures.push({ what: `addresses taken in a second of CPU while a /16 fills from ${from} to ${to} %`, value });
}
figures.push(...(await withStore()));
printFigures(figures);

function mapFloor(): number {
  const set = new Set<number>();
  const start = cpuMs();
  for (let i = 0; i < OPERATIONS; i++) {
    set.add(i);
    if (i >= 600) set.delete(i - 600);
  }
  return OPERATIONS / (cpuMs() - start);
}

/** What is free is scattered; whoever goes came some hundred operations before. @returns per millisecond */
function takeAndRelease(percent: number, operations: number, subnet: string): number {
  const { pools, held } = filled(Math.max(percent, SCATTERED), subnet);
  for (let at = 0; held.length > (percent / 100) * SIZE; at = (at + 7919) % held.length) {
    const { address } = held[at]!;
    held[at] = held.at(-1)!;
    held.pop();
    pools.releaseAddress("n", address, 0);
  }
  const families = [subnet.includes(":") ? 6 : 4] as const;
  const passing: string[] = Array.from(
    { length: PASSING },
    () => pools.takeAddresses("n", 60_000, { families })[0]!.address,
  );
  let now = 60_000;
  const start = cpuMs();
  for (let i = 0; i < operations; i++) {
    now += PAUSE_MS;
    const [taken] = pools.takeAddresses("n", now, { families });
    pools.releaseAddress("n", passing[i % PASSING]!, now);
    passing[i % PASSING] = taken!.address;
  }
  return operations / (cpuMs() - start);
}

function fill(fromPercent: number, toPercent: number): number {
  const { pools } = filled(fromPercent, "10.0.0.0/16");
  const count = Math.floor(((toPercent - fromPercent) / 100) * SIZE);
  const start = cpuMs();
  for (let i = 0; i < count; i++) pools.takeAddresses("n", 0);
  return count / (cpuMs() - start);
}

function filled(percent: number, subnet: string): { readonly pools: NetworkPools; readonly held: HeldAddress[] } {
  const isIpv6 = subnet.includes(":");
  const pools = new NetworkPools([{ pool: parseRange("192.168.0.0/16")!, subnetLength: 24 }]);
  const spec = { annotations: { name: "n" }, ipv6Enabled: isIpv6, ipam: { configs: [{ subnet }] } };
  pools.allocate(Network.fromPartial({ id: "n", spec }));
  const count = Math.floor((percent / 100) * SIZE);
  const family = isIpv6 ? 6 : 4;
  const held = Array.from({ length: count }, () => pools.takeAddresses("n", 0, { families: [family] })[0]!);
  return { pools, held };
}

async function withStore(): Promise<readonly Figure[]> {
  const begins: number[] = [];
  const allocations: { readonly wallMs: number; readonly cpuMs: number }[] = [];
  const floors: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const store = await storeWith(HELD);
    const read = cpuMs();
    store.view((reader) => newAllocator(store).begin(reader));
    begins.push(cpuMs() - read);
    allocations.push(await allocate(store));
    floors.push(await updateFloor());
  }
  const of = (read: (one: (typeof allocations)[number]) => number) => spread(allocations.map(read));
  return [
    { what: `a new leader's look at ${count(HELD)} tasks with an address each, ms of CPU`, value: spread(begins) },
    {
      what: `${count(NEW)} new tasks beside them, to PENDING with an address each, ms of CPU; ms`,
      value: `${of(({ cpuMs: ms }) => ms)}; ${of(({ wallMs }) => wallMs)}`,
    },
    { what: `floor: ${count(NEW)} tasks changed in the store by nobody's decision, ms of CPU`, value: spread(floors) },
  ];
}

async function allocate(store: Store): Promise<{ readonly wallMs: number; readonly cpuMs: number }> {
  const allocator = newAllocator(store);
  const { end } = store.viewAndWatch(
    (read) => allocator.begin(read),
    allocator.selectors,
    (events) => allocator.noticed(events),
  );
  await allocator.reconcile();
  aheadMs += ADDRESS_REST_MS;
  await store.batch(tasks(NEW, "new"), (tx, task) => tx.create("task", task));
  const cpuStart = cpuMs();
  const start = performance.now();
  await allocator.reconcile();
  const took = { wallMs: performance.now() - start, cpuMs: cpuMs() - cpuStart };
  end();
  const left = store.view((read) => read.all("task").filter(({ networks }) => networks.length === 0).length);
  if (left > 0) throw new Error(`${left} tasks without an address`);
  return took;
}

/** The same objects, written in the same portions, with the same parts. */
async function updateFloor(): Promise<number> {
  const store = await storeWith(0);
  const all = tasks(NEW, "new");
  await store.batch(all, (tx, task) => tx.create("task", task));
  const network = store.view((read) => read.get("network", "shop"))!;
  const networks = [{ network, addresses: ["10.9.0.7/16"], aliases: [], driverAttachmentOpts: {} }];
  const start = cpuMs();
  await store.batch(all, (tx, { id }) => {
    const task = tx.get("task", id)!;
    const status = statusAt(task.status, { state: TaskState.PENDING, message: "waits for a node" }, 0);
    tx.update("task", { ...task, networks, status });
  });
  return cpuMs() - start;
}

/** A network of a /16 with so many tasks, all of which have their addresses. */
async function storeWith(held: number): Promise<Store> {
  const store = new Store(new MemoryProposer(), clock);
  const configs = [{ subnet: "10.9.0.0/16" }];
  await store.update((tx) => {
    tx.create(
      "network",
      Network.fromPartial({ id: "shop", spec: { annotations: { name: "shop" }, ipam: { configs } } }),
    );
    const spec = { annotations: { name: "web" }, task: { networks: [{ target: "shop" }] } };
    tx.create("service", Service.fromPartial({ id: "web", spec }));
  });
  const loop = new ControlLoop(store, clock, [newAllocator(store)], console.error);
  loop.start();
  await store.batch(tasks(held, "held"), (tx, task) => tx.create("task", task));
  await loop.idle();
  await loop.stop();
  return store;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function newAllocator(store: Store): Allocator {
  return new Allocator({ store, clock, subnetSources: [], log: console.error });
}

function tasks(length: number, name: string): readonly Task[] {
  const template = Task.fromPartial({
    serviceId: "web",
    spec: { networks: [{ target: "shop" }] },
    desiredState: TaskState.RUNNING,
    status: { state: TaskState.NEW },
  });
  return Array.from({ length }, (_, i) => ({ ...template, id: `${name}${i}`.padStart(25, "0"), slot: i + 1 }));
}

/** @param measure per millisecond */
function rate(rounds: number, measure: () => number): string {
  const perSecond = Array.from({ length: rounds }, () => measure() * 1000).sort((a, b) => a - b);
  const [least, middle, most] = [perSecond[0]!, perSecond[rounds >> 1]!, perSecond.at(-1)!].map((one) => count(one));
  return `${middle} (${least}–${most})`;
}

function count(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}
