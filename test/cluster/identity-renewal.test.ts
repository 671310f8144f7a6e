/**
 * Certificates are renewed three times over while everybody works: three managers and two workers in this process, over real TLS, and a
 * clock that the test moves. TLS itself goes by the machine's time, so certificates of one hour begin in its past and none leaves it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { callUnary, openChannel } from "../../src/api/client-call.js";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import { InitClusterRequest } from "../../src/api/generated/tswarm/v1/node.js";
import { AgentIdentity } from "../../src/daemon/identity/agent-identity.js";
import { firstCertificate } from "../../src/daemon/identity/first-certificate.js";
import { joinCluster } from "../../src/daemon/identity/join-cluster.js";
import { Manager } from "../../src/manager/manager.js";
import { CertificateStore } from "../../src/security/node-certificate/certificate-store.js";
import type { NodeCertificate } from "../../src/security/node-certificate/node-certificate.js";
import { certificateFacts } from "../../src/security/pki/certificate-facts.js";
import { FakeAgent } from "../manager/fake-agent.js";
import { ManualClock } from "../manager/manual-clock.js";
import { MemoryDisk } from "../raft/disk/memory-disk.js";
import { ManagerClient } from "./manager-client.js";

const MINUTE_MS = 60_000;
const EXPIRY_SECONDS = 3600;
/** Of a lifetime of two hours, one of them before it was signed: 18 minutes after that. */
const RENEWAL_POINT = 0.5;
const ROUNDS = 3;
const STEP_MS = MINUTE_MS;
const TIMEOUT_MS = 60_000;
const THINK_MS = 20;

/** A node: its agent's identity and session, and its manager where it has one. */
class NodePlace {
  readonly logged: string[] = [];
  manager: Manager | undefined;
  agent: FakeAgent | undefined;
  identity: AgentIdentity | undefined;

  constructor(readonly dir: string) {}

  readonly log = (line: string): void => {
    this.logged.push(line);
  };

  get socket(): string {
    return join(this.dir, "control.sock");
  }

  get address(): string {
    return `127.0.0.1:${this.manager!.remotePort}`;
  }

  get managerFolder(): CertificateStore {
    return CertificateStore.at(join(this.dir, "manager", "certificates"));
  }

  /** How many certificates followed the first: of the agent, and of the manager. */
  get renewals(): readonly number[] {
    const count = (whose: string) => this.logged.filter((line) => line.startsWith(whose)).length;
    const agent = count("this node's certificate is valid until");
    return this.manager ? [agent, count("the manager's certificate is valid until")] : [agent];
  }

  async stop(): Promise<void> {
    this.agent?.stop();
    await this.identity?.stop();
    await this.manager?.stop();
  }
}

class Bed {
  // All certificates of the test are valid at the machine's time.
  readonly clock = new ManualClock(Date.now() - 54 * MINUTE_MS);
  readonly nodes: NodePlace[] = [];
  readonly failures: string[] = [];
  calls = 0;
  readonly #dir = mkdtempSync(join(tmpdir(), "tsw-renewal-"));

  static async start(t: ExecutionContext, managers: number, workers: number): Promise<Bed> {
    const bed = new Bed();
    t.teardown(() => bed.#end());
    await bed.#first();
    for (let at = 1; at < managers; at++) await bed.#join("manager");
    for (let at = 0; at < workers; at++) await bed.#join("worker");
    // At the leader: a follower that has lost its way to the leader finds it again after a pause, and here no time passes while messages travel.
    const { address } = bed.managers[0]!;
    for (const [at, node] of bed.nodes.entries()) {
      const { tls, certificate } = node.identity!;
      const { commonName } = certificateFacts(certificate.certificatePem).subject;
      node.agent = new FakeAgent(address, commonName!, `host${at}`, tls.channelCredentials());
      await node.agent.start();
    }
    return bed;
  }

  get managers(): readonly NodePlace[] {
    return this.nodes.filter(({ manager }) => manager);
  }

  get #tokens() {
    const [cluster] = this.managers[0]!.manager!.store.view((read) => read.all("cluster"));
    return cluster!.rootCa!.joinTokens!;
  }

  #place(): NodePlace {
    const place = new NodePlace(join(this.#dir, `node${this.nodes.length}`));
    this.nodes.push(place);
    return place;
  }

  async #first(): Promise<void> {
    const place = this.#place();
    const bootstrap = InitClusterRequest.fromPartial({
      spec: { caConfig: { nodeCertExpiry: { seconds: EXPIRY_SECONDS } } },
    });
    const nodeId = "first".padEnd(25, "0");
    await this.#startManager(place, nodeId, { bootstrap });
    await this.#become(place, await firstCertificate(place.socket, nodeId));
  }

