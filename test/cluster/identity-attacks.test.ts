/** What who has taken over a worker, or a manager, can do at a whole manager; and what has been given away cannot be taken back. */
import { type Client, type ClientDuplexStream, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { DispatcherService } from "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { NetworkSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeRole, TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService } from "../../src/api/generated/tswarm/v1/identity.js";
import { AgentLinkService, type AgentMessage, type ManagerMessage } from "../../src/api/generated/tswarm/v1/link.js";
import { certificateFacts } from "../../src/security/pki/certificate-facts.js";
import { makeCsr } from "../../src/security/pki/csr.js";
import {
  TlsIdentity as Identity,
  type TlsIdentity,
  verifyingCredentials,
} from "../../src/security/tls/tls-identity.js";
import { agentIdentity } from "../manager/admitted-nodes.js";
import { StreamAgent } from "../manager/dispatcher/stream-agent.js";
import { nodeId, processService, TestCluster } from "../manager/test-cluster.js";
import { Authority } from "../security/authority.js";
import { RemoteBed } from "../security/remote-bed.js";

const [WORKER, VICTIM] = [2, 3];
const HOUR_MS = 3_600_000;

function connect(
  t: ExecutionContext,
  cluster: TestCluster,
  credentials = identityOf(cluster, WORKER).channelCredentials(),
): Client {
  const client = openChannel(`dns:127.0.0.1:${cluster.manager.remotePort}`, credentials, true);
  t.teardown(() => client.close());
  return client;
}

function identityOf(cluster: TestCluster, number: number, role = NodeRole.WORKER): TlsIdentity {
  return agentIdentity(cluster.manager.store, nodeId(number), role);
}

async function outcome<Request, Response>(
  client: Client,
  method: UnaryMethod<Request, Response>,
  request: Request,
  metadata = new Metadata(),
): Promise<string> {
  try {
    await callUnary(client, method, request, { timeoutMs: 10_000, metadata });
    return "OK";
  } catch (error) {
    const { code, details } = error as ServiceError;
    return `${status[code]}: ${details}`;
  }
}

test("a worker that was taken over, on an agent's own stream: its node's tasks alone, whatever it says that it is", async (t) => {
  const cluster = await TestCluster.start(t, 3);
  const service = await cluster.createService(processService("web", 3));
  const tasks = await cluster.untilRunning(service.id, 3);
  const [mine, theirs] = [WORKER, VICTIM].map((number) => tasks.find((task) => task.nodeId === nodeId(number))!);
  const usurper = new StreamAgent(nodeId(VICTIM), identityOf(cluster, WORKER).channelCredentials());
  t.teardown(() => usurper.stop());
  // It calls itself by the victim's name.
  await usurper.start(`127.0.0.1:${cluster.manager.remotePort}`);
  await cluster.until("it has been told of tasks", () => usurper.messages.length > 0);
  t.deepEqual([...usurper.tasks.keys()], [mine!.id]);
  usurper.report(theirs!.id, TaskState.FAILED);
  await cluster.until("its report was refused", () => usurper.refused.length > 0);
  t.deepEqual(usurper.refused, [
    { taskId: theirs!.id, reason: `task ${theirs!.id} is not assigned to node ${nodeId(WORKER)}` },
  ]);
  t.is(cluster.tasks(service.id).find(({ id }) => id === theirs!.id)?.status?.state, TaskState.RUNNING);
  t.is(cluster.agents[VICTIM - 1]!.ended, undefined, "the victim's session goes on");
});

test("a worker that was taken over, on the link: nothing of networks that its tasks are not on", async (t) => {
  const cluster = await TestCluster.start(t, 3);
  const [shop, vault] = [await cluster.createNetwork("shop"), await cluster.createNetwork("vault")];
  const at = (number: number) => ({ constraints: [`node.hostname==host${number}`] });
  const service = (name: string, networkId: string, number: number) =>
    cluster.createService(
      processService(name, 1, { task: { networks: [{ target: networkId }], placement: at(number) } }),
    );
  const [open, secret] = [await service("open", shop.id, WORKER), await service("secret", vault.id, VICTIM)];
  await cluster.untilRunning(open.id, 1);
  await cluster.untilRunning(secret.id, 1);
  const { path, requestSerialize, responseDeserialize } = AgentLinkService.link;
  const link: ClientDuplexStream<AgentMessage, ManagerMessage> = connect(t, cluster).makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
  );
  const heard = new Set<string>();
  link.on("error", () => link.resume());
  link.on("data", ({ message }: ManagerMessage) => {
    if (message?.$case !== "rows") return;
    for (const { serviceId } of [...message.value.services, ...message.value.endpoints]) heard.add(serviceId);
  });
  link.write({ message: { $case: "subscription", value: { networkIds: [vault.id, shop.id] } } });
  link.write({ message: { $case: "update", value: { complete: true, endpoints: [], removedIds: [] } } });
  await cluster.until("it hears of its own network", () => heard.has(open.id));
  const more = await service("more", vault.id, VICTIM);
  await cluster.untilRunning(more.id, 1);
  const last = await service("last", shop.id, WORKER);
  await cluster.until("what happened before is told before", () => heard.has(last.id));
  t.deepEqual([...heard].sort(), [open.id, last.id].sort());
});

