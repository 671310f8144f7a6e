/** Load balancing: services programmed, one endpoint changed, everything looked at; in one namespace and in a hundred. */
import { readFileSync } from "node:fs";
import { chooseLoadBalancer, type LoadBalancerChoice } from "../ipvs/choose.js";
import { closePending } from "../ipvs/deferred-close.js";
import type { Destination, LoadBalancer, VirtualService } from "../ipvs/load-balancer.js";
import { addAddress, RouteSocket } from "../native-bindings/route/index.js";
import { createNamespace, inNamespace, type Namespace, openNamespace, removeNamespace } from "../netns/index.js";
import { type Figure, printFigures, spread } from "./table.js";

type Driver = Exclude<LoadBalancerChoice, { name: "none" }>;

/** User-Mode Linux does some 6,000 netlink requests a second: there the figures are for comparison among themselves only. */
const SLOW = readFileSync("/proc/cpuinfo", "utf8").includes("User Mode Linux");
const ONE = SLOW
  ? { services: 5000, rounds: 1, changes: 5, looks: 1 }
  : { services: 5000, rounds: 5, changes: 40, looks: 7 };
const MANY = SLOW
  ? { sandboxes: 10, services: 500, changes: 2, looks: 1 }
  : { sandboxes: 100, services: 500, changes: 10, looks: 3 };
const ENDPOINTS = 3;

interface Sandbox {
  readonly namespace: Namespace;
  readonly balancer: LoadBalancer;
  wanted: readonly VirtualService[];
}

const NO_PORTS: VirtualService["published"] = [];
const ADDRESSES = Array.from({ length: ONE.services }, (_, index) => `10.99.${index >> 8}.${index & 255}`);

const names: string[] = [];
for (const name of process.argv[2] ? [process.argv[2]] : ["nftables", "ipvs"]) {
  const choice = chooseLoadBalancer({ only: name as Driver["name"] });
  if (choice.name === "none") {
    console.log(`${name}: not here: ${choice.refused.map(({ reason }) => reason).join("; ")}`);
    continue;
  }
  try {
    console.log(`\n${choice.name}${choice.iptables ? ` with iptables-${choice.iptables}` : ""}`);
    const figures = [...oneNamespace(choice), ...manyNamespaces(choice)];
    printFigures(SLOW ? figures.map(({ what, value }) => ({ what, value })) : figures);
  } finally {
    closePending();
    for (const made of names.splice(0)) removeNamespace(made);
  }
}

function oneNamespace(driver: Driver): Figure[] {
  const what = `${ONE.services} services × ${ENDPOINTS} in one sandbox`;
  const cold: number[] = [];
  let last: Sandbox | undefined;
  for (let round = 0; round < ONE.rounds; round++) {
    if (last) discard(last);
    const sandbox = open(driver, 0, services(ONE.services, sharedDestinations(ONE.services), "10.77.0.10"));
    cold.push(timed(() => apply(sandbox)));
    last = sandbox;
  }
  const sandbox = last!;
  const replaced = changes(sandbox, (index, before) => [...before.slice(0, 2), { address: spare(index), weight: 1 }]);
  const drained = changes(sandbox, (_, before) =>
    before.map((entry, at) => (at === 1 ? { ...entry, weight: 0 } : entry)),
  );
  const added = changes(sandbox, (index, before) => [...before, { address: spare(index + 999), weight: 1 }]);
  const untouched = repeat(ONE.looks, () => look(sandbox));
  const unknown = repeat(ONE.looks, () => look({ ...sandbox, balancer: driver.create() }));
  const adopted = repeat(ONE.looks, () => apply({ ...sandbox, balancer: driver.create() }));
  discard(sandbox);
  return [
    { what: `${what}, cold`, value: ms(cold), beside: "≤ 400 ms (nftables)" },
    { what: "one endpoint replaced", value: ms(replaced, 2), beside: "≤ 2 ms (nftables)" },
    { what: "one endpoint drained", value: ms(drained, 2), beside: "≤ 2 ms (nftables)" },
    { what: "one endpoint added", value: ms(added, 2), beside: "≤ 2 ms (nftables)" },
    { what: "look with no drift", value: ms(untouched) },
    { what: "look with no drift, nothing known before", value: ms(unknown) },
    { what: "taken over by a new agent", value: ms(adopted) },
  ];
}