  async #join(role: "manager" | "worker"): Promise<void> {
    const addresses = this.managers.map(({ address }) => address);
    const place = this.#place();
    const { log } = place;
    const joined = await joinCluster({ token: this.#tokens[role], addresses, availability: 0, random: () => 0.5, log });
    await this.#become(place, joined.certificate);
    if (role === "worker") return;
    const issue = async (csrPem: string) => {
      const { certificate, rootCa } = await place.identity!.issueManagerCertificate(Buffer.from(csrPem));
      return { certificate: certificate.toString(), rootCa: rootCa.toString() };
    };
    await this.#startManager(place, joined.nodeId, { join: addresses, issue });
    await this.until("it votes", () =>
      this.managers.every(
        ({ manager }) => manager!.raft!.members().filter(({ isVoter }) => isVoter).length === this.managers.length,
      ),
    );
  }

  async #startManager(
    place: NodePlace,
    nodeId: string,
    more: Partial<ConstructorParameters<typeof Manager>[0]>,
  ): Promise<void> {
    place.manager = new Manager({
      stateDir: join(place.dir, "manager"),
      controlSocket: place.socket,
      remoteAddress: "127.0.0.1:0",
      nodeId,
      disk: new MemoryDisk(),
      clock: this.clock,
      renewalPoint: () => RENEWAL_POINT,
      heartbeatPeriodMs: 2 * MINUTE_MS,
      raft: { tickMs: 100, electionTicks: 30, heartbeatTicks: 2 },
      log: place.log,
      ...more,
    });
    await place.manager.start();
  }

  async #become(place: NodePlace, certificate: NodeCertificate): Promise<void> {
    const store = CertificateStore.at(join(place.dir, "certificates"));
    await store.save(certificate);
    place.identity = new AgentIdentity(certificate, {
      store,
      localManager: () => undefined,
      managers: () => this.managers.map(({ address }) => address),
      clock: this.clock,
      random: () => RENEWAL_POINT,
      log: place.log,
    });
    place.identity.start();
  }

  /** Time passes, a step at a time; in each every agent beats over the session that it began with. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.clock.advance(Math.min(STEP_MS, left));
      await Promise.all(this.nodes.map(({ agent }) => this.#tries("a heartbeat", () => agent!.heartbeat())));
    }
  }

  /** From now on, until the signal: writes and reads at every manager, and new connections of every node to every manager. */
  async work(signal: AbortSignal): Promise<void> {
    const clients = this.managers.map(async ({ socket }, at) => {
      const client = new ManagerClient(socket, TIMEOUT_MS);
      for (let count = 0; !signal.aborted; count++) {
        await this.#tries("a write and a read", async () => {
          const { id } = await client.createService(`s${at}-${count}`);
          await client.readService(id);
        });
        await pause(THINK_MS);
      }
      client.close();
    });
    const callers = this.nodes.map(async ({ identity }) => {
      for (let count = 0; !signal.aborted; count++) {
        const { address } = this.managers[count % this.managers.length]!;
        await this.#tries("a new connection", () => this.#connect(identity!, address));
        await pause(THINK_MS);
      }
    });
    await Promise.all([...clients, ...callers]);
  }

  async #connect({ tls }: AgentIdentity, address: string): Promise<void> {
    const client = openChannel(`dns:${address}`, tls.channelCredentials(), true);
    try {
      await callUnary(client, CAService.getRootCaCertificate, {}, { timeoutMs: TIMEOUT_MS });
    } finally {
      client.close();
    }
  }

  async #tries(what: string, run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
      this.calls++;
    } catch (error) {
      this.failures.push(`${what}: ${(error as Error).message}`);
    }
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const limit = Date.now() + TIMEOUT_MS;
    while (!holds()) {
      if (Date.now() > limit) {
        throw new Error(
          `it never came to this: ${what}\n${this.nodes.map(({ logged }) => logged.join("\n")).join("\n\n")}`,
        );
      }
      await pause(10);
    }
  }

  async #end(): Promise<void> {
    // The leader last: it hands over to nobody.
    for (const node of [...this.nodes].reverse()) await node.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

test("three renewals of every certificate under load: no session ends, and not one request fails", async (t) => {
  t.timeout(300_000);
  const bed = await Bed.start(t, 3, 2);
  const stop = new AbortController();
  const work = bed.work(stop.signal);
  const sessions = bed.nodes.map(({ agent }) => agent!.sessionId);
  const seen = new Set<string>();
  const look = async () => {
    for (const { identity, manager, managerFolder } of bed.nodes) {
      seen.add(identity!.certificate.certificatePem);
      if (manager) seen.add((await managerFolder.look())!.certificatePem);
    }
  };
  await look();
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      await bed.pass(19 * MINUTE_MS);
      await bed.until(`every certificate was renewed ${round} times`, () =>
        bed.nodes.every(({ renewals }) => renewals.every((count) => count === round)),
      );
      await look();
    }
    await bed.pass(MINUTE_MS);
  } finally {
    stop.abort();
    await work;
  }
  t.deepEqual(bed.failures, []);
  t.is(seen.size, (3 * 2 + 2) * (ROUNDS + 1), "each certificate was another");
  for (const [at, { agent }] of bed.nodes.entries()) {
    t.is(agent!.ended, undefined);
    t.is(agent!.sessionId, sessions[at]!);
  }
  t.true(bed.calls > 100);
  t.log(`${bed.calls} calls`);
});
