import type { ClientDuplexStream } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { macFromAddress } from "../../../overlay/mac-address.js";
import { openChannel } from "../../../src/api/client-call.js";
import type { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  AgentLinkService,
  type AgentMessage,
  Endpoint,
  InspectorService,
  type ManagerMessage,
  ObserveResult,
  ServiceResolution,
} from "../../../src/api/generated/tswarm/v1/link.js";
import { grpcTarget } from "../../../src/security/transport.js";
import { agentIdentity } from "../admitted-nodes.js";
import { nodeId, processService, TestCluster } from "../test-cluster.js";

/** The link of one node, over real gRPC. */
class TestLink {
  readonly #stream: ClientDuplexStream<AgentMessage, ManagerMessage>;
  readonly #client;
  readonly nodeId: string;
  readonly endpoints = new Map<string, Endpoint>();
  readonly services = new Map<string, { ports: number; address: string }>();
  readonly applied = new Set<string>();
  ended: Error | undefined;
  /** Answers questions about the kernel; undefined: it does not. */
  answer: (() => Partial<ObserveResult>) | undefined;

  constructor(t: ExecutionContext, cluster: TestCluster, number: number) {
    this.nodeId = nodeId(number);
    const { store, remotePort } = cluster.manager;
    const credentials = agentIdentity(store, this.nodeId).channelCredentials();
    this.#client = openChannel(grpcTarget(`127.0.0.1:${remotePort}`), credentials, true);
    t.teardown(() => this.stop());
    const { path, requestSerialize, responseDeserialize } = AgentLinkService.link;
    this.#stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#stream.on("data", (message: ManagerMessage) => this.#receive(message));
    this.#stream.on("error", (error: Error) => (this.ended = error));
    this.send({
      $case: "hello",
      value: { nodeId: this.nodeId, hostname: `host${number}`, tunnelAddress: "192.0.2.1" },
    });
  }

  send(message: AgentMessage["message"]): void {
    this.#stream.write({ message });
  }

  subscribe(...networkIds: readonly string[]): void {
    this.send({ $case: "subscription", value: { networkIds } });
  }

  publish(...endpoints: readonly Endpoint[]): void {
    this.send({ $case: "update", value: { complete: false, endpoints, removedIds: [] } });
  }

  stop(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  #receive({ message }: ManagerMessage): void {
    if (message?.$case === "rows") {
      const { complete, endpoints, removedEndpointIds, services, removedServices, revision } = message.value;
      if (complete) {
        this.endpoints.clear();
        this.services.clear();
      }
      for (const id of removedEndpointIds) this.endpoints.delete(id);
      for (const row of endpoints) this.endpoints.set(row.id, row);
      for (const { serviceId, networkId } of removedServices) this.services.delete(`${serviceId}/${networkId}`);
      for (const row of services) {
        const address = row.resolution === ServiceResolution.SERVICE_VIP ? row.virtualAddress : "dnsrr";
        this.services.set(`${row.serviceId}/${row.networkId}`, { ports: row.ports.length, address });
      }
      this.send({ $case: "applied", value: { revision } });
    } else if (message?.$case === "applied") {
      for (const { endpointId, revision } of message.value.rows) this.applied.add(`${endpointId}@${revision}`);
    } else if (message?.$case === "observe" && this.answer) {
      const { requestId } = message.value;
      this.send({ $case: "observed", value: ObserveResult.fromPartial({ requestId, ...this.answer() }) });
    }
  }
}

/** The row of a task on a network that it is attached to. */
function rowOf(task: Task, networkId: string, more: Partial<Endpoint> = {}): Endpoint {
  const attachment = task.networks.find(({ network }) => network?.id === networkId);
  const address = attachment!.addresses[0]!.split("/")[0]!;
  return Endpoint.fromPartial({
    id: `${task.id}/${networkId}`,
    nodeId: task.nodeId,
    networkId,
    taskId: task.id,
    serviceId: task.serviceId,
    address,
    mac: macFromAddress(address),
    revision: 1,
    ...more,
  });
}

/** A service with a task on each node. @returns them by node */
async function everywhere(cluster: TestCluster, name: string, networkId: string): Promise<ReadonlyMap<string, Task>> {
  const spec = processService(name, 0, {
    mode: { $case: "global", value: {} },
    task: { networks: [{ target: networkId }] },
  });
  const { id } = await cluster.createService(spec);
  const tasks = await cluster.untilRunning(id, cluster.agents.length);
  return new Map(tasks.map((task) => [task.nodeId, task]));
}

