/**
 * The resolver through real sockets in a sandbox: queries a second and waiting times, beside a UDP echo of the same sizes in the same
 * place. The questions come from a process of its own, by the way that a task's do: 127.0.0.11:53, led to the resolver by a rule.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import {
  createNamespace,
  inNamespace,
  namespaceArguments,
  namespacePath,
  openUdpSocket,
  removeNamespace,
} from "../netns/index.js";
import { choosePacketFilter } from "../netns/packet-filter/choose.js";
import { NameServer } from "../src/agent/dns/name-server.js";
import { DNS_PORT, RESOLVER_ADDRESS } from "../src/agent/dns/port.js";
import { RowTable } from "../src/agent/network/row-table.js";
import { endpoint, serviceRow, update } from "../test/agent/network/rows.js";
import type { Load, LoadResult } from "./dns-load.js";
import { printFigures, spread } from "./table.js";

const ROUNDS = 3;
const SECONDS = 2;
const SERVICES = 500;
const TASKS = 3;
const OUTSTANDING = 32;
const PACED = 20_000;
/** Queries a second beside a busy data plane. */
const CALM = 2000;
const ECHO_PORT = 61_054;
/** As an answer with one address to a query for `service123`. */
const ECHO_BYTES = 28 + 16;

const name = `tsw-bench${process.pid}-dns`;
const namespace = createNamespace(name);
const busy = createNamespace(`${name}-busy`);
process.once("SIGINT", () => process.exit(130));
process.on("exit", () => {
  removeNamespace(name);
  removeNamespace(busy.name);
});

const rows = new RowTable();
interface Round extends LoadResult {
  /** Of this process, for one query. */
  readonly cpuUs: number;
}

async function measure(load: Load): Promise<Round> {
  const before = process.cpuUsage();
  const child = spawn(
    "nsenter",
    namespaceArguments(name, process.execPath, [join(import.meta.dirname, "dns-load.js"), JSON.stringify(load)]),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  await once(child, "close");
  const { user, system } = process.cpuUsage(before);
  const result = JSON.parse(output) as LoadResult;
  return { ...result, cpuUs: (user + system) / result.answers };
}

/** With a data plane at its busiest beside it. */
async function measureWhileProgramming(load: Load): Promise<Round> {
  const worker = new Worker(new URL("./programming-worker.js", import.meta.url), {
    workerData: { namespace: busy.name },
    trackUnmanagedFds: false,
  });
  await once(worker, "message");
  try {
    return await measure(load);
  } finally {
    await worker.terminate();
  }
}

try {
  inNamespace(namespace, () =>
    choosePacketFilter().filter.apply([
      {
        key: "dns/udp",
        hook: "output",
        match: { protocol: "udp", destination: `${RESOLVER_ADDRESS}/32`, destinationPorts: [53] },
        action: { kind: "dnat", address: RESOLVER_ADDRESS, port: DNS_PORT },
      },
    ]),
  );
  const services = Array.from({ length: SERVICES }, (_, index) => index);
  rows.apply(
    update({
      services: services.map((index) =>
        serviceRow({
          serviceId: `s${index}`,
          name: `service${index}`,
          virtualAddress: `10.1.${index >> 8}.${index & 255}`,
        }),
      ),
      endpoints: services.flatMap((index) =>
        Array.from({ length: TASKS }, (_, slot) =>
          endpoint({
            id: `t${index}-${slot}/n1`,
            serviceId: `s${index}`,
            taskName: `service${index}.${slot}.t${index}-${slot}`,
            address: `10.2.${slot}.${index & 255}`,
          }),
        ),
      ),
    }),
  );
  const server = new NameServer({
    directory: { view: () => rows, onChange: () => () => undefined },
    log: (line) => console.error(line),
  });
  await server.add({
    task: { id: "bench", name: "bench.1.bench", hostname: "bench", attachments: [] },
    namespacePath: namespacePath(name),
    networks: [{ id: "n1", name: "shop", subnet: "10.0.0.0/8", ingress: false }],
  });
  const echo = await openUdpSocket(namespace, { address: RESOLVER_ADDRESS, port: ECHO_PORT });
  echo.on("message", (query, client) => {
    const answer = Buffer.alloc(ECHO_BYTES);
    query.copy(answer);
    answer[2] = 0x80;
    echo.send(answer, client.port, client.address);
  });

  const resolver = { port: 53, names: services.map((index) => `service${index}`), seconds: SECONDS };
  const taskSets = { ...resolver, names: services.map((index) => `tasks.service${index}`) };
  const loads: readonly (readonly [string, Load])[] = [
    ["floor: UDP echo", { ...resolver, port: ECHO_PORT, outstanding: OUTSTANDING }],
    ["virtual address", { ...resolver, outstanding: OUTSTANDING }],
    ["three tasks", { ...taskSets, outstanding: OUTSTANDING }],
    ["floor: UDP echo, one at a time", { ...resolver, port: ECHO_PORT, outstanding: 1 }],
    ["virtual address, one at a time", { ...resolver, outstanding: 1 }],
    [`floor: UDP echo, ${PACED} a second`, { ...resolver, port: ECHO_PORT, perSecond: PACED }],
    [`virtual address, ${PACED} a second`, { ...resolver, perSecond: PACED }],
  ];
  const whileProgramming = `virtual address, ${CALM} a second, while 5,000 services are programmed`;
  const results = new Map<string, Round[]>([...loads, [whileProgramming]].map(([what]) => [what as string, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [what, load] of loads) results.get(what)!.push(await measure(load));
    results.get(whileProgramming)!.push(await measureWhileProgramming({ ...resolver, perSecond: CALM }));
  }
  printFigures(
    [...results].flatMap(([what, rounds]) => {
      const isFloor = what.startsWith("floor");
      const of = (pick: (round: Round) => number, digits: number) => spread(rounds.map(pick), digits);
      return [
        {
          what: `${what}: answers/s`,
          value: of((round) => round.answers / round.seconds, 0),
          beside: isFloor || what === whileProgramming ? "" : "bar ≥ 20,000 on one core",
        },
        { what: "  CPU of the resolver's process, µs each", value: of((round) => round.cpuUs, 1) },
        { what: "  p50, ms", value: of((round) => round.p50Ms, 3) },
        {
          what: "  p99, ms",
          value: of((round) => round.p99Ms, 3),
          beside: isFloor ? "" : `bar ≤ ${what === whileProgramming ? 5 : 2}`,
        },
        { what: "  lost", value: of((round) => round.lost, 0) },
      ];
    }),
  );
  echo.close();
  await server.stop();
} finally {
  namespace.close();
}
