import test from "ava";
import type { Service } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  UpdateConfig_FailureAction as FailureAction,
  UpdateConfig_UpdateOrder as Order,
  UpdateStatus_UpdateState as UpdateState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import {
  alarms,
  lines,
  type NodeRow,
  reconcile as reconcileService,
  replicated,
  type TaskRow,
  taskSpec,
} from "./service-model.js";

const NODES = { a: "ready", b: "ready", c: "ready" } as const;
const two = taskSpec("two");
/** When the update began. */
const BEGAN = 90;

const old = (slot: number, more: Partial<TaskRow> = {}): TaskRow => ({
  id: `old${slot}`,
  slot,
  node: "a",
  state: "RUNNING",
  ...more,
});
const young = (slot: number, more: Partial<TaskRow> = {}): TaskRow => ({
  id: `new${slot}`,
  slot,
  node: "a",
  state: "RUNNING",
  spec: two,
  version: 2,
  at: 100,
  since: 101,
  update: BEGAN,
  ...more,
});
const stopped = (slot: number) => old(slot, { state: "SHUTDOWN", wanted: "SHUTDOWN" });

type Config = NonNullable<Parameters<typeof replicated>[1]>;

function service(update: Config["update"] = {}, state?: UpdateState, more: Config = {}): Service {
  const config = { monitor: { seconds: 5 }, parallelism: 1, ...update };
  const base = replicated(3, { task: two, update: config, rollback: config, ...more }, 2);
  return state === undefined
    ? base
    : {
        ...base,
        updateStatus: { state, startedAt: { seconds: BEGAN, nanos: 0 }, completedAt: undefined, message: "" },
      };
}

const labelled = (one: Service, deadline: string): Service => ({
  ...one,
  spec: {
    ...one.spec!,
    annotations: { name: "web", labels: { "tswarm.update.progress-deadline": deadline }, indices: [] },
  },
});

const previous = (one: Service): Service => ({
  ...one,
  previousSpec: replicated(3).spec,
  previousSpecVersion: { index: 1 },
});

const reconcile = (
  one: Service,
  tasks: readonly TaskRow[],
  now = 200,
  nodes: Readonly<Record<string, NodeRow>> = NODES,
) => reconcileService(one, tasks, { now, nodes });

const { UPDATING, PAUSED, COMPLETED, ROLLBACK_STARTED, ROLLBACK_PAUSED } = UpdateState;

test("what is not what the service asks for is the beginning of an update", (t) => {
  t.deepEqual(lines(reconcile(service(), [old(1), old(2), old(3)])), ["update in progress"]);
  t.deepEqual(lines(reconcile(service({}, COMPLETED), [old(1), old(2), old(3)])), ["update in progress"]);
});

test("the first slot is replaced", (t) => {
  t.deepEqual(lines(reconcile(service({}, UPDATING), [old(1), old(2), old(3)])), ["old1 → SHUTDOWN, create 1 READY"]);
});

test("the next slot waits for the first to run", (t) => {
  const rest = [old(2), old(3)];
  const going = service({}, UPDATING);
  t.deepEqual(lines(reconcile(going, [stopped(1), young(1, { state: "READY", wanted: "READY" }), ...rest])), [
    "new1 → RUNNING",
  ]);
  t.deepEqual(lines(reconcile(going, [stopped(1), young(1, { state: "STARTING" }), ...rest])), []);
  t.deepEqual(lines(reconcile(going, [stopped(1), young(1), ...rest])), ["old2 → SHUTDOWN, create 2 READY"]);
});

test("a new task starts at once, without the delay of a restart, but not before the old one has stopped", (t) => {
  const going = service({}, UPDATING);
  const tasks = [old(1, { wanted: "SHUTDOWN" }), young(1, { state: "READY", wanted: "READY" }), young(2), young(3)];
  t.deepEqual(lines(reconcile(going, tasks, 100)), ["new1 waits for task old1 to stop"]);
  t.deepEqual(lines(reconcile(going, [stopped(1), ...tasks.slice(1)], 100)), ["new1 → RUNNING"]);
});

test("between slots the update's delay passes, after a failure too", (t) => {
  const going = service({ delay: { seconds: 30 }, failureAction: FailureAction.CONTINUE }, UPDATING);
  for (const first of [young(1), young(1, { state: "FAILED", wanted: "SHUTDOWN", failed: BEGAN })]) {
    const early = reconcile(going, [stopped(1), first, old(2), old(3)], 130);
    t.false(lines(early).some((line) => line.includes("old2")));
    t.true(alarms(early).includes(131));
    t.true(
      lines(reconcile(going, [stopped(1), first, old(2), old(3)], 131)).includes("old2 → SHUTDOWN, create 2 READY"),
    );
  }
});

