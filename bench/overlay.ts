/**
 * The overlay: how long a look with nothing to do takes, and throughput and round trips beside a VXLAN that ip(8) made by hand,
 * of the same shape, over the same wire. All traffic stays in namespaces that are made here and removed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { removeNamespace } from "../netns/namespace.js";
import { expectedNode } from "../overlay/expected-state.js";
import { macFromAddress } from "../overlay/mac-address.js";
import { observe } from "../overlay/observe.js";
import { planExpected } from "../overlay/plan.js";
import type { Scope } from "../overlay/scope.js";
import type { NodeWanted } from "../overlay/wanted.js";
import { HostBed, run, runIn, type TestHost } from "../test/overlay/host-bed.js";
import { sampleCluster } from "../test/overlay/sample-cluster.js";
import { type Figure, median, printFigures, spread } from "./table.js";

const PAIRS = 9;
const IPERF_SECONDS = 2;
const ROUND_TRIP_SECONDS = 1;
const LOOKS = 21;
const PORT = 5201;

const bed = new HostBed({ hosts: 2 });
const made: string[] = [];
const children: ChildProcess[] = [];
const cleanUp = () => {
  for (const child of children) child.kill("SIGKILL");
  for (const name of made.splice(0)) removeNamespace(name);
  bed.remove();
};
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    cleanUp();
    process.exit(130);
  });
}
try {
  printFigures([...looks(), ...(await traffic())]);
} finally {
  cleanUp();
}

interface Shape {
  readonly networks: number;
  /** On each network. */
  readonly remotes: number;
  readonly sandboxes: number;
}

function looks(): readonly Figure[] {
  const oneNetwork: Shape = { networks: 1, remotes: 980, sandboxes: 20 };
  const tenNetworks: Shape = { networks: 10, remotes: 90, sandboxes: 100 };
  const bar = "bar ≤ 50";
  return [
    ...lookFigures("1 network of 1,000 endpoints, 20 sandboxes here", oneNetwork, bar),
    ...lookFigures("10 networks of 100 endpoints, 100 sandboxes here", tenNetworks, bar),
  ];
}

function lookFigures(what: string, shape: Shape, bar: string): readonly Figure[] {
  const [host] = bed.hosts;
  const wanted = wantedOf(shape);
  const coldStart = performance.now();
  const { drift } = host!.reconcile(wanted);
  const coldMs = performance.now() - coldStart;
  if (drift.length > 0) throw new Error(`${what}: ${drift.length} objects are not as wanted`);
  const figures = [
    { what: `${what}: made, ms`, value: coldMs.toFixed(0) },
    { what: "  observe and plan, no change, ms", value: spread(lookMs(host!, wanted, "all")), beside: bar },
    {
      what: "  the same, entries of one network, ms",
      value: spread(lookMs(host!, wanted, { entries: ["network0"] })),
    },
    { what: "  the same, one sandbox, ms", value: spread(lookMs(host!, wanted, { sandboxes: ["task0"] })) },
  ];
  host!.reconcile({ ...wanted, networks: [], sandboxes: [] });
  return figures;
}

function lookMs(host: TestHost, wanted: NodeWanted, scope: Scope): readonly number[] {
  return host.run(() => {
    const times: number[] = [];
    for (let look = 0; look < LOOKS; look++) {
      const start = performance.now();
      const expected = expectedNode(wanted, host.nodeId);
      const steps = planExpected(observe(expected, scope), expected);
      times.push(performance.now() - start);
      if (steps.length > 0) throw new Error(`${steps.length} steps where nothing has changed`);
    }
    return times;
  });
}

function wantedOf({ networks, remotes, sandboxes }: Shape): NodeWanted {
  const address = (network: number, number: number) => `10.${80 + network}.${number >> 8}.${number & 255}`;
  return {
    gatewayBridge: { name: "tsw_gw", addressPrefix: "172.31.0.1/16", mtu: 1500 },
    networks: Array.from({ length: networks }, (_, network) => ({
      id: `network${network}`,
      vni: 5000 + network,
      gatewayPrefix: `${address(network, 1)}/16`,
      mtu: 1450,
      vxlanPort: 4789,
      remotes: Array.from({ length: remotes }, (_, index) => {
        const remote = address(network, 1000 + index);
        return { address: remote, mac: macFromAddress(remote), tunnelAddress: bed.hosts[1]!.address };
      }),
    })),
    sandboxes: Array.from({ length: sandboxes }, (_, index) => {
      const own = address(index % networks, 10 + index);
      return {
        id: `task${index}`,
        interfaces: [
          {
            networkId: `network${index % networks}`,
            name: "eth0",
            addressPrefix: `${own}/16`,
            mac: macFromAddress(own),
          },
        ],
        gateway: { name: "eth1", addressPrefix: `172.31.${index >> 8}.${10 + (index & 255)}/16` },
        returnRoutes: [],
        sysctls: { "net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/default/rp_filter": "0" },
      };
    }),
  };
}

/** Where a stream goes from and to. */
interface Path {
  readonly client: string;
  readonly server: string;
  readonly address: string;
}

