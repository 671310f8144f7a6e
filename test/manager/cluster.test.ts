import { status } from "@grpc/grpc-js";
import test from "ava";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { NodeSpec_Availability as Availability } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  NodeStatus_State as NodeState,
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { nodeId, processService, TestCluster } from "./test-cluster.js";

const publish = (publishedPort: number, targetPort = 80) => ({ endpoint: { ports: [{ targetPort, publishedPort }] } });

test("a service from nothing to running, spread over the nodes, with addresses, ports and names", async (t) => {
  const cluster = await TestCluster.start(t, 3);
  const shop = await cluster.createNetwork("shop");
  const web = await cluster.createService(
    processService("web", 3, { task: { networks: [{ target: shop.id, aliases: ["www"] }] }, ...publish(8080) }),
  );
  const tasks = await cluster.untilRunning(web.id, 3);
  t.deepEqual(tasks.map((task) => task.nodeId).sort(), [nodeId(1), nodeId(2), nodeId(3)]);
  t.deepEqual(tasks.map((task) => task.slot).sort(), [1, 2, 3]);
  const addresses = tasks.map((task) =>
    task.networks.map((one) => `${one.network?.spec?.annotations?.name} ${one.addresses}`),
  );
  // Ingress: three nodes and the service's virtual IP come first; shop: the virtual IP.
  t.deepEqual(addresses.flat().sort(), [
    "ingress 10.0.0.6/24",
    "ingress 10.0.0.7/24",
    "ingress 10.0.0.8/24",
    "shop 10.0.1.3/24",
    "shop 10.0.1.4/24",
    "shop 10.0.1.5/24",
  ]);
  const { service } = await cluster.call(ControlService.getService, { serviceId: web.id, insertDefaults: false });
  t.deepEqual(
    service?.endpoint?.virtualIps.map(({ addr }) => addr),
    ["10.0.0.5/24", "10.0.1.2/24"],
  );
  t.is(service?.endpoint?.ports[0]?.publishedPort, 8080);
  t.is(tasks[0]?.endpoint?.ports[0]?.targetPort, 80);
  t.deepEqual(tasks[0]?.networks[1]?.aliases, ["www"]);
  t.is(tasks[0]?.annotations?.name, `web.${tasks[0]?.slot}.${tasks[0]?.id}`);
  t.is(cluster.agents[1]?.node?.attachments[0]?.addresses[0], "10.0.0.3/24");
  t.is(cluster.agents[1]?.node?.attachments[0]?.network?.spec?.ingress, true);
  const { networks } = await cluster.call(ControlService.listNetworks, { filters: undefined, appdata: undefined });
  t.deepEqual(
    networks.map(({ spec, driverState, ipam }) => [
      spec?.annotations?.name,
      driverState?.options["com.docker.network.driver.overlay.vxlanid_list"],
      ipam?.configs[0]?.subnet,
      ipam?.configs[0]?.gateway,
    ]),
    [
      ["ingress", "4096", "10.0.0.0/24", "10.0.0.1"],
      ["shop", "4097", "10.0.1.0/24", "10.0.1.1"],
    ],
  );
  const { statuses } = await cluster.call(ControlService.listServiceStatuses, { services: [web.id] });
  t.deepEqual(statuses, [{ serviceId: web.id, desiredTasks: 3, runningTasks: 3, completedTasks: 0 }]);
});

test("scaling up takes free slots, scaling down keeps an even spread, and nothing else is restarted", async (t) => {
  const cluster = await TestCluster.start(t, 3);
  const web = await cluster.createService(processService("web", 3));
  const before = await cluster.untilRunning(web.id, 3);
  const scale = (replicas: number) =>
    cluster.updateService(web.id, (spec) => ({ ...spec, mode: { $case: "replicated", value: { replicas } } }));
  await scale(7);
  const seven = await cluster.untilRunning(web.id, 7);
  t.deepEqual(seven.map(({ slot }) => slot).sort(), [1, 2, 3, 4, 5, 6, 7]);
  t.true(before.every(({ id }) => seven.some((task) => task.id === id)));
  await scale(2);
  await cluster.until("two are left", () => cluster.tasks(web.id).length === 2);
  const two = cluster.running(web.id);
  t.is(new Set(two.map((task) => task.nodeId)).size, 2);
  await scale(0);
  await cluster.until("none is left", () => cluster.tasks(web.id).length === 0);
  await cluster.until("the agents have none", () => cluster.agents.every(({ tasks }) => tasks.size === 0));
});

