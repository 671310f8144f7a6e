/** Three real managers on three hosts: the leader is killed, managers stand still and are cut off, while clients go on. */
import { randomInt } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import test from "ava";
import type { Cluster } from "../../scripts/fabric/cluster.js";
import { managerRuns } from "../../scripts/fabric/control-client.js";
import { checkLinearizable } from "../linearizability/check.js";
import { History } from "../linearizability/history.js";
import { type RegisterInput, type RegisterOutput, registerModel } from "../linearizability/register-model.js";
import { CallFailedError, ManagerClient } from "./manager-client.js";
import { withCluster } from "./with-cluster.js";

const MANAGERS = ["host1", "host2", "host3"];
const KILLS = 20;
const CLIENTS_PER_MANAGER = 2;
/** Between two calls of a client: the load shall not be what is tested. */
const THINK_MS = 20;

/** Runs clients at every manager's socket, each doing the same thing again and again, while `work` goes on. */
async function withClients(
  cluster: Cluster,
  act: (client: ManagerClient, name: string) => Promise<void>,
  work: () => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const clients = MANAGERS.flatMap((host) =>
    Array.from({ length: CLIENTS_PER_MANAGER }, (_, at) => ({
      name: `${host}-${at}`,
      client: new ManagerClient(cluster.socketOf(host)),
    })),
  );
  const loops = clients.map(async ({ client, name }) => {
    while (!stop.signal.aborted) {
      await act(client, name);
      await pause(THINK_MS);
    }
    client.close();
  });
  try {
    await Promise.race([work(), ...loops]);
  } finally {
    stop.abort();
    await Promise.all(loops);
  }
}

const allRun = (cluster: Cluster) => async () =>
  (await Promise.all(MANAGERS.map((host) => managerRuns(cluster.socketOf(host))))).every(Boolean);

test.serial("the leader is killed 20 times under load: no acknowledged write is lost", async (t) => {
  await withCluster(t, "k", { hosts: MANAGERS, managers: MANAGERS }, async (cluster) => {
    const acknowledged: { readonly name: string; readonly calledAt: number; readonly at: number }[] = [];
    const gapsMs: number[] = [];
    let count = 0;
    const write = async (client: ManagerClient) => {
      const name = `s${count++}`;
      const calledAt = performance.now();
      try {
        await client.createService(name);
        acknowledged.push({ name, calledAt, at: performance.now() });
      } catch (error) {
        if (!(error instanceof CallFailedError)) throw error;
      }
    };
    await withClients(cluster, write, async () => {
      for (let kill = 0; kill < KILLS; kill++) {
        const before = acknowledged.length;
        await cluster.until("writes go on", () => acknowledged.length > before + 10);
        const leader = await leaderOf(cluster);
        t.true(cluster.killManager(leader));
        const killedAt = performance.now();
        const next = () => acknowledged.find(({ calledAt }) => calledAt > killedAt);
        await cluster.until("a write works again", () => next() !== undefined);
        gapsMs.push(next()!.at - killedAt);
        await cluster.until("all managers run again", allRun(cluster));
      }
    });
    for (const host of MANAGERS) {
      const client = new ManagerClient(cluster.socketOf(host));
      const names = await client.serviceNames();
      client.close();
      t.deepEqual(
        acknowledged.filter(({ name }) => !names.has(name)),
        [],
        `${host}: ${acknowledged.length} acknowledged`,
      );
    }
    gapsMs.sort((a, b) => a - b);
    const [median, longest] = [gapsMs[KILLS / 2]!, gapsMs.at(-1)!].map((ms) => (ms / 1000).toFixed(2));
    t.log(
      `${acknowledged.length} of ${count} writes acknowledged; writes again after ${median} s (median), ${longest} s (longest)`,
    );
  });
});

test.serial("kill -9, SIGSTOP and partitions: what clients see is linearizable", async (t) => {
  await withCluster(t, "l", { hosts: MANAGERS, managers: MANAGERS }, async (cluster) => {
    const keys = await createKeys(cluster, 4);
    const history = new History<RegisterInput, RegisterOutput>();
    let writes = 0;
    const act = async (client: ManagerClient, name: string) => {
      const key = keys[randomInt(keys.length)]!;
      const read = history.call(name, key, { kind: "read" }, performance.now());
      let before: Awaited<ReturnType<ManagerClient["readService"]>>;
      try {
        before = await client.readService(key);
      } catch (error) {
        if (!(error instanceof CallFailedError)) throw error;
        return read.nothing();
      }
      const expected = before.spec?.annotations?.labels.value ?? null;
      read.answer({ kind: "value", value: expected }, performance.now());
      const value = `${name}#${writes++}`;
      const write = history.call(name, key, { kind: "cas", expected, value }, performance.now());
      try {
        await client.writeLabel(before, value);
        write.answer({ kind: "swapped" }, performance.now());
      } catch (error) {
        if (!(error instanceof CallFailedError)) throw error;
        // Somebody else was faster: that says nothing of the value at any one moment.
        if (error.failure === "nothing") write.nothing();
        else write.unknown();
      }
    };
    await withClients(cluster, act, async () => {
      for (const fault of FAULTS) {
        await fault(cluster);
        await cluster.until("all managers run again", allRun(cluster));
      }
    });
    const operations = history.operations();
    const verdict = checkLinearizable(registerModel, operations);
    const done = operations.filter(({ input, output }) => input.kind === "cas" && output).length;
    const unknown = operations.filter(({ output }) => !output).length;
    t.log(`${operations.length} operations, ${done} writes acknowledged, ${unknown} of unknown outcome`);
    t.true(verdict.ok, verdict.ok ? "" : verdict.text);
    t.true(done > 50, "clients got on");
  });
});

const FAULT_MS = 2500;

const FAULTS: readonly ((cluster: Cluster) => Promise<void>)[] = [
  async (cluster) => {
    cluster.killManager(await leaderOf(cluster));
  },
  async (cluster) => {
    const leader = await leaderOf(cluster);
    cluster.pauseManager(leader);
    await pause(FAULT_MS);
    cluster.continueManager(leader);
  },
  async (cluster) => {
    const leader = await leaderOf(cluster);
    cluster.cut(leader);
    await pause(FAULT_MS);
    cluster.heal(leader);
  },
  async (cluster) => {
    const leader = await leaderOf(cluster);
    const other = MANAGERS.find((host) => host !== leader)!;
    cluster.drop(leader, other);
    await pause(FAULT_MS);
    cluster.dropNothing();
  },
  async (cluster) => {
    const leader = await leaderOf(cluster);
    for (const host of MANAGERS) if (host !== leader) cluster.drop(host, leader);
    await pause(FAULT_MS);
    cluster.dropNothing();
  },
  async (cluster) => {
    const leader = await leaderOf(cluster);
    const other = MANAGERS.find((host) => host !== leader)!;
    cluster.pauseManager(other);
    cluster.killManager(leader);
    await pause(FAULT_MS);
    cluster.continueManager(other);
  },
  async (cluster) => {
    for (const host of MANAGERS) cluster.killManager(host);
  },
];

async function leaderOf(cluster: Cluster): Promise<string> {
  let leader: string | undefined;
  await cluster.until("there is a leader", async () => {
    leader = await cluster.leaderName();
    return leader !== undefined;
  });
  return leader!;
}

async function createKeys(cluster: Cluster, count: number): Promise<readonly string[]> {
  const client = new ManagerClient(cluster.socket);
  const ids: string[] = [];
  for (let at = 0; at < count; at++) ids.push((await client.createService(`key${at}`)).id);
  client.close();
  return ids;
}
