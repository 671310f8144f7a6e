/** How long it takes to become a member: one node with the real daemon, a hundred at once, a thousand at once. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createSecureContext } from "node:tls";
import { Cluster } from "../../scripts/fabric/cluster.js";
import { joinTokens, nodeStates } from "../../scripts/fabric/control-client.js";
import { NodeClient } from "../../scripts/fabric/node-client.js";
import { type LightNode, lightJoin, type StormCounts } from "../../test/cluster/light-join.js";
import { type AgentCounts, LightAgent } from "../end-to-end/light-agent.js";
import type { LoopDelays } from "../end-to-end/loop-probe.js";
import { loopDelays, withProbes } from "../end-to-end/probes.js";
import { Managers } from "../raft/managers.js";
import { type Figure, spread } from "../table.js";

const RUNS = 5;
const CROWD = 100;
const STORM = 1000;
const MANAGERS = 3;
const LOOK_MS = 5;

export async function joiningFigures(): Promise<readonly Figure[]> {
  return [...(await oneNode()), ...(await crowd()), ...(await storm())];
}

/** A daemon that runs and is in no cluster is told to join, as tsctl does. */
async function oneNode(): Promise<readonly Figure[]> {
  if (process.getuid?.() !== 0) return [{ what: "a node joined and ready", value: "not measured: it takes root" }];
  const tag = `j${process.pid % 10000}`;
  const cluster = Cluster.prepare({ tag, hosts: ["host1", "host2"], managers: ["host1"] });
  try {
    await cluster.startDaemon("host1");
    // With a folder of its own it does not look for a cluster.
    mkdirSync(join(cluster.directory, "host2"));
    await cluster.startDaemon("host2");
    const node = new NodeClient(cluster.nodeSocketOf("host2"));
    await cluster.until("the daemon waits", () =>
      node.info().then(
        () => true,
        () => false,
      ),
    );
    await cluster.until("the first node is ready", async () => (await ready(cluster.socket)) === 1);
    const remoteAddrs = [cluster.remoteAddress("host1")];
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const { worker: joinToken } = (await joinTokens(cluster.socket))!;
      const begun = performance.now();
      await node.join({ remoteAddrs, joinToken });
      while ((await ready(cluster.socket)) < 2) await pause();
      times.push(performance.now() - begun);
      await node.leave();
      await cluster.until("it counts no more", async () => (await ready(cluster.socket)) === 1);
    }
    return [
      { what: "a node joined and ready, a daemon that runs, ms", value: spread(times, 0), beside: "bar ≤ 1,000" },
    ];
  } finally {
    await cluster.remove();
  }
}

async function ready(socket: string): Promise<number> {
  return (await nodeStates(socket)).filter(({ isReady }) => isReady).length;
}

const pause = () => new Promise((wake) => setTimeout(wake, LOOK_MS));

interface Bed {
  readonly managers: Managers;
  readonly probes: string;
}

async function withManagers<T>(work: (bed: Bed) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(resolve(import.meta.dirname, "../../.."), "build", "bench-identity-"));
  const probes = join(folder, "probes");
  mkdirSync(probes);
  const managers = await withProbes(probes, () => Managers.start(folder, MANAGERS));
  try {
    return await work({ managers, probes });
  } finally {
    await managers.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All at once, each with a key and connections of its own, at the leader. */
async function joinAll(
  managers: Managers,
  count: number,
): Promise<{ readonly nodes: readonly LightNode[]; readonly counts: StormCounts }> {
  const { address, socket } = await managers.leader();
  const { worker: token } = (await joinTokens(socket))!;
  const counts: StormCounts = { again: new Map() };
  const nodes = await Promise.all(Array.from({ length: count }, () => lightJoin(address, token, counts)));
  return { nodes, counts };
}

async function crowd(): Promise<readonly Figure[]> {
  return withManagers(async ({ managers }) => {
    const agents: LightAgent[] = [];
    const counts: AgentCounts = { sessions: 0, tasks: 0, running: 0, ends: 0, reason: "" };
    const leader = await managers.leader();
    const before = await ready(leader.socket);
    const begun = performance.now();
    const { nodes } = await joinAll(managers, CROWD);
    const joinedMs = performance.now() - begun;
    await Promise.all(
      nodes.map(({ joined, keyPem }, at) => {
        const agent = new LightAgent(`host${at}`, counts);
        agents.push(agent);
        const context = createSecureContext({ cert: joined.certificate, key: keyPem, ca: joined.rootCa });
        return agent.connect(managers.all[at % MANAGERS]!.address, context);
      }),
    );
    while ((await ready(leader.socket)) < before + CROWD) await pause();
    const readyMs = performance.now() - begun;
    for (const agent of agents) agent.close();
    return [
      { what: `${CROWD} nodes joining at once: all have certificates, s`, value: (joinedMs / 1000).toFixed(2) },
      { what: "… and all are ready, s", value: (readyMs / 1000).toFixed(2), beside: "bar ≤ 10" },
    ];
  });
}

async function storm(): Promise<readonly Figure[]> {
  return withManagers(async ({ managers, probes }) => {
    const leader = await managers.leader();
    const { term } = await managers.status(leader.socket);
    await loopDelays(leader.process.pid!, probes);
    const begun = performance.now();
    const { counts } = await joinAll(managers, STORM);
    const seconds = (performance.now() - begun) / 1000;
    const delays: LoopDelays = await loopDelays(leader.process.pid!, probes);
    const after = await managers.status((await managers.leader()).socket);
    const again = [...counts.again.values()].reduce((sum, count) => sum + count, 0);
    return [
      {
        what: `${STORM} nodes joining at once, two connections each: all have certificates, s`,
        value: seconds.toFixed(1),
        beside: `${again} had to ask again; elections: ${after.term - term}`,
      },
      {
        what: "… the leader's event loop meanwhile, p99 / longest, ms",
        value: `${delays.p99Ms.toFixed(0)} / ${delays.maxMs.toFixed(0)}`,
      },
    ];
  });
}
