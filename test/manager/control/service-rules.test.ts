import { status } from "@grpc/grpc-js";
import test from "ava";
import {
  ControlService,
  UpdateServiceRequest_Rollback as Rollback,
} from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import type { Service } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import type { ServiceSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  NodeStatus_State as NodeState,
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { serviceStatus } from "../../../src/manager/control/service-status.js";
import { checkServiceSpec } from "../../../src/manager/control/validation/service-spec.js";
import { nodeId, type PartialServiceSpec, processService, TestCluster } from "../test-cluster.js";

const job = (totalCompletions: number, maxConcurrent = 0): PartialServiceSpec => ({
  mode: { $case: "replicatedJob", value: { totalCompletions, maxConcurrent } },
});
const GLOBAL_JOB: PartialServiceSpec = { mode: { $case: "globalJob", value: {} } };
const label = (key: string, value: string): PartialServiceSpec => ({
  annotations: { name: "web", labels: { [key]: value } },
});
const generic = (resource: object): PartialServiceSpec =>
  ({ task: { resources: { reservations: { generic: [{ resource }] } } } }) as PartialServiceSpec;

const REFUSED: readonly (readonly [what: string, spec: PartialServiceSpec, text: string])[] = [
  ["too many completions", job(1_000_001), "Total completed jobs must be at most 1000000"],
  ["too many at once", job(1, 1_000_001), "Maximum concurrent jobs must be at most 1000000"],
  ["a job with updates", { ...job(1), update: { parallelism: 1 } }, "Jobs may not have an update config"],
  ["a global job with updates", { ...GLOBAL_JOB, update: {} }, "Jobs may not have an update config"],
  ["update delay", { update: { delay: { seconds: -1 } } }, "TaskSpec: update-delay cannot be negative"],
  ["update monitor", { update: { monitor: { seconds: -1 } } }, "TaskSpec: update-monitor cannot be negative"],
  ["rollback delay", { rollback: { delay: { nanos: -1_000_000 } } }, "TaskSpec: rollback-delay cannot be negative"],
  ["rollback monitor", { rollback: { monitor: { seconds: -1 } } }, "TaskSpec: rollback-monitor cannot be negative"],
  [
    "rollback ratio",
    { rollback: { maxFailureRatio: 1.1 } },
    "TaskSpec: rollback-maxfailureratio cannot be less than 0 or bigger than 1",
  ],
  [
    "a ratio that is no number",
    { update: { maxFailureRatio: Number.NaN } },
    "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
  ],
  ["an order", { update: { order: 7 } as never }, "TaskSpec: update-order must be stop-first or start-first"],
  [
    "an action",
    { update: { failureAction: 9 } as never },
    "TaskSpec: update-failure-action must be pause, continue or rollback",
  ],
  [
    "a rollback of the rollback",
    { rollback: { failureAction: 2 } },
    "TaskSpec: rollback-failure-action must be pause or continue",
  ],
  [
    "a restart window",
    { task: { restart: { window: { seconds: -1 } } } },
    "TaskSpec: restart-window cannot be negative",
  ],
  [
    "a restart condition",
    { task: { restart: { condition: 5 } as never } },
    "TaskSpec: restart-condition must be none, on-failure or any",
  ],
  [
    "a constraint without operator",
    { task: { placement: { constraints: ["node.id"] } } },
    "constraint expected one operator from ==, !=",
  ],
  [
    "a progress deadline",
    label("tswarm.update.progress-deadline", "soon"),
    'label tswarm.update.progress-deadline: "soon" is not a duration such as 90s or 1h30m, or 0 for none',
  ],
  [
    "a strategy",
    label("tswarm.placement.strategy", "random"),
    'label tswarm.placement.strategy: "random" is not spread or binpack',
  ],
  ["rebalancing", label("tswarm.rebalance", "yes"), 'label tswarm.rebalance: "yes" is not auto or off'],
  [
    "a resource of no kind",
    generic({ $case: "discreteResourceSpec", value: { kind: "", value: 1 } }),
    "invalid generic resource: its kind is missing",
  ],
  [
    "none of a resource",
    generic({ $case: "discreteResourceSpec", value: { kind: "gpu", value: 0 } }),
    "invalid argument for resource gpu: it must be more than 0, or a value's name",
  ],
];

for (const [what, spec, text] of REFUSED) {
  test(`refused in one line: ${what}`, (t) => {
    const error = t.throws<Error & { code: status }>(() => checkServiceSpec(processService("web", 1, spec), []));
    t.is(error?.code, status.INVALID_ARGUMENT);
    t.is(error?.message, text);
  });
}

const ACCEPTED: readonly (readonly [what: string, spec: PartialServiceSpec])[] = [
  ["a replicated job", job(5, 2)],
  ["a job that runs all at once", job(5)],
  ["a global job", GLOBAL_JOB],
  [
    "every limit's edge",
    { update: { maxFailureRatio: 1, order: 1, failureAction: 2 }, rollback: { maxFailureRatio: 0 } },
  ],
  ["no deadline", label("tswarm.update.progress-deadline", "0")],
  ["a deadline", label("tswarm.update.progress-deadline", "1h30m")],
  ["packed", label("tswarm.placement.strategy", "binpack")],
  ["rebalanced", label("tswarm.rebalance", "auto")],
  ["a number of a resource", generic({ $case: "discreteResourceSpec", value: { kind: "gpu", value: 2 } })],
  ["a named resource", generic({ $case: "namedResourceSpec", value: { kind: "gpu", value: "GPU-1" } })],
];

for (const [what, spec] of ACCEPTED) {
  test(`accepted: ${what}`, (t) => t.notThrows(() => checkServiceSpec(processService("web", 1, spec), [])));
}

const rollBack = async (cluster: TestCluster, id: string): Promise<Service> => {
  await cluster.manager.idle();
  const request = { serviceId: id, serviceVersion: cluster.service(id)!.meta?.version, spec: undefined };
  return (await cluster.call(ControlService.updateService, { ...request, rollback: Rollback.PREVIOUS })).service!;
};
const force = (spec: ServiceSpec): ServiceSpec => ({
  ...spec,
  task: { ...spec.task!, forceUpdate: spec.task!.forceUpdate + 1 },
});
const runOf = (service: Service) => service.jobStatus?.jobIteration?.index;

test("a job is in its first run when created; every update and rollback begins another", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  for (const [name, mode] of [
    ["some", job(3)],
    ["all", GLOBAL_JOB],
  ] as const) {
    const made = await cluster.createService(processService(name, 1, mode));
    t.is(runOf(made), 0, name);
    const beganAt = made.jobStatus?.lastExecution?.seconds;
    t.truthy(beganAt);
    cluster.clock.advance(7000);
    const updated = await cluster.updateService(made.id, force);
    t.is(runOf(updated), 1);
    t.is(updated.jobStatus?.lastExecution?.seconds, beganAt! + 7);
    t.is(runOf(await cluster.updateService(made.id, (spec) => spec)), 2, "also one that changes nothing");
    t.is(runOf(await rollBack(cluster, made.id)), 3);
  }
  const web = await cluster.createService(processService("web", 1));
  t.is(web.jobStatus, undefined);
  t.is((await cluster.updateService(web.id, force)).jobStatus, undefined);
});

