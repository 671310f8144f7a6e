/** From one root to the next, with a manager, its port for nodes and agents that go on working: not one request fails. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ServiceError, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { callUnary, openChannel } from "../../../../src/api/client-call.js";
import { CAService } from "../../../../src/api/generated/docker/swarmkit/v1/ca.js";
import { ControlService, type KeyRotation } from "../../../../src/api/generated/docker/swarmkit/v1/control.js";
import type { Cluster } from "../../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  type CAConfig,
  IssuanceStatus_State as Issuance,
  NodeRole,
  type RootCA,
} from "../../../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService } from "../../../../src/api/generated/tswarm/v1/identity.js";
import { tlsInfoOfNode } from "../../../../src/daemon/identity/manager-certificate.js";
import { tlsInfoOf } from "../../../../src/security/node-certificate/tls-info.js";
import { certificateFacts } from "../../../../src/security/pki/certificate-facts.js";
import { makeCsr } from "../../../../src/security/pki/csr.js";
import { makeRootCa } from "../../../../src/security/pki/root-ca.js";
import { rootDigest } from "../../../../src/security/pki/root-digest.js";
import { TlsIdentity, verifyingCredentials } from "../../../../src/security/tls/tls-identity.js";
import { OpenSsl } from "../../../security/pki/openssl.js";
import { nodeId, TestCluster } from "../../test-cluster.js";
import { RotatingAgent } from "./rotating-agent.js";

const NO_ROTATION: KeyRotation = { workerJoinToken: false, managerJoinToken: false, managerUnlockKey: false };
/** Longer than managers count how often a node comes. */
const STEP_MS = 9000;

class Bed {
  readonly cluster: TestCluster;
  readonly agents: RotatingAgent[] = [];

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  /** @param workers that join; the manager's own node has an agent too */
  static async start(t: ExecutionContext, workers: number): Promise<Bed> {
    const bed = new Bed(await TestCluster.start(t, 0));
    t.teardown(() => {
      for (const agent of bed.agents) agent.stop();
    });
    bed.agents.push(await bed.#ownAgent());
    for (let i = 0; i < workers; i++) await bed.join();
    return bed;
  }

  async join(): Promise<RotatingAgent> {
    const rootPem = (await this.fetchRoot()).toString();
    const agent = await RotatingAgent.join(this.address, this.rootCa.joinTokens!.worker, rootPem);
    this.agents.push(agent);
    return agent;
  }

  get address(): string {
    return `127.0.0.1:${this.cluster.manager.remotePort}`;
  }

  get object(): Cluster {
    return this.cluster.manager.store.view((read) => read.all("cluster"))[0]!;
  }

  get rootCa(): RootCA {
    return this.object.rootCa!;
  }

  /** By its file: what the manager shows at this moment. */
  get managerCertificate(): { readonly certificatePem: string; readonly rootPem: string } {
    const read = (name: string) => readFileSync(join(this.cluster.dir, "state", "certificates", name), "utf8");
    return { certificatePem: read("swarm-node.crt"), rootPem: read("swarm-root-ca.crt") };
  }

  async fetchRoot(): Promise<Buffer> {
    const client = openChannel(`dns:${this.address}`, verifyingCredentials(this.rootCa.caCert.toString()), true);
    try {
      return (await callUnary(client, CAService.getRootCaCertificate, {}, { timeoutMs: 20_000 })).certificate;
    } finally {
      client.close();
    }
  }

  async update(caConfig: Partial<CAConfig>): Promise<Cluster> {
    const { clusters } = await this.cluster.call(ControlService.listClusters, { filters: undefined });
    const { id, meta, spec } = clusters[0]!;
    const { cluster } = await this.cluster.call(ControlService.updateCluster, {
      clusterId: id,
      clusterVersion: meta?.version,
      spec: { ...spec!, caConfig: { ...spec!.caConfig!, ...caConfig } },
      rotation: NO_ROTATION,
    });
    return cluster!;
  }

  force(): Promise<Cluster> {
    return this.update({ forceRotate: this.object.spec!.caConfig!.forceRotate + 1 });
  }

  /** Every node calls over a new connection, and so does one that has no certificate. */
  async everybodyCalls(): Promise<void> {
    await Promise.all([this.fetchRoot(), ...this.agents.map((agent) => agent.request())]);
  }

  /** Some seconds pass; all that follows has happened, and everybody has made calls. */
  async step(): Promise<void> {
    this.cluster.clock.advance(STEP_MS);
    await this.cluster.manager.idle();
    await this.everybodyCalls();
    await Promise.all(this.agents.map((agent) => agent.settled()));
    await Promise.all(this.agents.map((agent) => agent.describe()));
    await this.everybodyCalls();
  }

  async stepsUntil(what: string, holds: () => boolean): Promise<void> {
    for (let steps = 0; !holds(); steps++) {
      if (steps === 100)
        throw new Error(`it never came to this: ${what}\n${this.cluster.logged.join("\n")}\n${this.#describe()}`);
      await this.step();
    }
  }

  #describe(): string {
    const next = this.rootCa.rootRotation?.caCert;
    return this.agents
      .map((agent) => {
        const node = this.cluster.manager.store.view((read) => read.get("node", agent.nodeId));
        const state = Issuance[node?.certificate?.status?.state ?? 0];
        const { publicKeyDer } = certificateFacts(next!.toString());
        const said = node?.description?.tlsInfo?.certIssuerPublicKey.equals(publicKeyDer);
        return `${agent.nodeId}: ${state}, has one of the next root: ${this.isOf(agent, next)}, says so: ${said}; ${agent.failure ?? "well"}`;
      })
      .join("\n");
  }

