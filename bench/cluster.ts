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
  const idleMb = agentMb("host2");
  const nodeStartMs = await nodeStart();
  const createMs: number[] = [];
  for (let run = 0; run < RUNS; run++) createMs.push(await createToAnswer(8080 + run));
  const full = await manyTasks("host2");
  printFigures([
    { what: "floor: a Node HTTP server, start to first answer, ms", value: spread(nodeStartMs, 0) },
    {
      what: "service create (API) → every node answers, 3 replicas, ms",
      value: spread(createMs, 0),
      beside: "bar ≤ 1000",
    },
    { what: "agent RSS, idle, MB", value: idleMb.toFixed(0), beside: "bar ≤ 90" },
    { what: `agent RSS with ${TASKS} tasks, MB`, value: full.agentMb.toFixed(0) },
    { what: `what holds ${TASKS} tasks (PSS, without their commands), MB`, value: full.holdersMb.toFixed(0) },
    {
      what: `agent and holders of ${TASKS} tasks together, MB`,
      value: (full.agentMb + full.holdersMb).toFixed(0),
      beside: "bar ≤ 280",
    },
    { what: `${TASKS} tasks on one node: create → all running, ms`, value: full.startMs.toFixed(0) },
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

async function manyTasks(node: string): Promise<{ agentMb: number; holdersMb: number; startMs: number }> {
  const started = await cluster.createService({
    name: "many",
    replicas: TASKS,
    constraints: [`node.hostname==${node}`],
    command: ["sleep", "infinity"],
  });
  await cluster.until(`${TASKS} tasks run`, () => cluster.runningTasks("many") === TASKS, 120_000);
  const startMs = Date.now() - started;
  const holders = cluster.taskProcesses(node).filter((pid) => !commandLine(pid).startsWith("sleep infinity"));
  const holdersMb = holders.reduce((sum, pid) => sum + proportionalMb(pid), 0);
  const memory = { agentMb: agentMb(node), holdersMb, startMs };
  cluster.control(["service", "rm", "many"]);
  return memory;
}

function agentMb(node: string): number {
  const status = readFileSync(`/proc/${cluster.pid(node)}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

/** Pages that several processes share count by their share. */
function proportionalMb(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))![1]) / 1024;
}

function commandLine(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
}