test("a job cannot become a service, nor a service a job", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const made = await cluster.createService(processService("batch", 1, job(3)));
  const error = await t.throwsAsync<Error & { code: status; details: string }>(
    cluster.updateService(made.id, (spec) => ({ ...spec, mode: { $case: "replicated", value: { replicas: 1 } } })),
  );
  t.is(error?.code, status.UNIMPLEMENTED);
  t.is(error?.details, "service mode change is not allowed");
});

test("a rollback swaps specifications and versions; any update takes the status away", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const made = await cluster.createService(processService("web", 0));
  await cluster.manager.idle();
  const before = cluster.service(made.id)!;
  const updated = await cluster.updateService(made.id, force);
  t.is(updated.specVersion?.index, before.meta?.version?.index, "the version that the client saw");
  const back = await rollBack(cluster, made.id);
  t.is(back.spec?.task?.forceUpdate, 0);
  t.is(back.previousSpec?.task?.forceUpdate, 1);
  t.is(back.specVersion?.index, updated.previousSpecVersion?.index);
  t.is(back.previousSpecVersion?.index, updated.specVersion?.index);
  t.is(back.updateStatus?.state, UpdateState.ROLLBACK_STARTED);
  t.is(back.updateStatus?.message, "manually requested rollback");
  await cluster.manager.store.update((tx) => {
    const service = tx.get("service", made.id)!;
    tx.update("service", { ...service, updateStatus: { ...back.updateStatus!, state: UpdateState.PAUSED } });
  });
  const resumed = await cluster.updateService(made.id, (spec) => spec);
  t.is(resumed.updateStatus, undefined);
  t.deepEqual(resumed.previousSpec, resumed.spec, "an update to the same is an update");
});