test("parallelism: so many at a time, 0 for all", (t) => {
  t.is(lines(reconcile(service({ parallelism: 2 }, UPDATING), [old(1), old(2), old(3)])).length, 2);
  t.deepEqual(lines(reconcile(service({ parallelism: 0 }, UPDATING), [old(1), old(2), old(3)])), [
    "old1 → SHUTDOWN, create 1 READY",
    "old2 → SHUTDOWN, create 2 READY",
    "old3 → SHUTDOWN, create 3 READY",
  ]);
});

test("slots that do not run are replaced first", (t) => {
  const tasks = [old(1), old(2), old(3, { state: "PENDING", node: "" })];
  t.deepEqual(lines(reconcile(service({}, UPDATING), tasks)), ["old3 → SHUTDOWN, create 3 READY"]);
  const lost = [old(1), old(2, { node: "b" }), old(3)];
  const nodes = { ...NODES, b: "down" } as const;
  t.deepEqual(lines(reconcile(service({}, UPDATING), lost, 200, nodes)), ["old2 → SHUTDOWN, create 2 READY"]);
});

test("when all are new and were watched for long enough, the update is done, and said to be once", (t) => {
  const tasks = [stopped(1), young(1), stopped(2), young(2), stopped(3), young(3, { since: 196 })];
  const watched = reconcile(service({}, UPDATING), tasks);
  t.deepEqual(lines(watched), []);
  t.deepEqual(alarms(watched), [201]);
  t.deepEqual(lines(reconcile(service({}, UPDATING), tasks, 201)), ["update completed"]);
  t.deepEqual(lines(reconcile(service({}, COMPLETED), tasks, 201)), []);
  t.deepEqual(lines(reconcile(service({}, ROLLBACK_STARTED), tasks, 201)), ["rollback completed"]);
});

test("who does not look at failures does not watch", (t) => {
  const tasks = [young(1), young(2), young(3, { since: 199 })];
  t.deepEqual(lines(reconcile(service({ failureAction: FailureAction.CONTINUE }, UPDATING), tasks)), [
    "update completed",
  ]);
});

test("a delay longer than the monitor's time lets the monitor wait for a second more", (t) => {
  const tasks = [young(1), young(2), young(3, { since: 190 })];
  const slow = service({ delay: { seconds: 10 } }, UPDATING);
  t.deepEqual(alarms(reconcile(slow, tasks, 199)), [200]);
  t.deepEqual(alarms(reconcile(slow, tasks, 200)), [201]);
  t.deepEqual(lines(reconcile(slow, tasks, 201)), ["update completed"]);
});

test("a new task that fails pauses the update; its slot is cared for all the same", (t) => {
  const tasks = [stopped(1), young(1, { state: "FAILED" }), old(2), old(3)];
  t.deepEqual(lines(reconcile(service({}, UPDATING), tasks)), [
    "new1 → SHUTDOWN, create 1 READY",
    "update paused due to failure or early termination of task new1",
  ]);
});

test("a task that ends too soon after it came up has failed, also when it is done", (t) => {
  const tasks = [stopped(1), young(1, { state: "COMPLETE" }), old(2), old(3)];
  t.true(
    lines(reconcile(service({}, UPDATING), tasks)).includes(
      "update paused due to failure or early termination of task new1",
    ),
  );
});

test("failures are tolerated up to a share of all slots that are updated", (t) => {
  const half = service({ maxFailureRatio: 0.5 }, UPDATING);
  const failed = (slot: number) => young(slot, { state: "FAILED", wanted: "SHUTDOWN", failed: BEGAN });
  const retry = (slot: number) => young(slot, { id: `retry${slot}`, at: 110, since: 190 });
  t.deepEqual(lines(reconcile(half, [stopped(1), failed(1), retry(1), old(2), old(3)])), [
    "old2 → SHUTDOWN, create 2 READY",
  ]);
  t.deepEqual(lines(reconcile(half, [stopped(1), failed(1), retry(1), stopped(2), failed(2), retry(2), old(3)])), [
    "update paused due to failure or early termination of task new2",
  ]);
});

test("failure action continue: the update goes on", (t) => {
  const going = service({ failureAction: FailureAction.CONTINUE }, UPDATING);
  const tasks = [stopped(1), young(1, { state: "REJECTED" }), old(2), old(3)];
  t.deepEqual(lines(reconcile(going, tasks)), ["new1 → SHUTDOWN, create 1 READY", "old2 → SHUTDOWN, create 2 READY"]);
});

