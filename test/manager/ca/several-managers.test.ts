/** Certificates where several managers are: any of them is asked, one of them signs; and all of them turn to another root. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ServiceError, status } from "@grpc/grpc-js";
import test from "ava";
import { callUnary, openChannel, type UnaryMethod } from "../../../src/api/client-call.js";
import { CAService } from "../../../src/api/generated/docker/swarmkit/v1/ca.js";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService } from "../../../src/api/generated/tswarm/v1/identity.js";
import { tlsInfoOfNode } from "../../../src/daemon/identity/manager-certificate.js";
import { tlsInfoOf } from "../../../src/security/node-certificate/tls-info.js";
import { certificateFacts } from "../../../src/security/pki/certificate-facts.js";
import { makeCsr } from "../../../src/security/pki/csr.js";
import { TlsIdentity, verifyingCredentials } from "../../../src/security/tls/tls-identity.js";
import { ManagerGroup, type ManagerHost } from "../manager-group.js";
import { RotatingAgent } from "./rotation/rotating-agent.js";

const { WORKER, MANAGER } = NodeRole;
const TIMEOUT_MS = 30_000;

async function ask<Request, Response>(
  host: ManagerHost,
  identity: TlsIdentity | string,
  method: UnaryMethod<Request, Response>,
  request: Request,
): Promise<Response> {
  const credentials = typeof identity === "string" ? verifyingCredentials(identity) : identity.channelCredentials();
  const client = openChannel(`dns:${host.address}`, credentials, true);
  try {
    return await callUnary(client, method, request, { timeoutMs: TIMEOUT_MS });
  } finally {
    client.close();
  }
}

/** As the daemon beside a manager: a worker's certificate for the same node. */
async function ownAgent(host: ManagerHost): Promise<RotatingAgent> {
  const { csrPem, keyPem } = makeCsr();
  const request = { role: WORKER, csr: Buffer.from(csrPem) };
  const { certificate, rootCa } = await host.call(NodeIdentityService.renew, request);
  const [certificatePem, rootPem] = [certificate.toString(), rootCa.toString()];
  const agent = new RotatingAgent(host.address, host.nodeId, new TlsIdentity({ certificatePem, keyPem, rootPem }));
  agent.tlsInfo = () => tlsInfoOfNode(agent.identity.current!, shownBy(host));
  await agent.begin();
  return agent;
}

function shownBy(host: ManagerHost) {
  const read = (name: string) => readFileSync(join(host.dir, "state", "certificates", name), "utf8");
  return { certificatePem: read("swarm-node.crt"), rootPem: read("swarm-root-ca.crt") };
}

test("any manager is asked, the leader signs, and each caller stays who he is", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [follower, other] = await group.followers();
  const rootPem = follower!.cluster!.rootCa!.caCert.toString();
  const tokens = follower!.cluster!.rootCa!.joinTokens!;
  t.is((await ask(follower!, rootPem, CAService.getRootCaCertificate, {})).certificate.toString(), rootPem);

  const { csrPem, keyPem } = makeCsr();
  const joinWith = (token: string) => ({ token, csr: Buffer.from(csrPem), availability: 0 });
  const joined = await ask(follower!, rootPem, NodeIdentityService.join, joinWith(tokens.worker));
  t.is(joined.managers.length, 3);
  const identity = new TlsIdentity({
    certificatePem: joined.certificate.toString(),
    keyPem,
    rootPem: joined.rootCa.toString(),
  });
  const { nodeId } = joined;
  const renew = (role: NodeRole, host = other!, by = identity) =>
    ask(host, by, NodeIdentityService.renew, { role, csr: Buffer.from(makeCsr().csrPem) });
  const subject = certificateFacts((await renew(WORKER)).certificate.toString()).subject;
  t.is(subject.commonName, nodeId);
  const early = await t.throwsAsync<ServiceError>(renew(MANAGER));
  t.is(early?.code, status.PERMISSION_DENIED);
  await group.updateNode(follower!, nodeId, (spec) => ({ ...spec, desiredRole: MANAGER }));
  const promoted = certificateFacts((await renew(MANAGER)).certificate.toString());
  t.like(promoted.subject, { commonName: nodeId, organizationalUnit: "swarm-manager" });

  const wrong = await t.throwsAsync<ServiceError>(
    ask(follower!, rootPem, NodeIdentityService.join, joinWith("SWMTKN-1-x")),
  );
  t.is(wrong?.code, status.INVALID_ARGUMENT);

  await group.updateNode(follower!, nodeId, (spec) => ({ ...spec, desiredRole: WORKER }));
  await follower!.call(ControlService.removeNode, { nodeId, force: true });
  await group.until("all managers know", () =>
    group.running.every(({ cluster }) => Object.hasOwn(cluster?.blacklistedCertificates ?? {}, nodeId)),
  );
  for (const host of group.running) {
    const gone = await t.throwsAsync<ServiceError>(renew(WORKER, host));
    t.is(gone?.code, status.PERMISSION_DENIED);
    t.regex(gone?.details ?? "", /was removed from swarm/);
  }
});

test("three managers and their nodes turn to another root, with their leader changing on the way", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const agents = await Promise.all(group.hosts.map(ownAgent));
  t.teardown(() => {
    for (const agent of agents) agent.stop();
  });
  const leader = await group.leader();
  const before = leader.cluster!.rootCa!;
  const { id, meta, spec } = (await leader.call(ControlService.listClusters, { filters: undefined })).clusters[0]!;
  await leader.call(ControlService.updateCluster, {
    clusterId: id,
    clusterVersion: meta?.version,
    spec: { ...spec!, caConfig: { ...spec!.caConfig!, forceRotate: 1 } },
    rotation: undefined,
  });
  const next = leader.cluster!.rootCa!.rootRotation!.caCert;
  const { publicKeyDer } = certificateFacts(next.toString());
  const hasTurned = (shown: { readonly certificatePem: string; readonly rootPem: string }) =>
    tlsInfoOf(shown).certIssuerPublicKey.equals(publicKeyDer);
  await group.until("all managers have turned", () => group.hosts.every((host) => hasTurned(shownBy(host))));
  await leader.manager.raft!.transferLeadership();
  const nobodyFails = async () => {
    for (const agent of agents) {
      await agent.settled();
      if (agent.failure) await again(agent);
      else await agent.describe();
      if (!agent.failure) await agent.request();
    }
  };
  // A session is with whoever leads: what ended with the leader begins anew, now or a moment later.
  const again = async (agent: RotatingAgent) => {
    agent.failure = undefined;
    await agent.begin().catch((error: Error) => {
      agent.failure = error;
    });
  };
  await group.leader();
  await group.followers();
  const giveUpAt = Date.now() + 60_000;
  const cluster = () => group.running.map((host) => host.cluster!.rootCa!);
  while (cluster().some(({ rootRotation }) => rootRotation !== undefined)) {
    if (Date.now() > giveUpAt) throw new Error(group.hosts.flatMap(({ logged }) => logged).join("\n"));
    await nobodyFails();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const { caCert, joinTokens } of cluster()) {
    t.deepEqual(caCert, next);
    t.notDeepEqual(joinTokens, before.joinTokens);
  }
  await group.until("all trust the next root alone", () =>
    group.hosts.every((host) => shownBy(host).rootPem === next.toString()),
  );
  for (const agent of agents) t.true(hasTurned(agent.identity.current!));
  await group.updateNode(await group.leader(), group.hosts[0]!.nodeId, (nodeSpec) => ({
    ...nodeSpec,
    annotations: { name: "", labels: { turned: "yes" }, indices: [] },
  }));
});