async function traffic(): Promise<readonly Figure[]> {
  const cluster = sampleCluster(bed.hosts, { networks: 1 });
  for (const [index, host] of bed.hosts.entries()) host.reconcile(cluster.wanted[index]!);
  const [client, server] = cluster.sandboxes;
  const ours: Path = { client: client!, server: server!, address: cluster.address(0, 1) };
  const handMade = handMadeVxlan();
  const wire: Path = {
    client: bed.hosts[0]!.namespace,
    server: bed.hosts[1]!.namespace,
    address: bed.hosts[1]!.address,
  };
  for (const path of [ours, handMade, wire]) await startServers(path);
  const gigabits = await pairs(ours, handMade, throughput);
  const roundTrips = await pairs(ours, handMade, roundTripRate);
  return [
    { what: "floor: TCP over the wire between the hosts, Gbit/s", value: (await throughput(wire)).toFixed(2) },
    { what: "TCP through our overlay, Gbit/s", value: spread(gigabits.ours, 2) },
    { what: "TCP through a VXLAN made by hand, Gbit/s", value: spread(gigabits.handMade, 2) },
    { what: "  ours of that, pair by pair, %", value: spread(gigabits.percent), beside: "bar ≥ 98" },
    { what: "floor: round trips over the wire, 1/s", value: (await roundTripRate(wire)).toFixed(0) },
    { what: "round trips through our overlay, 1/s", value: spread(roundTrips.ours, 0) },
    { what: "round trips through a VXLAN made by hand, 1/s", value: spread(roundTrips.handMade, 0) },
    { what: "  ours of that, pair by pair, %", value: spread(roundTrips.percent), beside: "bar ≥ 98" },
  ];
}

/** One after the other, the first of a pair in turn, so that what else the machine does strikes both alike. */
async function pairs(ours: Path, handMade: Path, measure: (path: Path) => Promise<number>) {
  const figures = { ours: [] as number[], handMade: [] as number[], percent: [] as number[] };
  for (let pair = 0; pair < PAIRS; pair++) {
    const order = pair % 2 === 0 ? [ours, handMade] : [handMade, ours];
    const results = new Map<Path, number>();
    for (const path of order) results.set(path, await measure(path));
    figures.ours.push(results.get(ours)!);
    figures.handMade.push(results.get(handMade)!);
    figures.percent.push((results.get(ours)! * 100) / results.get(handMade)!);
  }
  if (!(median(figures.percent) > 0)) throw new Error("nothing went through");
  return figures;
}

async function throughput({ client, address }: Path): Promise<number> {
  const text = await output(client, "iperf3", "-c", address, "-p", String(PORT), "-t", String(IPERF_SECONDS), "-J");
  const report = JSON.parse(text) as { readonly end: { readonly sum_received: { readonly bits_per_second: number } } };
  return report.end.sum_received.bits_per_second / 1e9;
}

async function roundTripRate({ client, address }: Path): Promise<number> {
  const script = join(import.meta.dirname, "round-trips.js");
  const seconds = String(ROUND_TRIP_SECONDS);
  return Number(await output(client, process.execPath, script, "client", address, String(PORT + 1), seconds));
}

async function startServers({ server, address }: Path): Promise<void> {
  const script = join(import.meta.dirname, "round-trips.js");
  const iperf = start(server, "iperf3", "-s", "-B", address, "-p", String(PORT), "--forceflush");
  const echo = start(server, process.execPath, script, "server", address, String(PORT + 1));
  await Promise.all([once(iperf.stdout!, "data"), once(echo.stdout!, "data")]);
}

function start(namespace: string, file: string, ...args: readonly string[]): ChildProcess {
  const child = spawn("nsenter", [`--net=/run/netns/${namespace}`, "--", file, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return child;
}

async function output(namespace: string, file: string, ...args: readonly string[]): Promise<string> {
  const child = start(namespace, file, ...args);
  let text = "";
  child.stdout!.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) throw new Error(`${file} ${args.join(" ")} in ${namespace} ended with status ${status}: ${text}`);
  return text;
}

/** A bridge, a VXLAN device of the host's underlay and a sandbox on each host, with what a careful person would type. */
function handMadeVxlan(): Path {
  const path = bed.hosts.map((host, index) => {
    const [network, sandbox] = ["net", "sbx"].map((kind) => `${host.namespace}-${kind}`) as [string, string];
    for (const name of [network, sandbox]) {
      run("ip", "netns", "add", name);
      made.push(name);
      run("ip", "-n", name, "link", "set", "lo", "up");
    }
    const other = { host: bed.hosts[1 - index]!, address: `10.99.0.${11 - index}` };
    const own = `10.99.0.${10 + index}`;
    const ip = (...args: readonly string[]) => run("ip", "-n", network, ...args);
    ip("link", "add", "br0", "type", "bridge");
    const device = ["type", "vxlan", "id", "9999", "dstport", "4789", "nolearning", "proxy"];
    runIn(host.namespace, "ip", "link", "add", "vxlan0", "netns", network, "mtu", "1450", ...device);
    ip("link", "add", "veth0", "mtu", "1450", "type", "veth", "peer", "name", "eth0", "netns", sandbox, "mtu", "1450");
    for (const port of ["vxlan0", "veth0"]) ip("link", "set", port, "master", "br0", "up");
    ip("link", "set", "br0", "mtu", "1450", "up");
    ip("neigh", "add", other.address, "lladdr", macFromAddress(other.address), "dev", "vxlan0", "nud", "permanent");
    run(
      "bridge",
      "-n",
      network,
      "fdb",
      "add",
      macFromAddress(other.address),
      "dev",
      "vxlan0",
      "dst",
      other.host.address,
    );
    run("ip", "-n", sandbox, "link", "set", "eth0", "address", macFromAddress(own), "up");
    run("ip", "-n", sandbox, "address", "add", `${own}/24`, "dev", "eth0");
    return { sandbox, own };
  });
  return { client: path[0]!.sandbox, server: path[1]!.sandbox, address: path[1]!.own };
}
