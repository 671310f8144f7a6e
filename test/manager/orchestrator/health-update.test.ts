/** What an update makes of tasks that wait for their health, and of those that never get healthy. */
import test from "ava";
import type { ServiceSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  UpdateConfig_FailureAction as FailureAction,
  UpdateConfig_UpdateOrder as Order,
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { processService, TestCluster } from "../test-cluster.js";

const UNHEALTHY = "task: unhealthy: 3 checks in a row failed, the last ended with 1: refused";

/** Two tasks of a service whose second version stays in STARTING on its node, and is updated to that. */
async function begin(cluster: TestCluster, failureAction: FailureAction) {
  const update = { parallelism: 1, failureAction, order: Order.START_FIRST, monitor: { seconds: 5 } };
  const web = await cluster.createService(processService("web", 2, { update }));
  await cluster.untilRunning(web.id, 2);
  const isNew = (spec: ServiceSpec["task"]) => spec?.forceUpdate === 1;
  for (const agent of cluster.agents) {
    agent.outcome = (task) => (isNew(task.spec) ? TaskState.STARTING : TaskState.RUNNING);
  }
  await cluster.updateService(web.id, (spec) => ({ ...spec, task: { ...spec.task!, forceUpdate: 1 } }));
  const waiting = () =>
    cluster.tasks(web.id).filter(({ spec, status }) => isNew(spec) && status?.state === TaskState.STARTING);
  await cluster.until("a new task waits for its health", () => waiting().length === 1);
  const state = () => cluster.service(web.id)?.updateStatus;
  const agentOf = (nodeId: string) => cluster.agents.find((agent) => agent.nodeId === nodeId)!;
  return { web, waiting, state, agentOf };
}

test("a task that is starting is waited for: nothing is replaced meanwhile, and the update goes on once it runs", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const { web, waiting, state, agentOf } = await begin(cluster, FailureAction.ROLLBACK);
  await cluster.pass(60_000);
  t.is(state()?.state, UpdateState.UPDATING);
  t.is(waiting().length, 1);
  t.is(cluster.running(web.id).length, 2, "the old ones run");
  const [first] = waiting();
  await agentOf(first!.nodeId).report(first!.id, TaskState.RUNNING);
  await cluster.until("the next slot is replaced", () => waiting().some(({ id }) => id !== first!.id));
});

test("a task that never got healthy is a failure: the update goes back, and its reason stays with the task", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const { web, waiting, state, agentOf } = await begin(cluster, FailureAction.ROLLBACK);
  const [first] = waiting();
  await agentOf(first!.nodeId).report(first!.id, TaskState.FAILED, UNHEALTHY);
  await cluster.until("the update is rolled back", () => state()?.state === UpdateState.ROLLBACK_COMPLETED);
  await cluster.pass(30_000);
  t.is(cluster.running(web.id).length, 2);
  t.true(cluster.running(web.id).every(({ spec }) => spec?.forceUpdate === 0));
  const failed = cluster.tasks(web.id).find(({ id }) => id === first!.id);
  t.is(failed?.status?.err, UNHEALTHY);
});

test("a task that got unhealthy while it was watched is a failure too", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const { waiting, state, agentOf } = await begin(cluster, FailureAction.PAUSE);
  const [first] = waiting();
  const agent = agentOf(first!.nodeId);
  await agent.report(first!.id, TaskState.RUNNING);
  await agent.report(first!.id, TaskState.FAILED, UNHEALTHY);
  await cluster.until("the update pauses", () => state()?.state === UpdateState.PAUSED);
  t.is(state()?.message, `update paused due to failure or early termination of task ${first!.id}`);
});