test("rows and services over the wire, acknowledgements, and a node that goes away", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const shop = await cluster.createNetwork("shop");
  const tasks = await everywhere(cluster, "all", shop.id);
  const web = await cluster.createService(
    processService("web", 0, {
      task: { networks: [{ target: shop.id }] },
      endpoint: { ports: [{ targetPort: 80, publishedPort: 8080 }] },
    }),
  );
  const ingressId = cluster.agents[0]!.node!.attachments[0]!.network!.id;
  const [one, two] = [new TestLink(t, cluster, 1), new TestLink(t, cluster, 2)];
  one.subscribe(shop.id, ingressId);
  two.subscribe(shop.id, ingressId);
  await cluster.until("both know the service, though it has no task", () =>
    [one, two].every((link) => link.services.size === 3),
  );
  t.deepEqual(two.services.get(`${web.id}/${ingressId}`), { ports: 1, address: "10.0.0.4" });
  t.deepEqual(two.services.get(`${web.id}/${shop.id}`), { ports: 0, address: "10.0.1.5" });
  const row = rowOf(tasks.get(nodeId(1))!, shop.id);
  one.publish(row);
  await cluster.until("the owner knows that all have its row", () => one.applied.has(`${row.id}@1`));
  t.true(two.endpoints.has(row.id));
  await cluster.updateService(web.id, (spec) => ({ ...spec, endpoint: { mode: 0, ports: [] } }));
  await cluster.until("the published port is gone everywhere", () =>
    [one, two].every(({ services }) => !services.has(`${web.id}/${ingressId}`)),
  );
  one.stop();
  await cluster.pass(10_000, cluster.agents.slice(1));
  t.true(two.endpoints.has(row.id), "a broken link takes nothing away");
  await cluster.pass(5000, cluster.agents.slice(1));
  await cluster.until("the rows of the silent node are gone", () => !two.endpoints.has(row.id));
  t.is(two.ended, undefined);
});

test("a link that says that it is another node's is refused, a second link of a node ends the first", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const [first, second] = [new TestLink(t, cluster, 2), new TestLink(t, cluster, 2)];
  await cluster.until("one link is left", () => (first.ended === undefined) !== (second.ended === undefined));
  const left = first.ended ? second : first;
  t.regex((first.ended ?? second.ended)!.message, /another link/);
  left.send({ $case: "hello", value: { nodeId: nodeId(1), hostname: "", tunnelAddress: "" } });
  await cluster.until("the link is refused", () => left.ended !== undefined);
  t.regex(left.ended!.message, /INVALID_ARGUMENT/);
});

test("what kernels hold: each node answers, or it is said why not", async (t) => {
  const cluster = await TestCluster.start(t, 4);
  const net = await cluster.createNetwork("net");
  const tasks = await everywhere(cluster, "all", net.id);
  const links = [1, 2, 3].map((number) => new TestLink(t, cluster, number));
  links[0]!.answer = () => ({ loadBalancer: "ipvs", items: [{ kind: "link", key: "vxlan0" } as never] });
  links[1]!.answer = () => ({ error: "no permission" });
  links[2]!.subscribe(net.id);
  const probe = rowOf(tasks.get(nodeId(3))!, net.id);
  links[2]!.publish(probe);
  await cluster.until("the third link stands", () => links[2]!.applied.has(`${probe.id}@1`));
  const asked = cluster.call(InspectorService.observe, { requestId: 0, networkId: "", serviceId: "" });
  // The third never answers: its time passes as soon as it was asked.
  const passing = setInterval(() => cluster.clock.advance(1000), 20);
  const { nodes } = await asked.finally(() => clearInterval(passing));
  t.deepEqual(
    nodes.map(({ hostname, error, result }) => [hostname, error, result?.loadBalancer]),
    [
      ["host1", "", "ipvs"],
      ["host2", "no permission", ""],
      ["host3", "no answer within 5000 ms", undefined],
      ["host4", "the node's agent is not connected", undefined],
    ],
  );
  t.is(nodes[0]?.result?.items[0]?.key, "vxlan0");
});