  isOf(agent: RotatingAgent, rootPem: Buffer | undefined): boolean {
    const { publicKeyDer } = certificateFacts(rootPem!.toString());
    return tlsInfoOf(agent.identity.current!).certIssuerPublicKey.equals(publicKeyDer);
  }

  async #ownAgent(): Promise<RotatingAgent> {
    const { csrPem, keyPem } = makeCsr();
    const request = { role: NodeRole.WORKER, csr: Buffer.from(csrPem) };
    const { certificate, rootCa } = await this.cluster.call(NodeIdentityService.renew, request);
    const [certificatePem, rootPem] = [certificate.toString(), rootCa.toString()];
    const agent = new RotatingAgent(this.address, nodeId(1), new TlsIdentity({ certificatePem, keyPem, rootPem }));
    agent.tlsInfo = () => tlsInfoOfNode(agent.identity.current!, this.managerCertificate);
    await agent.begin();
    return agent;
  }
}

test("a forced change of the root: nobody's calls fail, who comes late is waited for, and tokens change at the end", async (t) => {
  const bed = await Bed.start(t, 4);
  const openssl = new OpenSsl(t);
  const before = bed.rootCa;
  const late = bed.agents[4]!;
  late.isDeaf = true;
  const shown = await bed.force();
  t.is(shown.rootCa?.rootRotation?.caKey.length, 0, "no key leaves the managers");
  const next = bed.rootCa.rootRotation!.caCert;
  const others = bed.agents.filter((agent) => agent !== late);
  await bed.stepsUntil("all but one have a certificate of the next root", () =>
    others.every((agent) => bed.isOf(agent, next)),
  );
  for (let i = 0; i < 3; i++) await bed.step();
  t.truthy(bed.rootCa.rootRotation, "one node has not turned yet");
  t.true(bed.isOf(late, before.caCert));

  t.deepEqual(await bed.fetchRoot(), before.caCert, "join tokens hold its digest");
  const newcomer = await bed.join();
  t.true(bed.isOf(newcomer, next));
  const both = before.caCert.toString() + next.toString();
  for (const agent of bed.agents) t.is(agent.roots, both);
  const { certificatePem, rootPem } = newcomer.identity.current!;
  t.is(rootPem, both);
  for (const [whose, roots] of [
    ["the present root", before.caCert.toString()],
    ["the next root", next.toString()],
    ["both", both],
  ] as const) {
    const verified = openssl.verify(certificatePem, roots);
    t.true(verified.ok, `a newcomer's certificate is valid for whoever trusts ${whose}: ${verified.text}`);
  }

  late.listen();
  await bed.stepsUntil("the change is over", () => bed.rootCa.rootRotation === undefined);
  t.deepEqual(bed.rootCa.caCert, next);
  t.is(bed.rootCa.caCertHash, rootDigest(next));
  t.notDeepEqual(bed.rootCa.joinTokens, before.joinTokens);
  for (let i = 0; i < 2; i++) await bed.step();
  for (const agent of bed.agents) {
    t.is(agent.roots, next.toString());
    t.is(agent.failure, undefined);
    t.true(bed.isOf(agent, next));
    t.true(agent.renewals <= 1, `${agent.renewals} renewals`);
  }
  const verified = openssl.verify(bed.managerCertificate.certificatePem, next.toString());
  t.true(verified.ok, verified.text);
  const token = before.joinTokens!.worker;
  const error = await t.throwsAsync<ServiceError>(RotatingAgent.join(bed.address, token, next.toString()));
  t.is(error?.code, status.INVALID_ARGUMENT);
  await bed.join();
});

