/** Figures of a whole cluster of three hosts: from create to the first answers, a task's end under load, memory of an agent. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Cluster } from "../scripts/fabric/cluster.js";
import { printFigures, spread } from "./table.js";

const HERE = resolve(import.meta.dirname, "../../bench");
const SERVER = resolve(import.meta.dirname, "../../scripts/demo/web-server.mjs");
const RUNS = 7;
const TASKS = 100;

const cluster = await Cluster.start({
  tag: `b${process.pid % 100000}`,
  hosts: ["host1", "host2", "host3"],
  clients: ["client"],
});
const leave = () => void cluster.remove().then(() => process.exit(130));
process.once("SIGINT", leave);
process.once("SIGTERM", leave);
try {
  const nodeStartMs = await nodeStart();
  const createMs: number[] = [];
  for (let run = 0; run < RUNS; run++) createMs.push(await createToAnswer(8080 + run));
  const idleMb = agentMemoryMb("host1", []);
  const supervisors = await manyTasks();
  printFigures([
    { what: "floor: a Node HTTP server, start to first answer, ms", value: spread(nodeStartMs, 0) },
    {
      what: "service create (API) → every node answers, 3 replicas, ms",
      value: spread(createMs, 0),
      beside: "bar ≤ 1000",
    },
    { what: "agent RSS, idle, MB", value: idleMb.toFixed(0), beside: "bar ≤ 90" },
    {
      what: `agent and supervisors of ${TASKS} tasks on one node, MB`,
      value: supervisors.toFixed(0),
      beside: "bar ≤ 280",
    },
  ]);
} finally {
  await cluster.remove();
}

/** The time that Node itself needs to start and answer, without any cluster. */
async function nodeStart(): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < 3; run++) {
    const waiting = cluster.spawn("client", [process.execPath, join(HERE, "first-answer.mjs"), "http://127.0.0.1:80/"]);
    const answered = firstAnswer(waiting);
    await answered.ready;
    const started = Date.now();
    const server = cluster.spawn("client", [process.execPath, SERVER]);
    times.push((await answered.at) - started);
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  }
  return times;
}

async function createToAnswer(port: number): Promise<number> {
  const urls = cluster.hosts.map((host) => `http://${host.address}:${port}/`);
  const waiting = cluster.spawn("client", [process.execPath, join(HERE, "first-answer.mjs"), ...urls]);
  const answered = firstAnswer(waiting);
  await answered.ready;
  const started = await cluster.createService({
    name: `web${port}`,
    replicas: 3,
    publish: [{ published: port, target: 80 }],
    command: [process.execPath, SERVER],
  });
  const ms = (await answered.at) - started;
  cluster.control(["service", "rm", `web${port}`]);
  return ms;
}

function firstAnswer(child: ReturnType<Cluster["spawn"]>) {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  const ready = next();
  const at = ready.then(next).then((line) => (JSON.parse(line) as { last: number }).last);
  return { ready, at };
}

/** @returns MB of the agent and of everything between it and the tasks' commands */
async function manyTasks(): Promise<number> {
  const node = "host2";
  await cluster.createService({
    name: "many",
    replicas: TASKS,
    constraints: [`node.hostname==${node}`],
    command: ["sleep", "infinity"],
  });
  await cluster.until(`${TASKS} tasks run`, () => cluster.runningTasks("many") === TASKS, 120_000);
  const memory = agentMemoryMb(node, ["sleep infinity"]);
  cluster.control(["service", "rm", "many"]);
  return memory;
}

/** Resident memory of tswarmd and what it started, less processes whose command line is in `without`. Shared pages count once each (PSS). */
function agentMemoryMb(host: string, without: readonly string[]): number {
  return cluster
    .agentProcesses(host)
    .filter((pid) => !without.includes(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim()))
    .map((pid) => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0))
    .reduce((sum, kib) => sum + kib / 1024, 0);
}
