/** A thousand nodes join at once, at one leader, while others use the cluster: real managers, real TLS, each node a key of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import test from "ava";
import { Managers } from "../../bench/raft/managers.js";
import { joinTokens } from "../../scripts/fabric/control-client.js";
import { callUnary, openChannel } from "../../src/api/client-call.js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { certificateFacts } from "../../src/security/pki/certificate-facts.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";
import { IdleThread } from "./idle-thread.js";
import { lightJoin, type StormCounts } from "./light-join.js";
import { ManagerClient } from "./manager-client.js";

const NODES = 1000;
const MANAGERS = 3;
const TIMEOUT_MS = 60_000;
const THINK_MS = 50;
/** Ten ticks of a manager. */
const LEAST_ELECTION_MS = 1000;

async function nodeIds(socket: string): Promise<readonly string[]> {
  const client = openChannel(grpcTarget(socket), trustingCredentials(), true);
  try {
    const { nodes } = await callUnary(
      client,
      ControlService.listNodes,
      { filters: undefined },
      { timeoutMs: TIMEOUT_MS },
    );
    return nodes.map(({ id }) => id);
  } finally {
    client.close();
  }
}

test("a thousand nodes join at once: all are taken in, the leader stays, and others are served meanwhile", async (t) => {
  t.timeout(600_000);
  const folder = mkdtempSync(join(tmpdir(), "tsw-storm-"));
  const managers = await Managers.start(folder, MANAGERS);
  try {
    const leader = await managers.leader();
    const before = await managers.status(leader.socket);
    const { worker: token } = (await joinTokens(leader.socket))!;
    const ended = new AbortController();
    const failures: string[] = [];
    let calls = 0;
    // Each manager is asked, by this process, which may itself be too busy to answer a manager's ping in time.
    const others = managers.all.map(async ({ name, socket }) => {
      const client = new ManagerClient(socket, TIMEOUT_MS);
      for (let count = 0; !ended.signal.aborted; count++) {
        try {
          const { id } = await client.createService(`${name}-${count}`);
          await client.readService(id);
          calls++;
        } catch (error) {
          failures.push(`${name}: ${(error as Error).message}`);
        }
        await pause(THINK_MS);
      }
      client.close();
    });

    const counts: StormCounts = { again: new Map() };
    const idle = new IdleThread();
    const begun = performance.now();
    const joins = Array.from({ length: NODES }, () => lightJoin(leader.address, token, counts));
    const outcomes = await Promise.allSettled(joins);
    const seconds = (performance.now() - begun) / 1000;
    const starvedMs = await idle.longestDelay();
    ended.abort();
    await Promise.all(others);

    t.deepEqual(
      outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [(outcome.reason as Error).message] : [])),
      [],
    );
    const joined = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.joined] : []));
    const ids = new Set(joined.map(({ nodeId }) => nodeId));
    t.is(ids.size, NODES, "each is another node");
    t.true(
      joined.every(({ nodeId, certificate }) => certificateFacts(certificate.toString()).subject.commonName === nodeId),
    );
    if (starvedMs < LEAST_ELECTION_MS / 2) {
      const after = await managers.status(leader.socket);
      t.is(after.term, before.term, "nobody else was elected");
      t.is(after.leaderRaftId, before.leaderRaftId);
    } else {
      t.log(`the machine keeps an idle thread from running for ${starvedMs.toFixed(0)} ms: who leads says nothing`);
    }
    const again = [...counts.again.values()].reduce((sum, count) => sum + count, 0);
    for (const { socket } of managers.all) {
      const known = await nodeIds(socket);
      // Who asks again because an answer was lost is another node.
      t.true(known.length <= NODES + MANAGERS + again, `${known.length} nodes`);
      t.is(known.filter((id) => ids.has(id)).length, NODES);
    }
    t.log(
      `${seconds.toFixed(1)} s; ${calls} calls of others meanwhile; tries in vain:`,
      Object.fromEntries(counts.again),
    );
  } finally {
    await managers.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
