import { status } from "@grpc/grpc-js";
import test from "ava";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import { DispatcherService, type TasksMessage } from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { nodeId, processService, TestCluster } from "../test-cluster.js";

test("a state never goes back, and nobody reports on another's task", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const web = await cluster.createService(processService("web", 1));
  const [task] = await cluster.untilRunning(web.id, 1);
  const [owner, other] = task!.nodeId === nodeId(1) ? cluster.agents : [...cluster.agents].reverse();
  await owner!.report(task!.id, TaskState.PREPARING);
  t.is(cluster.tasks(web.id)[0]?.status?.state, TaskState.RUNNING);
  t.like(await t.throwsAsync(other!.report(task!.id, TaskState.FAILED)), { code: status.PERMISSION_DENIED });
  t.is(cluster.tasks(web.id)[0]?.status?.state, TaskState.RUNNING);
  await t.notThrowsAsync(owner!.report("0".repeat(25), TaskState.FAILED), "a task that is gone concerns nobody");
  const applied = cluster.tasks(web.id)[0]?.status;
  t.is(applied?.appliedBy, nodeId(1));
  t.true((applied?.appliedAt?.seconds ?? 0) > 0);
});

test("after a day of silence nobody counts on a node's tasks", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const web = await cluster.createService(processService("web", 2));
  await cluster.untilRunning(web.id, 2);
  const lost = cluster.tasks(web.id).find((task) => task.nodeId === nodeId(2))!;
  cluster.agents[1]!.stop();
  const live = cluster.agents.slice(0, 1);
  await cluster.pass(15_000, live);
  const state = (number: number) =>
    cluster.manager.store.view((read) => read.get("node", nodeId(number))?.status?.state);
  await cluster.until("host2 is down", () => state(2) === NodeState.DOWN);
  t.is(cluster.tasks(web.id).find(({ id }) => id === lost.id)?.status?.state, TaskState.RUNNING);
  cluster.clock.advance(24 * 3_600_000);
  await cluster.until("its task is orphaned", () =>
    cluster.tasks(web.id).some(({ id, status: one }) => id === lost.id && one?.state === TaskState.ORPHANED),
  );
});

test("nodes describe themselves; who they are is read anew with each session", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const { nodes } = await cluster.call(ControlService.listNodes, { filters: undefined });
  const [first, second] = [...nodes].sort((a, b) => a.id.localeCompare(b.id));
  t.is(first?.description?.hostname, "host1");
  t.is(second?.status?.addr, "127.0.0.1");
  t.is(second?.status?.state, NodeState.READY);
  t.is(second?.managerStatus, undefined);
});

test("agents that know no assignments are told all tasks of their node, over again with each change", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const agent = cluster.agents[0]!;
  const told: (readonly string[])[] = [];
  const { tasks } = DispatcherService;
  const stream = cluster.client.makeServerStreamRequest(tasks.path, tasks.requestSerialize, tasks.responseDeserialize, {
    sessionId: agent.sessionId,
  });
  t.teardown(() => stream.cancel());
  stream.on("data", (message: TasksMessage) => told.push(message.tasks.map(({ id }) => id).sort()));
  stream.on("error", () => undefined);
  await cluster.until("it is told that there are none", () => told.length === 1);
  t.deepEqual(told, [[]]);
  const web = await cluster.createService(processService("web", 4));
  const own = () =>
    cluster
      .tasks(web.id)
      .filter((task) => task.nodeId === agent.nodeId && (task.status?.state ?? 0) >= TaskState.ASSIGNED)
      .map(({ id }) => id)
      .sort();
  await cluster.until("it is told of its two", () => told.at(-1)?.length === 2);
  t.deepEqual(told.at(-1), own());
  await cluster.call(ControlService.removeService, { serviceId: web.id });
  await cluster.until("they are to end, and they are told of still", () => told.length >= 3);
  t.deepEqual(told.at(-1), own());
});
