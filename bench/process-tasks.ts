/**
 * Real tasks on three nodes: how long until all run, until nothing of them is left, and until a dead node's run elsewhere. Three hosts,
 * real managers and agents; a task counts as running when the managers say so.
 */
import { randomInt } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { Cluster } from "../scripts/fabric/cluster.js";
import { Operator } from "../scripts/fabric/operator.js";
import { TaskState } from "../src/api/generated/docker/swarmkit/v1/types.js";
import { type Figure, printFigures, spread } from "./table.js";

const HOSTS = ["host1", "host2", "host3"];
const TASKS = 100;
const RUNS = 5;
const KILLS = 3;
const KILLED_TASKS = 30;
const LOOK_MS = 50;
const PATIENCE_MS = 120_000;
/** A heartbeat's period, and more. */
const MAX_PHASE_MS = 6000;
const IDLE = { command: ["sleep", "infinity"], env: [] };
const replicas = (count: number) => ({ mode: { $case: "replicated", value: { replicas: count } } }) as const;
const ALL = ["tasks", "node-loss"] as const;

const asked = process.argv.slice(2);
const parts = asked.length > 0 ? ALL.filter((part) => asked.includes(part)) : ALL;
const figures: Figure[] = [];

if (parts.includes("tasks")) await withCluster("t", [], createAndRemove);
if (parts.includes("node-loss")) {
  await withCluster("l", [], (cluster, operator) =>
    loseNode(cluster, operator, "default settings", "bar ≤ 15; Docker 28: 18.8"),
  );
  const quick = ["--heartbeat-period", "1"];
  await withCluster("q", quick, (cluster, operator) =>
    loseNode(cluster, operator, "a heartbeat each second", "bar ≤ 5"),
  );
}
printFigures(figures);

async function withCluster(
  tag: string,
  daemonArguments: readonly string[],
  work: (cluster: Cluster, operator: Operator) => Promise<void>,
): Promise<void> {
  const cluster = await Cluster.start({ tag: `${tag}${process.pid % 10000}`, hosts: HOSTS, daemonArguments });
  const operator = Operator.of(cluster);
  const leave = () => void cluster.remove().then(() => process.exit(130));
  process.once("SIGINT", leave);
  process.once("SIGTERM", leave);
  try {
    await work(cluster, operator);
  } finally {
    process.off("SIGINT", leave);
    process.off("SIGTERM", leave);
    operator.close();
    await cluster.remove();
  }
}

async function createAndRemove(_: Cluster, operator: Operator): Promise<void> {
  const created: number[] = [];
  const removed: number[] = [];
  // The first one is to warm up: programs are read from the disk, and code is compiled.
  for (let run = 0; run <= RUNS; run++) {
    const began = Date.now();
    const { id } = await operator.create(`many${run}`, IDLE, replicas(TASKS));
    const ranAt = await when(async () => (await operator.counts(id)).runningTasks === TASKS);
    const endedAt = Date.now();
    await operator.remove(id);
    const goneAt = await when(async () => (await operator.tasks(id)).length === 0);
    if (run === 0) continue;
    created.push((ranAt - began) / 1000);
    removed.push((goneAt - endedAt) / 1000);
  }
  const what = `${TASKS} process tasks on ${HOSTS.length} nodes`;
  figures.push(
    { what: `${what}: create → all running, s`, value: spread(created, 2), beside: "bar ≤ 2; Docker 28: 8.0" },
    { what: `${what}: removed, s`, value: spread(removed, 2), beside: "bar ≤ 3; Docker 28: 8.0" },
  );
}

/** It dies at any moment between two heartbeats. Nothing moves back by itself, so each time is with a service of its own. */
async function loseNode(cluster: Cluster, operator: Operator, what: string, beside: string): Promise<void> {
  const victim = HOSTS.at(-1)!;
  const nodeId = cluster.nodeId(victim);
  const took: number[] = [];
  for (let run = 0; run < KILLS; run++) {
    await cluster.untilReady();
    const { id } = await operator.create(`web${run}`, IDLE, replicas(KILLED_TASKS));
    await when(async () => (await operator.counts(id)).runningTasks === KILLED_TASKS);
    await pause(randomInt(MAX_PHASE_MS));
    const diedAt = Date.now();
    await cluster.powerOff(victim);
    const backAt = await when(async () => {
      const tasks = await operator.tasks(id);
      const running = tasks.filter(
        (task) =>
          task.nodeId !== nodeId && task.desiredState === TaskState.RUNNING && task.status?.state === TaskState.RUNNING,
      );
      return running.length === KILLED_TASKS;
    });
    took.push((backAt - diedAt) / 1000);
    await operator.remove(id);
    cluster.heal(victim);
    await cluster.startDaemon(victim);
  }
  const name = `a node dies, ${KILLED_TASKS / HOSTS.length} of ${KILLED_TASKS} tasks with it → all run elsewhere`;
  figures.push({ what: `${name}, ${what}, s`, value: spread(took, 1), beside });
}

/** @returns when it was so, ms since 1970 */
async function when(holds: () => Promise<boolean>): Promise<number> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${PATIENCE_MS / 1000} s`);
    await pause(LOOK_MS);
  }
  return Date.now();
}