test("a task that fails is replaced on the delay of its policy", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const web = await cluster.createService(processService("web", 2));
  const [victim] = await cluster.untilRunning(web.id, 2);
  const agent = cluster.agents.find((one) => one.nodeId === victim!.nodeId)!;
  await agent.report(victim!.id, TaskState.FAILED, "task: non-zero exit (1)");
  await cluster.until("a replacement waits in READY", () =>
    cluster.tasks(web.id).some((task) => task.slot === victim!.slot && task.status?.state === TaskState.READY),
  );
  await cluster.manager.idle();
  t.is(cluster.running(web.id).length, 1);
  cluster.clock.advance(4999);
  await cluster.manager.idle();
  t.is(cluster.running(web.id).length, 1);
  cluster.clock.advance(2);
  const after = await cluster.untilRunning(web.id, 2);
  t.false(after.some(({ id }) => id === victim!.id));
  t.deepEqual(after.map(({ slot }) => slot).sort(), [1, 2]);
  t.is(cluster.tasks(web.id).find(({ id }) => id === victim!.id)?.desiredState, TaskState.SHUTDOWN);
});

test("a removed service leaves nothing allocated, and its network can go", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const shop = await cluster.createNetwork("shop", { ipam: { configs: [{ subnet: "10.9.0.0/29" }] } });
  const make = () =>
    cluster.createService(processService("web", 4, { task: { networks: [{ target: "shop" }] }, ...publish(8080) }));
  const web = await make();
  // Four addresses beside the gateway and the virtual IP: all of a /29.
  await cluster.untilRunning(web.id, 4);
  await cluster.call(ControlService.removeService, { serviceId: web.id });
  await cluster.until("all tasks are forgotten", () => cluster.tasks(web.id).length === 0);
  const again = await make();
  await cluster.until("the new tasks say what they wait for", () =>
    cluster.tasks(again.id).every((task) => task.status?.err.startsWith("no address is left in network shop") ?? false),
  );
  await cluster.pass(60_000);
  await cluster.untilRunning(again.id, 4);
  await cluster.call(ControlService.removeService, { serviceId: again.id });
  await cluster.until("all tasks are forgotten", () => cluster.tasks(again.id).length === 0);
  await cluster.call(ControlService.removeNetwork, { name: "", networkId: shop.id });
  const next = await cluster.createNetwork("next", { ipam: { configs: [{ subnet: "10.9.0.0/24" }] } });
  t.not(next.id, shop.id);
});

test("a drained node's tasks move at once, a silent node's once it is down, and nothing moves back", async (t) => {
  const cluster = await TestCluster.start(t, 3);
  const web = await cluster.createService(processService("web", 3));
  await cluster.untilRunning(web.id, 3);
  const { node } = await cluster.call(ControlService.getNode, { nodeId: nodeId(2) });
  const spec = { ...node!.spec!, availability: Availability.DRAIN };
  await cluster.call(ControlService.updateNode, { nodeId: nodeId(2), nodeVersion: node?.meta?.version, spec });
  await cluster.until("nothing runs on host2", () =>
    cluster.running(web.id).every((task) => task.nodeId !== nodeId(2)),
  );
  await cluster.untilRunning(web.id, 3);
  cluster.agents[2]!.stop();
  await cluster.pass(15_000, cluster.agents.slice(0, 2));
  await cluster.until("host3 is down", () => {
    const state = cluster.manager.store.view((read) => read.get("node", nodeId(3))?.status?.state);
    return state === NodeState.DOWN;
  });
  await cluster.until(
    "all run on host1",
    () => cluster.running(web.id).filter((task) => task.nodeId === nodeId(1)).length === 3,
  );
  t.is(cluster.running(web.id).filter((task) => task.nodeId !== nodeId(3)).length, 3);
});

