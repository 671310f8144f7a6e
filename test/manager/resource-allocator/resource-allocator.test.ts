/** `docker run --network NAME` on a node, at a whole manager. */
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { callUnary, openChannel, type UnaryMethod } from "../../../src/api/client-call.js";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import { ResourceAllocatorService } from "../../../src/api/generated/docker/swarmkit/v1/resource.js";
import { NetworkAttachmentConfig, NodeRole, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { MAX_ATTACHMENTS_PER_NODE } from "../../../src/manager/resource-allocator/resource-allocator.js";
import { admit, agentIdentity } from "../admitted-nodes.js";
import { FakeAgent } from "../fake-agent.js";
import { nodeId, TestCluster } from "../test-cluster.js";

const DOCKER = { engine: { engineVersion: "28.5.2", plugins: [{ type: "Network", name: "overlay" }] } };
const { attachNetwork, detachNetwork } = ResourceAllocatorService;

interface DockerNode {
  readonly agent: FakeAgent;
  readonly client: Client;
}

async function dockerNode(t: ExecutionContext, cluster: TestCluster, number: number): Promise<DockerNode> {
  const { store, remotePort } = cluster.manager;
  await admit(store, nodeId(number), NodeRole.WORKER);
  const credentials = agentIdentity(store, nodeId(number)).channelCredentials();
  const agent = new FakeAgent(`127.0.0.1:${remotePort}`, nodeId(number), `docker${number}`, credentials);
  agent.more = DOCKER;
  cluster.agents.push(agent);
  await agent.start();
  const client = openChannel(`dns:127.0.0.1:${remotePort}`, credentials, true);
  t.teardown(() => client.close());
  return { agent, client };
}

const call = <Request, Response>({ client }: DockerNode, method: UnaryMethod<Request, Response>, request: Request) =>
  callUnary(client, method, request, { timeoutMs: 10_000 });

const attach = (node: DockerNode, target: string, ...addresses: readonly string[]) =>
  call(node, attachNetwork, { config: NetworkAttachmentConfig.fromPartial({ target, addresses }), containerId: "c1" });

const taskOf = (cluster: TestCluster, id: string) => cluster.manager.store.view((read) => read.get("task", id));

async function refusal(action: Promise<unknown>): Promise<string> {
  try {
    await action;
    return "OK";
  } catch (error) {
    const { code, details } = error as ServiceError;
    return `${status[code]}: ${details}`;
  }
}

test("a container is attached with an address, its node has one too, and both are free when it is detached", async (t) => {
  const cluster = await TestCluster.start(t, 1);
  const node = await dockerNode(t, cluster, 2);
  const network = await cluster.createNetwork("shared", { attachable: true });
  const { attachmentId } = await attach(node, "shared", "10.0.1.50");
  const attachmentCount = () => node.agent.node?.attachments.length ?? 0;
  await cluster.until("the node has its orders", () => node.agent.tasks.has(attachmentId) && attachmentCount() === 2);
  const task = node.agent.tasks.get(attachmentId)!;
  t.is(task.networks[0]?.network?.id, network.id);
  t.deepEqual(task.networks[0]?.addresses, ["10.0.1.50/24"]);
  t.deepEqual(task.spec?.runtime, { $case: "attachment", value: { containerId: "c1" } });
  t.deepEqual(task.networks[0]?.network?.ipam?.driver?.options, {}, "what concerns managers alone stays there");
  const attachments = node.agent.node!.attachments.map(({ network: one, addresses }) => [
    one?.spec?.annotations?.name,
    ...addresses,
  ]);
  t.deepEqual(attachments, [
    ["ingress", "10.0.0.3/24"],
    ["shared", "10.0.1.2/24"],
  ]);
  await cluster.until("it runs", () => taskOf(cluster, attachmentId)?.status?.state === TaskState.RUNNING);
  t.regex(
    await refusal(cluster.call(ControlService.removeNetwork, { networkId: network.id, name: "" })),
    /FAILED_PRECONDITION: network shared is in use by task/,
  );
  await call(node, detachNetwork, { attachmentId });
  await cluster.until("it is gone", () => !node.agent.tasks.has(attachmentId) && attachmentCount() === 1);
  await cluster.call(ControlService.removeNetwork, { networkId: network.id, name: "" });
  t.pass();
});

test("what is refused, and why", async (t) => {
  const cluster = await TestCluster.start(t, 1);
  const node = await dockerNode(t, cluster, 2);
  const other = await dockerNode(t, cluster, 3);
  await cluster.createNetwork("shared", { attachable: true });
  await cluster.createNetwork("services");
  await cluster.manager.idle();
  const { attachmentId } = await attach(node, "shared");
  t.is(await refusal(attach(node, "nothing")), "NOT_FOUND: network nothing not found");
  t.is(await refusal(attach(node, "services")), "PERMISSION_DENIED: network services not manually attachable");
  t.is(await refusal(attach(node, "")), "INVALID_ARGUMENT: invalid argument: no network is named");
  t.is(
    await refusal(attach(node, "shared", "10.7.0.1")),
    "INVALID_ARGUMENT: invalid argument: 10.7.0.1 is no address of network shared",
  );
  t.is(await refusal(attach(node, "shared", "x")), 'INVALID_ARGUMENT: invalid argument: "x" is no address');
  t.is(
    await refusal(call(other, detachNetwork, { attachmentId })),
    `PERMISSION_DENIED: attachment ${attachmentId} doesn't belong to this node`,
  );
  t.is(
    await refusal(call(node, detachNetwork, { attachmentId: "" })),
    "INVALID_ARGUMENT: invalid argument: no attachment is named",
  );
  t.is(await refusal(call(node, detachNetwork, { attachmentId: "gone" })), "NOT_FOUND: attachment gone not found");
});

test("a node that was taken over cannot fill the store with attachments", async (t) => {
  const cluster = await TestCluster.start(t, 1);
  const node = await dockerNode(t, cluster, 2);
  const { id } = await cluster.createNetwork("shared", { attachable: true });
  const { attachmentId } = await attach(node, "shared");
  const { store } = cluster.manager;
  const task = taskOf(cluster, attachmentId)!;
  const more = Array.from({ length: MAX_ATTACHMENTS_PER_NODE - 1 }, (_, i) => ({
    ...task,
    id: `more${i}`,
    networks: [],
    status: { ...task.status!, state: TaskState.RUNNING },
  }));
  await store.batch(more, (tx, one) => tx.create("task", one));
  t.is(
    await refusal(attach(node, id)),
    `RESOURCE_EXHAUSTED: node ${nodeId(2)} has ${MAX_ATTACHMENTS_PER_NODE} attachments: it can have no more`,
  );
});
