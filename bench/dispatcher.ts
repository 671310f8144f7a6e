/**
 * A whole cluster but for the tasks themselves: real managers, real protocol, agents that run nothing and say so at once. All of it shares
 * the cores of one machine; the managers' CPU is their own.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { EndToEnd } from "./end-to-end/cluster.js";
import { type Figure, printFigures, spread } from "./table.js";

const RUNS = 3;
const IDLE_SECONDS = 20;
const ALL = ["one-manager", "three-managers", "idle"] as const;

const asked = process.argv.slice(2);
const parts = asked.length > 0 ? ALL.filter((part) => asked.includes(part)) : ALL;
const folder = mkdtempSync(join(resolve(import.meta.dirname, "../.."), "build", "bench-dispatcher-"));
const figures: Figure[] = [];
try {
  if (parts.includes("one-manager")) await createAndRemove(1, 100, 10_000, { create: 4, remove: 3 });
  if (parts.includes("three-managers")) await createAndRemove(3, 1000, 50_000, { create: 20 });
  if (parts.includes("idle")) await idle(5000);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
printFigures(figures);

async function createAndRemove(
  managers: number,
  agents: number,
  tasks: number,
  bars: { readonly create: number; readonly remove?: number },
): Promise<void> {
  const cluster = await EndToEnd.start(folder, managers);
  const size = `${managers === 1 ? "one manager" : `${managers} managers`}, ${agents} agents, ${tasks} tasks`;
  const note = (what: string, value: string, beside = "") => figures.push({ what: `${size}: ${what}`, value, beside });
  try {
    const sessions = await cluster.addAgents(agents);
    note("all sessions stand, s", sessions.toFixed(1), managers === 1 ? "SwarmKit 1.4" : "");
    const create: number[] = [];
    const remove: number[] = [];
    const createCpu: number[] = [];
    const othersCpu: number[] = [];
    const removeCpu: number[] = [];
    const p999: number[] = [];
    const rss: number[] = [];
    for (let run = 0; run < (managers === 1 ? RUNS : 1); run++) {
      await cluster.leaderDelays();
      const [before = 0, ...othersBefore] = await cluster.cpuMs();
      create.push(await cluster.create(`web${run}`, tasks));
      const [after = 0, ...othersAfter] = await cluster.cpuMs();
      p999.push((await cluster.leaderDelays()).p999Ms);
      createCpu.push((after - before) / tasks);
      othersCpu.push(...othersAfter.map((cpu, i) => (cpu - othersBefore[i]!) / tasks));
      rss.push(...(await cluster.rssMb()));
      remove.push(await cluster.remove(`web${run}`));
      removeCpu.push(((await cluster.cpuMs())[0]! - after) / tasks);
    }
    note("create → all RUNNING, s", spread(create, 2), `bar ≤ ${bars.create}${managers === 1 ? "; SwarmKit 20" : ""}`);
    note("the leader's CPU for each task, ms", spread(createCpu, 3), managers === 1 ? "bar ≤ 0.3; SwarmKit 1.17" : "");
    if (managers > 1) note("the other managers' CPU for each task, ms", spread(othersCpu, 3));
    note("the leader's event loop, p99.9, ms", spread(p999, 1), managers === 1 ? "" : "bar ≤ 20");
    note("RSS of a manager, MB", spread(rss, 0), managers === 1 ? "bar ≤ 300; SwarmKit 371" : "");
    const bar = bars.remove === undefined ? "" : `bar ≤ ${bars.remove}; SwarmKit 21.7`;
    note("removed, s", spread(remove, 2), bar);
    note("the leader's CPU for each task that is removed, ms", spread(removeCpu, 3));
  } finally {
    await cluster.stop();
  }
}

async function idle(agents: number): Promise<void> {
  const cluster = await EndToEnd.start(folder, 1);
  try {
    const sessions = await cluster.addAgents(agents);
    figures.push({ what: `one manager, ${agents} agents: all sessions stand, s`, value: sessions.toFixed(1) });
    // The first heartbeats come all at once.
    await pause(8);
    const [before = 0] = await cluster.cpuMs();
    await pause(IDLE_SECONDS);
    const [after = 0] = await cluster.cpuMs();
    const share = (after - before) / (IDLE_SECONDS * 10);
    figures.push({ what: `${agents} idle agents, % of a core`, value: share.toFixed(1), beside: "bar ≤ 25" });
    const [rss = 0] = await cluster.rssMb();
    figures.push({ what: `${agents} idle agents: RSS of the manager, MB`, value: rss.toFixed(0) });
    const { counts } = await cluster.ask({ kind: "counts" });
    if (counts.sessions !== agents) {
      throw new Error(`only ${counts.sessions} of ${agents} sessions stand: ${counts.reason}`);
    }
  } finally {
    await cluster.stop();
  }
}

function pause(seconds: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, seconds * 1000));
}