const countsOf = async (cluster: TestCluster, id: string) => {
  const { statuses } = await cluster.call(ControlService.listServiceStatuses, { services: [id] });
  const { desiredTasks, runningTasks, completedTasks } = statuses[0]!;
  return [runningTasks, desiredTasks, completedTasks];
};

test("tasks on a node that is down do not count as running", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const web = await cluster.createService(processService("web", 2));
  await cluster.untilRunning(web.id, 2);
  t.deepEqual(await countsOf(cluster, web.id), [2, 2, 0]);
  const everywhere = await cluster.createService(
    processService("everywhere", 1, { mode: { $case: "global", value: {} } }),
  );
  await cluster.untilRunning(everywhere.id, 2);
  t.deepEqual(await countsOf(cluster, everywhere.id), [2, 2, 0]);
  t.deepEqual(await countsOf(cluster, "nowhere"), [0, 0, 0]);
  await cluster.manager.idle();
  // Looked at before anybody can put the tasks elsewhere.
  await cluster.manager.store.update((tx) => {
    const node = tx.get("node", nodeId(2))!;
    tx.update("node", { ...node, status: { ...node.status!, state: NodeState.DOWN } });
    t.like(serviceStatus(web.id, tx), { runningTasks: 1, desiredTasks: 2 });
    t.like(serviceStatus(everywhere.id, tx), { runningTasks: 1, desiredTasks: 2 });
  });
});

test("a job counts what its present run has completed", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const batch = await cluster.createService(processService("batch", 1, job(3, 2)));
  await cluster.until("two begin", () => cluster.tasks(batch.id).length === 2);
  await cluster.manager.idle();
  t.deepEqual(await countsOf(cluster, batch.id), [0, 2, 0], "none runs: there is no node");
  await cluster.manager.store.update((tx) => {
    const [done] = tx.find("task", "service", batch.id);
    tx.update("task", { ...done!, status: { ...done!.status!, state: TaskState.COMPLETE } });
    t.like(serviceStatus(batch.id, tx), { runningTasks: 0, desiredTasks: 2, completedTasks: 1 });
    const service = tx.get("service", batch.id)!;
    const unlimited = { $case: "replicatedJob", value: { totalCompletions: 3, maxConcurrent: 0 } } as const;
    tx.update("service", { ...service, spec: { ...service.spec!, mode: unlimited } });
    t.is(serviceStatus(batch.id, tx).desiredTasks, 3, "all may run at once");
    tx.update("service", { ...service, jobStatus: { ...service.jobStatus!, jobIteration: { index: 1 } } });
    t.is(serviceStatus(batch.id, tx).completedTasks, 0, "the next run has not completed anything");
  });
});