test("a request for a certificate that somebody else made gives nothing: the name is the caller's, the key its maker's", async (t) => {
  const cluster = await TestCluster.start(t, 3);
  const seen = makeCsr();
  const csr = Buffer.from(seen.csrPem);
  const issued = await callUnary(
    connect(t, cluster),
    NodeIdentityService.renew,
    { role: NodeRole.WORKER, csr },
    { timeoutMs: 10_000 },
  );
  t.is(certificateFacts(issued.certificate.toString()).subject.commonName, nodeId(WORKER), "not the one that made it");
  const [certificatePem, rootPem] = [issued.certificate.toString(), issued.rootCa.toString()];
  t.throws(() => new Identity({ certificatePem, rootPem, keyPem: makeCsr().keyPem }), {
    message: /not the certificate's/,
  });
  const nobody = connect(t, cluster, verifyingCredentials(rootPem));
  t.regex(await outcome(nobody, NodeIdentityService.renew, { role: NodeRole.WORKER, csr }), /^PERMISSION_DENIED/);
  t.regex(await outcome(nobody, NodeIdentityService.join, { token: "", csr, availability: 0 }), /^INVALID_ARGUMENT/);
});

test("a manager that was taken over is the cluster: it reads every key, speaks for every node, and changes all", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const own = await callUnary(
    cluster.client,
    ControlService.listClusters,
    { filters: undefined },
    { timeoutMs: 10_000 },
  );
  const { store } = cluster.manager;
  await store.update((tx) => {
    const node = tx.get("node", nodeId(2))!;
    tx.update("node", { ...node, role: NodeRole.MANAGER, spec: { ...node.spec!, desiredRole: NodeRole.MANAGER } });
  });
  const taken = connect(t, cluster, identityOf(cluster, 2, NodeRole.MANAGER).channelCredentials());
  const { clusters } = await callUnary(
    taken,
    ControlService.listClusters,
    { filters: undefined },
    { timeoutMs: 10_000 },
  );
  t.deepEqual(clusters[0]?.rootCa?.joinTokens, own.clusters[0]?.rootCa?.joinTokens, "join tokens");
  t.is(clusters[0]?.rootCa?.caKey.length, 0, "by the API not even to a manager: but its own log holds it");
  t.is(
    store
      .view((read) => read.all("cluster"))[0]!
      .rootCa!.caKey.toString()
      .includes("PRIVATE KEY"),
    true,
  );
  t.is(await outcome(taken, CAService.getUnlockKey, {}), "OK");
  const asAnother = new Metadata();
  const certificate = { forwarded_cert: "true", forwarded_cert_cn: nodeId(1), forwarded_cert_ou: "swarm-worker" };
  const { organization } = identityOf(cluster, 1).subject!;
  for (const [key, value] of Object.entries({ ...certificate, forwarded_cert_org: organization! }))
    asAnother.set(key, value);
  const beat = { sessionId: cluster.agents[0]!.sessionId };
  t.is(await outcome(taken, DispatcherService.heartbeat, beat, asAnother), "OK");
  const spec = NetworkSpec.fromPartial({ annotations: { name: "made" } });
  t.is(await outcome(taken, ControlService.createNetwork, { spec }), "OK");
});

test("a connection that stands goes on when its certificate has expired; a new one is refused", async (t) => {
  let nowMs = Date.now();
  const authority = new Authority();
  const bed = await RemoteBed.start(t, { identity: authority.manager("m1"), now: () => nowMs });
  const client = bed.client(authority.worker("w1").channelCredentials());
  t.is(await bed.heartbeat(client), "OK");
  nowMs += 48 * HOUR_MS;
  t.is(await bed.heartbeat(client), "OK");
  t.regex(await bed.heartbeat(bed.client(authority.worker("w1").channelCredentials())), /^UNAVAILABLE/);
});