test("a new port replaces the tasks one after the other, each after the one before runs", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const web = await cluster.createService(processService("web", 3));
  const before = await cluster.untilRunning(web.id, 3);
  let fewest = 3;
  const end = cluster.manager.store.watch([{ kind: "task" }], () => {
    fewest = Math.min(fewest, cluster.running(web.id).length);
  });
  await cluster.updateService(web.id, (spec) => ({
    ...spec,
    endpoint: processService("x", 1, publish(8081)).endpoint,
  }));
  const isNew = ({ id }: { readonly id: string }) => before.every((task) => task.id !== id);
  await cluster.until("all are new", () => cluster.running(web.id).filter(isNew).length === 3);
  // They are watched for a while.
  cluster.clock.advance(5001);
  await cluster.until(
    "the update is done",
    () => cluster.service(web.id)?.updateStatus?.state === UpdateState.COMPLETED,
  );
  end();
  const after = cluster.running(web.id);
  t.is(after.length, 3);
  t.true(after.every(isNew));
  t.true(after.every((task) => task.networks[0]?.network?.spec?.ingress));
  t.is(fewest, 2);
  await cluster.updateService(web.id, (spec) => ({
    ...spec,
    endpoint: processService("x", 1, { endpoint: {} }).endpoint,
  }));
  await cluster.until("the ports are gone", () => cluster.service(web.id)?.endpoint?.ports.length === 0);
});

test("a global service runs once on every node, on new ones too, and not on drained ones", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const mode = { $case: "global", value: {} } as const;
  const web = await cluster.createService({ ...processService("web", 0), mode });
  await cluster.untilRunning(web.id, 2);
  await cluster.join(3);
  const tasks = await cluster.untilRunning(web.id, 3);
  t.deepEqual(tasks.map((task) => task.nodeId).sort(), [nodeId(1), nodeId(2), nodeId(3)]);
  const setAvailability = async (availability: Availability) => {
    const { node } = await cluster.call(ControlService.getNode, { nodeId: nodeId(3) });
    const spec = { ...node!.spec!, availability };
    await cluster.call(ControlService.updateNode, { nodeId: nodeId(3), nodeVersion: node?.meta?.version, spec });
  };
  await setAvailability(Availability.DRAIN);
  await cluster.until("host3 has stopped its task", () =>
    cluster.tasks(web.id).some((task) => task.nodeId === nodeId(3) && task.status?.state === TaskState.SHUTDOWN),
  );
  await setAvailability(Availability.ACTIVE);
  const again = await cluster.untilRunning(web.id, 3);
  t.is(again.filter((task) => task.nodeId === nodeId(3)).length, 1);
});

test("an agent that comes again gets all its tasks, and the session before ends", async (t) => {
  const cluster = await TestCluster.start(t, 1);
  const web = await cluster.createService(processService("web", 2));
  await cluster.untilRunning(web.id, 2);
  const [first] = cluster.agents;
  const again = await cluster.join(1);
  await cluster.until("the tasks are there again", () => again.tasks.size === 2);
  await cluster.until("the earlier session has ended", () => first!.ended !== undefined);
  t.regex(first!.ended!.message, /another session/);
  t.like(await t.throwsAsync(first!.heartbeat()), { code: status.INVALID_ARGUMENT, details: "session invalid" });
  t.true((await again.heartbeat()) >= 4);
});

test("a removed node's tasks go elsewhere, and it is not let in again", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const web = await cluster.createService(processService("web", 2));
  await cluster.untilRunning(web.id, 2);
  const remove = (number: number, force: boolean) =>
    cluster.call(ControlService.removeNode, { nodeId: nodeId(number), force });
  t.like(await t.throwsAsync(remove(1, true)), { code: status.FAILED_PRECONDITION });
  t.like(await t.throwsAsync(remove(2, false)), { code: status.FAILED_PRECONDITION });
  await remove(2, true);
  await cluster.until(
    "all run on host1",
    () => cluster.running(web.id).filter((task) => task.nodeId === nodeId(1)).length === 2,
  );
  t.like(await t.throwsAsync(cluster.join(2)), { code: status.PERMISSION_DENIED });
});
