/**
 * The way by a service's virtual address beside the direct way to its task, with few and with many services in the caller's sandbox.
 * Two namespaces, one wire between them.
 */
import { execFileSync } from "node:child_process";
import { chooseLoadBalancer } from "../ipvs/choose.js";
import { closePending } from "../ipvs/deferred-close.js";
import type { VirtualService } from "../ipvs/load-balancer.js";
import { inNamespace, openNamespace, removeNamespace } from "../netns/index.js";
import { type Figure, printFigures, spread } from "./table.js";
import { pairs, Traffic } from "./traffic.js";

const PAIRS = 7;
const COUNTS = [10, 5000];
const CLIENT = { name: `tswx-${process.pid}-va-a`, address: "10.77.0.10" };
const SERVER = { name: `tswx-${process.pid}-va-b`, address: "10.77.0.11" };
const VIRTUAL = "10.88.0.1";

const traffic = new Traffic();
const cleanUp = () => {
  traffic.stop();
  closePending();
  for (const { name } of [CLIENT, SERVER]) removeNamespace(name);
};
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    cleanUp();
    process.exit(130);
  });
}

try {
  wire();
  await traffic.serve(SERVER.name);
  const figures: Figure[] = [];
  for (const only of ["nftables", "ipvs"] as const) {
    const driver = chooseLoadBalancer({ only });
    if (driver.name === "none") {
      console.log(`${only}: not here: ${driver.refused.map(({ reason }) => reason).join("; ")}`);
      continue;
    }
    for (const count of COUNTS) {
      const balancer = driver.create();
      using client = openNamespace(CLIENT.name);
      inNamespace(client, () => balancer.apply(services(count)));
      figures.push(...(await measure(`${only}, ${count} services`)));
      inNamespace(client, () => balancer.clear());
    }
  }
  printFigures(figures);
} finally {
  cleanUp();
}

async function measure(what: string): Promise<Figure[]> {
  const virtual = { client: CLIENT.name, address: VIRTUAL };
  const direct = { client: CLIENT.name, address: SERVER.address };
  const gigabits = await pairs(
    PAIRS,
    () => traffic.throughput(virtual),
    () => traffic.throughput(direct),
  );
  const roundTrips = await pairs(
    PAIRS,
    () => traffic.roundTripRate(virtual),
    () => traffic.roundTripRate(direct),
  );
  return [
    { what: `${what}: floor: direct, Gbit/s`, value: spread(gigabits.second, 2) },
    { what: `${what}: by virtual address, Gbit/s`, value: spread(gigabits.first, 2) },
    { what: "  of direct, pair by pair, %", value: spread(gigabits.percent), beside: "bar ≥ 95" },
    { what: `${what}: floor: direct, round trips/s`, value: spread(roundTrips.second, 0) },
    { what: `${what}: by virtual address, round trips/s`, value: spread(roundTrips.first, 0) },
    { what: "  of direct, pair by pair, %", value: spread(roundTrips.percent), beside: "bar ≥ 95" },
  ];
}

/** The measured service in the middle of the others. */
function services(count: number): readonly VirtualService[] {
  return Array.from({ length: count }, (_, index) => {
    const measured = index === count >> 1;
    return {
      id: `service${index}/bench`,
      mark: 256 + index,
      virtual: {
        address: measured ? VIRTUAL : `10.89.${index >> 8}.${index & 255}`,
        sourceAddress: CLIENT.address,
      },
      published: [],
      destinations: measured
        ? [{ address: SERVER.address, weight: 1 }]
        : [1, 2, 3].map((host) => ({ address: `10.90.${index >> 8}.${host + (index & 63) * 4}`, weight: 1 })),
    };
  });
}

function wire(): void {
  const ip = (...args: readonly string[]) => execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
  for (const { name } of [CLIENT, SERVER]) {
    ip("netns", "add", name);
    ip("-n", name, "link", "set", "lo", "up");
  }
  ip("link", "add", "eth0", "netns", CLIENT.name, "type", "veth", "peer", "name", "eth0", "netns", SERVER.name);
  for (const { name, address } of [CLIENT, SERVER]) {
    ip("-n", name, "addr", "add", `${address}/24`, "dev", "eth0");
    ip("-n", name, "link", "set", "eth0", "up");
  }
}
