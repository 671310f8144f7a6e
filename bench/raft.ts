/**
 * Figures of the replicated log: three members or managers on loopback with TLS, logs on disk and sealed, tswarm's own times (100 ms tick,
 * election after 1 to 2 s); and etcd in the same run, on the same disk, by the same generator.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { callUnary, openChannel } from "../src/api/client-call.js";
import { ControlService } from "../src/api/generated/docker/swarmkit/v1/control.js";
import { grpcTarget, trustingCredentials } from "../src/security/transport.js";
import { Etcd } from "./raft/etcd.js";
import { durableWrites, tlsRoundTrips } from "./raft/floors.js";
import type { LoadResult } from "./raft/load.js";
import { load, Managers } from "./raft/managers.js";
import { Members } from "./raft/members.js";
import { inOneProcess } from "./raft/one-process.js";
import type { WritersResult } from "./raft/store-member.js";
import { type Figure, median, printFigures, spread } from "./table.js";

const RUNS = 5;
const SECONDS = 4;
const KILLS = 21;
const VALUE_BYTES = 256;
const BATCH = 10_000;

const folder = mkdtempSync(join(resolve(import.meta.dirname, "../.."), "build", "bench-raft-"));
const figures: Figure[] = [];
const rate = ({ writes, seconds }: { readonly writes: number; readonly seconds: number }) => writes / seconds;
const rates = (runs: readonly { readonly writes: number; readonly seconds: number }[]) => spread(runs.map(rate), 0);

try {
  await floors();
  await insideTheLeader();
  await allInOneProcess();
  await besideEtcd();
  await throughTheApi();
  await leaderKilled();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
printFigures(figures);

async function floors(): Promise<void> {
  figures.push({
    what: "floor: 512 bytes made durable, p50 ms",
    value: median(await durableWrites(folder)).toFixed(3),
  });
  figures.push({
    what: "floor: round trip of 512 bytes over TLS, one process, p50 ms",
    value: median(await tlsRoundTrips()).toFixed(3),
  });
}

async function insideTheLeader(): Promise<void> {
  const members = await Members.start(folder, 3);
  try {
    await members.writers(64, 2);
    const one = [];
    const many = [];
    const batches = [];
    for (let run = 0; run < RUNS; run++) {
      one.push(await members.writers(1, SECONDS));
      many.push(await members.writers(64, SECONDS));
      batches.push(BATCH / (await members.batch(BATCH)));
    }
    const p50 = spread(
      one.map(({ p50Ms }) => p50Ms),
      2,
    );
    figures.push({ what: "one writer: transactions a second", value: rates(one), beside: "bar ≥ 800" });
    figures.push({ what: "one writer: p50, ms", value: p50, beside: "bar ≤ 1.2" });
    figures.push({ what: "64 writers: transactions a second", value: rates(many), beside: "bar ≥ 8000" });
    figures.push({
      what: "64 writers: p99, ms",
      value: spread(
        many.map(({ p99Ms }) => p99Ms),
        1,
      ),
    });
    const perWrite = many.map(({ cpuMs, writes }) => (cpuMs * 1000) / writes);
    figures.push({ what: "64 writers: the leader's CPU, writers in it, µs each", value: spread(perWrite, 0) });
    figures.push({
      what: "a batch of 10,000 tasks: objects a second",
      value: spread(batches, 0),
      beside: "bar ≥ 40000",
    });
  } finally {
    await members.stop();
  }
}

/** As SwarmKit's figures were taken: no message has to wake another process, and all share one core. */
async function allInOneProcess(): Promise<void> {
  const one: WritersResult[] = [];
  const many: WritersResult[] = [];
  const batches: number[] = [];
  await inOneProcess(folder, 3, async (leader) => {
    await leader.writers(64, 2);
    for (let run = 0; run < RUNS; run++) {
      one.push(await leader.writers(1, SECONDS));
      many.push(await leader.writers(64, SECONDS));
      batches.push(BATCH / (await leader.batch(BATCH)));
    }
  });
  const p50s = one.map(({ p50Ms }) => p50Ms);
  figures.push({ what: "three members in one process: one writer", value: rates(one), beside: "SwarmKit 801" });
  figures.push({ what: "the same: p50, ms", value: spread(p50s, 2), beside: "SwarmKit 1.1" });
  figures.push({ what: "the same: 64 writers", value: rates(many), beside: "SwarmKit 698" });
  figures.push({ what: "the same: a batch of 10,000 tasks", value: spread(batches, 0), beside: "SwarmKit 7172" });
}