test("failure action rollback: the previous specification comes back", (t) => {
  const tasks = [stopped(1), young(1, { state: "FAILED" }), old(2), old(3)];
  const going = service({ failureAction: FailureAction.ROLLBACK }, UPDATING);
  const pass = reconcile(previous(going), tasks);
  t.true(pass.steps.flat().some(({ kind }) => kind === "roll-back"));
  t.true(lines(pass).includes("update rolled back due to failure or early termination of task new1"));
  t.true(
    lines(reconcile(going, tasks)).includes(
      "update paused due to failure or early termination of task new1; there is no previous spec to roll back to",
    ),
  );
});

test("a rollback that fails is paused, never rolled back", (t) => {
  const tasks = [stopped(1), young(1, { state: "FAILED" }), old(2), old(3)];
  for (const failureAction of [FailureAction.ROLLBACK, FailureAction.PAUSE]) {
    const pass = reconcile(previous(service({ failureAction }, ROLLBACK_STARTED)), tasks);
    t.true(lines(pass).includes("rollback paused due to failure or early termination of task new1"));
    const change = pass.steps.flat().find(({ kind }) => kind === "update-status");
    t.is(change?.kind === "update-status" ? change.status.state : undefined, ROLLBACK_PAUSED);
  }
});

test("a rollback goes by its own settings", (t) => {
  const going = service({}, ROLLBACK_STARTED, { rollback: { parallelism: 0, monitor: { seconds: 5 } } });
  t.is(lines(reconcile(going, [old(1), old(2), old(3)])).length, 3);
});

test("what a rollback wants and finds running is kept; what was to replace it is called off", (t) => {
  const back = service({}, ROLLBACK_STARTED);
  const kept = young(1, { id: "kept", at: 1, update: 7 });
  const called = old(1, { id: "called off", at: 100, update: 80 });
  t.deepEqual(lines(reconcile(back, [kept, { ...called, state: "PREPARING" }, young(2), young(3)])), [
    "called off → SHUTDOWN",
    "rollback completed",
  ]);
});

test("a paused update rests, and its slots are cared for", (t) => {
  t.deepEqual(lines(reconcile(service({}, PAUSED), [old(1), old(2), old(3)])), []);
  t.deepEqual(lines(reconcile(service({}, ROLLBACK_PAUSED), [old(1), old(2), old(3, { state: "FAILED" })])), [
    "old3 → SHUTDOWN, create 3 READY",
  ]);
});

test("start-first: the old task stops when the new one runs, not before", (t) => {
  const first = service({ order: Order.START_FIRST, failureAction: FailureAction.CONTINUE }, UPDATING);
  t.deepEqual(lines(reconcile(first, [old(1), young(2), young(3)])), ["create 1 RUNNING"]);
  t.deepEqual(lines(reconcile(first, [old(1), young(1, { state: "STARTING" }), young(2), young(3)])), []);
  t.deepEqual(lines(reconcile(first, [old(1), young(1), young(2), young(3)])), ["old1 → SHUTDOWN", "update completed"]);
});

test("start-first where nothing is up is stop-first: nobody has to be kept", (t) => {
  const first = service({ order: Order.START_FIRST }, UPDATING);
  t.deepEqual(lines(reconcile(first, [old(1, { state: "STARTING" }), young(2), young(3)])), [
    "old1 → SHUTDOWN, create 1 READY",
  ]);
});

test("start-first: a newer update calls off what the one before has not brought up", (t) => {
  const first = service({ order: Order.START_FIRST }, UPDATING);
  const between = young(1, { id: "between", spec: taskSpec("between"), version: 1, state: "STARTING", update: 5 });
  t.deepEqual(lines(reconcile(first, [old(1), between, young(2), young(3)])), ["between → SHUTDOWN, create 1 RUNNING"]);
});

test("start-first: when the new task fails, the next does not wait for the old one, which is meant to run on", (t) => {
  const going = service({ order: Order.START_FIRST, maxFailureRatio: 1 }, UPDATING);
  const failed = young(1, { state: "FAILED", wanted: "SHUTDOWN", failed: BEGAN });
  const retry = young(1, { id: "retry1", state: "READY", wanted: "READY", at: 195, update: undefined });
  t.deepEqual(lines(reconcile(going, [old(1), failed, retry, young(2), young(3)])).slice(0, 1), ["retry1 → RUNNING"]);
});

test("start-first: a slot whose new task failed and may not be restarted keeps its old one, and is not tried again", (t) => {
  const never = taskSpec("two", { restart: { condition: 0 } });
  const config = { order: Order.START_FIRST, failureAction: FailureAction.CONTINUE };
  const rest = [young(2, { spec: never }), young(3, { spec: never })];
  const failed = young(1, { spec: never, state: "FAILED" });
  t.deepEqual(lines(reconcile(service(config, UPDATING, { task: never }), [old(1), failed, ...rest])).slice(0, 1), [
    "new1 → SHUTDOWN",
  ]);
  const after = { ...failed, wanted: "SHUTDOWN", failed: BEGAN } as const;
  t.deepEqual(lines(reconcile(service(config, COMPLETED, { task: never }), [old(1), after, ...rest])), []);
});