test("a change that is replaced by another, and one that is given up, end where they should", async (t) => {
  const bed = await Bed.start(t, 4);
  const before = bed.rootCa;
  const deaf = bed.agents[2]!;
  deaf.isDeaf = true;
  await bed.force();
  const abandoned = bed.rootCa.rootRotation!.caCert;
  await bed.stepsUntil("some have turned", () => bed.agents.some((agent) => bed.isOf(agent, abandoned)));
  const own = makeRootCa(bed.cluster.clock.now());
  await bed.update({ signingCaCert: Buffer.from(own.certificatePem), signingCaKey: Buffer.from(own.keyPem) });
  t.is(bed.rootCa.rootRotation?.caCert.toString(), own.certificatePem);
  deaf.listen();
  await bed.stepsUntil("the change is over", () => bed.rootCa.rootRotation === undefined);
  t.is(bed.rootCa.caCert.toString(), own.certificatePem);
  for (const agent of bed.agents) t.true(bed.isOf(agent, bed.rootCa.caCert));

  const tokens = bed.rootCa.joinTokens;
  await bed.force();
  const second = bed.rootCa.rootRotation!.caCert;
  deaf.isDeaf = true;
  await bed.stepsUntil("some have turned", () => bed.agents.some((agent) => bed.isOf(agent, second)));
  await bed.update({ signingCaCert: Buffer.from(own.certificatePem), signingCaKey: Buffer.from(own.keyPem) });
  t.is(bed.rootCa.rootRotation, undefined);
  t.is(bed.rootCa.caCert.toString(), own.certificatePem);
  t.deepEqual(bed.rootCa.joinTokens, tokens);
  deaf.listen();
  // Who has a certificate of a root that never came to be is as good as the others.
  for (let i = 0; i < 3; i++) await bed.step();
  for (const agent of bed.agents) t.is(agent.failure, undefined);
  t.notDeepEqual(before.caCert, bed.rootCa.caCert);
});

test("a node that is removed is not waited for", async (t) => {
  const bed = await Bed.start(t, 2);
  const gone = bed.agents[2]!;
  gone.isDeaf = true;
  await bed.force();
  await bed.step();
  gone.stop();
  bed.agents.splice(2, 1);
  await bed.cluster.call(ControlService.removeNode, { nodeId: gone.nodeId, force: true });
  await bed.stepsUntil("the change is over", () => bed.rootCa.rootRotation === undefined);
  t.is(bed.agents.length, 2);
});