/** Turn by turn, each alone on the machine: their idle peers take next to nothing. */
async function besideEtcd(): Promise<void> {
  const etcd = await Etcd.start(folder);
  const managers = await Managers.start(folder, 3).catch(async (error: unknown) => {
    await etcd.stop();
    throw error;
  });
  try {
    const theirs: LoadResult[] = [];
    const ours: LoadResult[] = [];
    const order = { connections: 8, inFlight: 8, seconds: SECONDS, valueBytes: VALUE_BYTES };
    for (let run = 0; run < RUNS; run++) {
      theirs.push(await load({ ...order, peer: "etcd", address: await etcd.leader(), run: `e${run}` }));
      ours.push(await load({ ...order, peer: "tswarm", address: (await managers.leader()).socket, run: `t${run}` }));
    }
    const ratio = ours.map((one, run) => rate(one) / rate(theirs[run]!));
    figures.push({ what: "64 in flight over gRPC, 256 B: etcd's writes a second", value: rates(theirs) });
    figures.push({ what: "the same of tswarm: services created", value: rates(ours) });
    figures.push({ what: "ours of etcd's, turn by turn", value: spread(ratio, 2), beside: "bar ≥ 1" });
    figures.push(generatorShare("etcd", theirs), generatorShare("tswarm", ours));
  } finally {
    await managers.stop();
    await etcd.stop();
  }
}

async function throughTheApi(): Promise<void> {
  const managers = await Managers.start(folder, 3);
  try {
    const order = { connections: 8, inFlight: 16, seconds: SECONDS, valueBytes: 0, peer: "tswarm" as const };
    const runs: LoadResult[] = [];
    for (let run = 0; run < RUNS; run++) {
      runs.push(await load({ ...order, address: (await managers.leader()).socket, run: `s${run}` }));
    }
    figures.push({
      what: "services created a second (API, 8 × 16 in flight)",
      value: rates(runs),
      beside: "bar ≥ 3000",
    });
    figures.push({
      what: "the same: p50 / p99, ms",
      value: `${median(runs.map((run) => run.p50Ms)).toFixed(1)} / ${median(runs.map((run) => run.p99Ms)).toFixed(1)}`,
    });
    figures.push(generatorShare("API", runs));
    const rss = managers.all.map((member) => managers.rssMb(member));
    figures.push({
      what: `RSS of a manager after ${runs.reduce((sum, run) => sum + run.writes, 0)} services, MB`,
      value: spread(rss, 0),
    });
  } finally {
    await managers.stop();
  }
}

/** SIGKILL; a client tries to write at each of the other managers, over and over. The killed one comes back before the next turn. */
async function leaderKilled(): Promise<void> {
  const managers = await Managers.start(folder, 3);
  const timesMs: number[] = [];
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const leader = await managers.leader();
      const others = managers.all.filter((member) => member !== leader);
      const begun = performance.now();
      await managers.kill(leader);
      await Promise.any(others.map(({ socket }) => firstWrite(socket)));
      timesMs.push(performance.now() - begun);
      await managers.restart(leader);
      await managers.allVote();
    }
  } finally {
    await managers.stop();
  }
  timesMs.sort((a, b) => a - b);
  figures.push({
    what: `leader killed → a write is done, ${KILLS} times: p50, ms`,
    value: spread(timesMs, 0),
    beside: "bar ≤ 1500",
  });
  figures.push({ what: "the same: the worst, ms", value: timesMs.at(-1)!.toFixed(0), beside: "bar ≤ 3000 (p99)" });
}

async function firstWrite(socket: string): Promise<void> {
  const end = performance.now() + 30_000;
  const client = openChannel(grpcTarget(socket), trustingCredentials(), true);
  try {
    while (performance.now() < end) {
      try {
        const name = `after-${process.hrtime.bigint()}`;
        const spec = {
          annotations: { name, labels: {}, indices: [] },
          driverConfig: { name: "overlay", options: {} },
          ipv6Enabled: false,
          internal: false,
          ipam: undefined,
          attachable: false,
          ingress: false,
          configFrom: undefined,
        };
        await callUnary(client, ControlService.createNetwork, { spec }, { timeoutMs: 500 });
        return;
      } catch {
        await new Promise((wake) => setTimeout(wake, 10));
      }
    }
    throw new Error("no write within 30 s");
  } finally {
    client.close();
  }
}

function generatorShare(of: string, runs: readonly LoadResult[]): Figure {
  const share = runs.map(({ cpuMs, seconds }) => cpuMs / seconds / 10);
  return { what: `CPU of the generator (${of}), % of a core`, value: spread(share, 0) };
}
