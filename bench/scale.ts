/**
 * All that a leader does for services, at growing sizes, and nothing else: orchestrators, allocator, scheduler and dispatcher over a log in
 * memory, with agents in the same process that read what they are sent and say at once that it runs. Does any step's cost for each task grow with
 * the cluster? Each size has a process of its own; CPU is all of that process's, the agents' share included.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ScaleResult } from "./scale/one-size.js";
import { type Figure, median, printFigures, spread } from "./table.js";

const SIZES = [
  { agents: 1000, tasks: 10_000 },
  { agents: 2500, tasks: 25_000 },
  { agents: 5000, tasks: 50_000 },
  { agents: 10_000, tasks: 100_000 },
] as const;
const RUNS = 3;
const PROGRAM = fileURLToPath(new URL("scale/one-size.js", import.meta.url));

const STEPS = [
  ["sessions", "all sessions stand", "agent"],
  ["told", "create → every agent has its tasks", "task"],
  ["running", "create → all RUNNING", "task"],
  ["beat", "a heartbeat of every agent", "agent"],
  ["updated", "update of every task, start first → all RUNNING", "task"],
  ["removed", "removed", "task"],
] as const;

const figures: Figure[] = [];
for (const { agents, tasks } of SIZES) {
  const results = Array.from({ length: RUNS }, () => run(agents, tasks));
  const size = `${agents.toLocaleString("en-US")} agents, ${tasks.toLocaleString("en-US")} tasks`;
  for (const [step, what, unit] of STEPS) {
    const steps = results.map((result) => result.steps[step]!);
    const count = unit === "agent" ? agents : tasks;
    const eachUs = median(steps.map(({ cpuMs }) => (cpuMs * 1000) / count));
    figures.push({
      what: `${size}: ${what}, s`,
      value: spread(
        steps.map(({ wallMs }) => wallMs / 1000),
        2,
      ),
      beside: `CPU ${eachUs.toFixed(1)} µs for each ${unit}`,
    });
  }
  figures.push({
    what: `${size}: RSS while all run, MB`,
    value: spread(
      results.map(({ rssMb }) => rssMb),
      0,
    ),
    beside: "the agents' own included",
  });
}
printFigures(figures);

function run(agents: number, tasks: number): ScaleResult {
  const { stdout, status } = spawnSync(process.execPath, [PROGRAM, String(agents), String(tasks)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`${agents} agents, ${tasks} tasks: status ${status}`);
  return JSON.parse(stdout) as ScaleResult;
}
