/** What a worker that was taken over can do at a whole manager: what its node may, and no more. */
import { type Client, type ClientReadableStream, type ServiceError, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { DispatcherService } from "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { JoinRequest, RaftMembershipService, RaftService } from "../../src/api/generated/docker/swarmkit/v1/raft.js";
import { NodeRole, TaskState, TaskStatus } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService } from "../../src/api/generated/tswarm/v1/identity.js";
import { makeCsr } from "../../src/security/pki/csr.js";
import { agentIdentity } from "./admitted-nodes.js";
import { nodeId, processService, TestCluster } from "./test-cluster.js";

/** A second connection with the certificate of a node, as who has taken it over opens one. */
function takenOver(t: ExecutionContext, cluster: TestCluster, number: number): Client {
  const identity = agentIdentity(cluster.manager.store, nodeId(number));
  const client = openChannel(`dns:127.0.0.1:${cluster.manager.remotePort}`, identity.channelCredentials(), true);
  t.teardown(() => client.close());
  return client;
}

async function outcome<Request, Response>(
  client: Client,
  method: UnaryMethod<Request, Response>,
  request: Request,
): Promise<string> {
  try {
    await callUnary(client, method, request, { timeoutMs: 10_000 });
    return "OK";
  } catch (error) {
    const { code, details } = error as ServiceError;
    return `${status[code]}: ${details}`;
  }
}

function assignments(client: Client, sessionId: string): Promise<string> {
  const { path, requestSerialize, responseDeserialize } = DispatcherService.assignments;
  const stream: ClientReadableStream<unknown> = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    { sessionId },
  );
  return new Promise((resolve) => {
    stream.once("data", () => {
      resolve("OK");
      stream.cancel();
    });
    stream.on("error", (error: ServiceError) => resolve(`${status[error.code]}: ${error.details}`));
  });
}

const report = (sessionId: string, taskId: string) => ({
  sessionId,
  updates: [{ taskId, status: TaskStatus.fromPartial({ state: TaskState.FAILED, timestamp: { seconds: 1 } }) }],
});

test("it has its own session, tasks and reports, and nobody else's", async (t) => {
  const cluster = await TestCluster.start(t, 3);
  const service = await cluster.createService(processService("web", 3));
  const tasks = await cluster.untilRunning(service.id, 3);
  const mine = tasks.find((task) => task.nodeId === nodeId(2))!;
  const other = tasks.find((task) => task.nodeId === nodeId(3))!;
  const client = takenOver(t, cluster, 2);
  const [own, foreign] = [cluster.agents[1]!.sessionId, cluster.agents[2]!.sessionId];

  t.is(await outcome(client, DispatcherService.heartbeat, { sessionId: own }), "OK");
  t.is(await outcome(client, DispatcherService.heartbeat, { sessionId: foreign }), "INVALID_ARGUMENT: session invalid");
  t.is(await assignments(client, foreign), "INVALID_ARGUMENT: session invalid");
  t.is(
    await outcome(client, DispatcherService.updateTaskStatus, report(foreign, other.id)),
    "INVALID_ARGUMENT: session invalid",
  );
  t.is(
    await outcome(client, DispatcherService.updateTaskStatus, report(own, other.id)),
    `PERMISSION_DENIED: task ${other.id} is not assigned to node ${nodeId(2)}`,
  );
  t.is(cluster.running(service.id).length, 3);
  t.deepEqual([...cluster.agents[1]!.tasks.keys()], [mine.id]);
});

test("it cannot steer the cluster, read its keys, take part in the log, or become a manager", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const client = takenOver(t, cluster, 2);
  const refused =
    /^PERMISSION_DENIED: Permission denied: unauthorized peer role: .* not part of OUs: \[swarm-manager\]$/;
  t.regex(await outcome(client, ControlService.listNodes, { filters: undefined }), refused);
  t.regex(await outcome(client, ControlService.removeNode, { nodeId: nodeId(1), force: true }), refused);
  t.regex(await outcome(client, CAService.getUnlockKey, {}), refused);
  t.regex(await outcome(client, RaftMembershipService.join, JoinRequest.create({ addr: "127.0.0.1:1" })), refused);
  t.regex(await outcome(client, RaftService.resolveAddress, { raftId: "1" }), refused);
  const csr = Buffer.from(makeCsr().csrPem);
  t.regex(await outcome(client, NodeIdentityService.renew, { role: NodeRole.MANAGER, csr }), /^PERMISSION_DENIED/);
  t.is(await outcome(client, NodeIdentityService.renew, { role: NodeRole.WORKER, csr }), "OK");
});

test("once its node is removed its connections end, and it is let in nowhere", async (t) => {
  const cluster = await TestCluster.start(t, 3);
  const agent = cluster.agents[1]!;
  const client = takenOver(t, cluster, 2);
  t.is(await outcome(client, DispatcherService.heartbeat, { sessionId: agent.sessionId }), "OK");
  await cluster.call(ControlService.removeNode, { nodeId: nodeId(2), force: true });
  await cluster.until("its session has ended", () => agent.ended !== undefined);
  const refusal = `PERMISSION_DENIED: Permission denied: node ${nodeId(2)} was removed from swarm`;
  // The connection may be found broken first.
  const after = [];
  for (let tries = 0; tries < 3; tries++) {
    after.push(await outcome(client, DispatcherService.heartbeat, { sessionId: agent.sessionId }));
  }
  t.is(after.at(-1), refusal);
  t.is(await outcome(client, CAService.getRootCaCertificate, {}), refusal);
  await cluster.agents[2]!.heartbeat();
  t.is(cluster.agents[2]!.ended, undefined);
});