test("a task of the update that lost its node has not failed: what replaces it is the update's", (t) => {
  const nodes = { ...NODES, b: "down" } as const;
  const going = service({}, UPDATING);
  const lost = young(1, { node: "b", state: "STARTING" });
  const pass = reconcile(going, [stopped(1), lost, old(2), old(3)], 200, nodes);
  t.deepEqual(lines(pass), ["new1 → SHUTDOWN, create 1 READY"]);
  const heir = young(1, { id: "heir", state: "FAILED", at: 150 });
  const next = [stopped(1), { ...lost, wanted: "SHUTDOWN" } as const, heir, old(2), old(3)];
  t.true(
    lines(reconcile(going, next, 200, nodes)).includes(
      "update paused due to failure or early termination of task heir",
    ),
  );
});

const stuck = young(1, { state: "PENDING", node: "", err: "no suitable node (insufficient resources on 3 nodes)" });

test("an update that makes no progress ends, with the reason", (t) => {
  const tasks = [stopped(1), stuck, old(2), old(3)];
  t.deepEqual(alarms(reconcile(service({}, UPDATING), tasks)), [700]);
  const message =
    "for lack of progress in 10m: task new1 is pending (no suitable node (insufficient resources on 3 nodes))";
  t.deepEqual(lines(reconcile(service({}, UPDATING), tasks, 700)), [`update paused ${message}`]);
  t.deepEqual(lines(reconcile(service({}, ROLLBACK_STARTED), tasks, 700)), [`rollback paused ${message}`]);
  const back = previous(service({ failureAction: FailureAction.ROLLBACK }, UPDATING));
  t.deepEqual(lines(reconcile(back, tasks, 700)), [`update rolled back ${message}`]);
  t.deepEqual(
    lines(reconcile(service({ failureAction: FailureAction.CONTINUE }, UPDATING), tasks, 700)),
    [`update paused ${message}`],
    "what cannot be placed is not gone on with: slot after slot would be empty",
  );
});

test("the deadline is the service's, counts from the last progress, and can be switched off", (t) => {
  const tasks = [stopped(1), stuck, stopped(2), young(2, { since: 190 }), old(3)];
  const both = service({ parallelism: 2, maxFailureRatio: 1 }, UPDATING);
  const quick = labelled(both, "30s");
  t.deepEqual(alarms(reconcile(quick, tasks)), [220]);
  t.deepEqual(lines(reconcile(quick, [...tasks.slice(0, 4), young(3, { state: "STARTING", at: 195 })], 226)), [
    "update paused for lack of progress in 30s: task new1 is pending (no suitable node (insufficient resources on 3 nodes))",
  ]);
  t.deepEqual(alarms(reconcile(labelled(both, "0"), tasks)), []);
  t.deepEqual(alarms(reconcile(labelled(both, "soon"), tasks)), [790], "what cannot be read counts for nothing");
});

test("a slot that is scaled away, or added meanwhile, is no part of the update", (t) => {
  const going = service({}, UPDATING);
  t.deepEqual(lines(reconcile(going, [young(1), young(2)])), ["create 3 RUNNING", "update completed"]);
});

test("what only looks different is not replaced: another version, replicas, a placement that still fits", (t) => {
  const same = replicated(3, {}, 9);
  t.deepEqual(lines(reconcile(same, [old(1), old(2), old(3)])), []);
  const placed = replicated(3, { task: taskSpec("one", { placement: { constraints: ["node.id!=c"] } }) }, 9);
  t.deepEqual(lines(reconcile(placed, [old(1), old(2), old(3)])), []);
  t.deepEqual(lines(reconcile(placed, [old(1), old(2), old(3, { node: "c" })])), ["update in progress"]);
});

test("another password for the registry replaces only what is not pulled yet", (t) => {
  const withPassword = taskSpec("one", {
    runtime: { $case: "container", value: { image: "one", pullOptions: { registryAuth: "secret" } } },
  });
  const one = replicated(2, { task: withPassword }, 9);
  t.deepEqual(lines(reconcile(one, [old(1), old(2, { state: "READY" })])), []);
  t.deepEqual(lines(reconcile(one, [old(1), old(2, { state: "PREPARING" })])), ["update in progress"]);
});

test("a forced update replaces what is the same", (t) => {
  const forced = replicated(1, { task: taskSpec("one", { forceUpdate: 1 }) }, 9);
  t.deepEqual(lines(reconcile(forced, [old(1)])), ["update in progress"]);
});
