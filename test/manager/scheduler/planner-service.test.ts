import { status } from "@grpc/grpc-js";
import test from "ava";
import type { ServiceSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { PlannerService } from "../../../src/api/generated/tswarm/v1/planner.js";
import { nodeId, processService, TestCluster } from "../test-cluster.js";

const replicated = (replicas: number) => ({ $case: "replicated", value: { replicas } }) as const;

test("a plan tells what an update would do, and changes nothing", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const web = await cluster.createService(processService("web", 4));
  await cluster.untilRunning(web.id, 4);
  await cluster.manager.idle();
  const { version } = cluster.manager.store;
  const plan = (change: (spec: ServiceSpec) => ServiceSpec) =>
    cluster.call(PlannerService.planUpdate, { serviceId: web.id, spec: change(cluster.service(web.id)!.spec!) });
  const nothing = { replaced: 0, kept: 4, removed: 0, nodes: [], unplaced: 0, reason: "" };
  t.deepEqual(await plan((spec) => spec), nothing);
  t.deepEqual(await plan((spec) => ({ ...spec, mode: replicated(1) })), { ...nothing, kept: 1, removed: 3 });
  const force = (spec: ServiceSpec) => ({ ...spec, task: { ...spec.task!, forceUpdate: 1 } });
  const forced = await plan(force);
  t.like(forced, { replaced: 4, kept: 0, removed: 0, unplaced: 0 });
  t.deepEqual(
    forced.nodes.map(({ tasks }) => tasks),
    [2, 2],
    "the tasks that go make room",
  );
  t.like(await plan((spec) => force({ ...spec, mode: replicated(3) })), { replaced: 3, kept: 0, removed: 1 });
  const grown = await plan((spec) => ({ ...spec, mode: replicated(10) }));
  t.like(grown, { replaced: 0, kept: 4 });
  t.is(
    grown.nodes.reduce((sum, { tasks }) => sum + tasks, 0),
    6,
  );
  const impossible = await plan((spec) => ({
    ...spec,
    task: {
      ...spec.task!,
      placement: { constraints: ["node.hostname==nowhere"], preferences: [], platforms: [], maxReplicas: 0 },
    },
  }));
  t.like(impossible, { replaced: 4, nodes: [], unplaced: 4 });
  t.regex(impossible.reason, /constraints/);
  t.is(cluster.manager.store.version, version);
  const tooMany = await t.throwsAsync<Error & { code: status }>(
    plan((spec) => ({ ...spec, mode: replicated(20_000) })),
  );
  t.is(tooMany?.code, status.INVALID_ARGUMENT);
  const unknown = cluster.call(PlannerService.planUpdate, { serviceId: "x", spec: web.spec });
  t.is((await t.throwsAsync<Error & { code: status }>(unknown))?.code, status.NOT_FOUND);
});

test("a service is evened out over a node that has come, when it is asked for", async (t) => {
  const cluster = await TestCluster.start(t, 1);
  const web = await cluster.createService(processService("web", 4));
  await cluster.untilRunning(web.id, 4);
  await cluster.join(2);
  await cluster.manager.idle();
  const rebalance = (dryRun: boolean) => cluster.call(PlannerService.rebalance, { serviceId: web.id, dryRun });
  const { version } = cluster.manager.store;
  const preview = await rebalance(true);
  t.is(preview.reason, "");
  t.deepEqual(
    preview.moves.map(({ fromNodeId, toNodeId }) => [fromNodeId, toNodeId]),
    [
      [nodeId(1), nodeId(2)],
      [nodeId(1), nodeId(2)],
    ],
  );
  t.is(cluster.manager.store.version, version, "nothing has moved");
  t.deepEqual(await rebalance(false), preview);
  await cluster.until("the first task has moved", () =>
    cluster.running(web.id).some((task) => task.nodeId === nodeId(2)),
  );
});