function manyNamespaces(driver: Driver): Figure[] {
  const before = memory();
  const shared = sharedDestinations(MANY.services);
  const sandboxes: Sandbox[] = [];
  for (let index = 0; index < MANY.sandboxes; index++) {
    sandboxes.push(open(driver, index, services(MANY.services, shared, `10.77.0.${10 + index}`)));
  }
  const listed = memory();
  const cold = timed(() => sandboxes.forEach(apply));
  const after = memory();
  const everywhere = repeat(MANY.changes, (round) => {
    const destinations = [...shared[round]!.slice(0, 2), { address: spare(round), weight: 1 }];
    for (const sandbox of sandboxes) {
      sandbox.wanted = sandbox.wanted.with(round, { ...sandbox.wanted[round]!, destinations });
      apply(sandbox);
    }
    closePending();
  });
  const looks = repeat(MANY.looks, () => sandboxes.forEach(look));
  const strange = repeat(MANY.looks, () => {
    for (const sandbox of sandboxes) look({ ...sandbox, balancer: driver.create() });
  });
  for (const sandbox of sandboxes) discard(sandbox);
  return [
    { what: `${MANY.sandboxes} sandboxes × ${MANY.services} services, cold`, value: ms([cold]), beside: "≤ 8,000 ms" },
    { what: "one endpoint changed in all of them", value: ms(everywhere), beside: "≤ 300 ms" },
    { what: "look at all of them, no drift", value: ms(looks), beside: "≤ 1,000 ms" },
    { what: "the same, nothing known before", value: ms(strange) },
    {
      what: "memory: agent's heap for the wanted lists / for the drivers",
      value: `${mib(listed.heap - before.heap)} / ${mib(after.heap - listed.heap)} MiB`,
    },
    { what: "memory: agent's RSS", value: `${mib(after.rss - before.rss)} MiB more` },
    { what: "memory: kernel's slabs", value: `${mib(after.slab - listed.slab)} MiB more` },
  ];
}

/** Applies `edit` to many services, one after the other. @returns how long each took */
function changes(
  sandbox: Sandbox,
  edit: (index: number, destinations: readonly Destination[]) => readonly Destination[],
): number[] {
  return repeat(ONE.changes, (round) => {
    const index = (round * 117) % ONE.services;
    const service = sandbox.wanted[index]!;
    sandbox.wanted = sandbox.wanted.with(index, { ...service, destinations: edit(index, service.destinations) });
    apply(sandbox);
  });
}

function open(driver: Driver, index: number, wanted: readonly VirtualService[]): Sandbox {
  const name = `tsw-lbbench${process.pid}-${index}`;
  names.push(name);
  createNamespace(name).close();
  const namespace = openNamespace(name);
  inNamespace(namespace, () => {
    using socket = RouteSocket.open();
    const address = wanted[0]!.virtual!.sourceAddress;
    socket.execute(addAddress({ linkIndex: socket.linkIndex("lo"), address, prefixLength: 32 }));
  });
  return { namespace, balancer: driver.create(), wanted };
}

function discard({ namespace }: Sandbox): void {
  closePending();
  namespace.close();
  removeNamespace(namespace.name);
  names.splice(names.indexOf(namespace.name), 1);
}

function apply({ namespace, balancer, wanted }: Sandbox): void {
  inNamespace(namespace, () => balancer.apply(wanted));
}

function look({ namespace, balancer, wanted }: Sandbox): void {
  const drifts = inNamespace(namespace, () => balancer.observe(wanted));
  const drifted = drifts.find(({ state }) => state !== "present");
  if (drifted) throw new Error(`drift where none is: ${JSON.stringify(drifted)}`);
}

function services(
  count: number,
  destinations: readonly (readonly Destination[])[],
  sourceAddress: string,
): VirtualService[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `service${index}abcdefghijk/network1abcdefghijk`,
    mark: 256 + index,
    virtual: { address: ADDRESSES[index]!, sourceAddress },
    published: NO_PORTS,
    destinations: destinations[index]!,
  }));
}

function sharedDestinations(count: number): (readonly Destination[])[] {
  return Array.from({ length: count }, (_, index) =>
    Array.from({ length: ENDPOINTS }, (_, at) => ({
      address: `10.${1 + at}.${index >> 8}.${index & 255}`,
      weight: 1,
    })),
  );
}

function spare(index: number): string {
  return `10.9.${(index >> 8) & 255}.${index & 255}`;
}

function repeat(count: number, work: (round: number) => void): number[] {
  return Array.from({ length: count }, (_, round) => timed(() => work(round)));
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** Bytes; the kernel's slabs as a whole, so other work on the machine shows in it. */
function memory(): { heap: number; rss: number; slab: number } {
  globalThis.gc?.();
  const slab = /^Slab:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, rss, slab: Number(slab ?? 0) * 1024 };
}

function ms(values: readonly number[], digits = 0): string {
  return `${spread(values, digits)} ms`;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
