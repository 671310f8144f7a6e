import test from "ava";
import type { Service } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  UpdateConfig_UpdateOrder as Order,
  UpdateStatus_UpdateState as UpdateState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { reconcileReplicated } from "../../../src/manager/orchestrator/replicated.js";
import { slotsOf } from "../../../src/manager/orchestrator/slot.js";
import { around, lines, replicated, type TaskRow, taskSpec, tasksOf } from "./service-model.js";

const NODES = { a: "ready", b: "ready", c: "ready" } as const;
const two = taskSpec("two");

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
  ...more,
});
const stopped = (slot: number) => old(slot, { state: "SHUTDOWN", wanted: "SHUTDOWN" });

function service(update: NonNullable<Parameters<typeof replicated>[1]>["update"] = {}, state?: UpdateState): Service {
  const base = replicated(3, { task: two, update: { parallelism: 1, ...update } }, 2);
  return state === undefined
    ? base
    : { ...base, updateStatus: { state, startedAt: undefined, completedAt: undefined, message: "" } };
}

const reconcile = (one: Service, tasks: readonly TaskRow[], now = 200) =>
  reconcileReplicated(one, slotsOf(tasksOf(tasks)), around(now, NODES));

test("the first slot is replaced, the update begins", (t) => {
  t.deepEqual(lines(reconcile(service(), [old(1), old(2), old(3)])), [
    "old1 → SHUTDOWN, create 1 READY",
    "update in progress",
  ]);
});

test("the next slot waits for the first to run", (t) => {
  const rest = [old(2), old(3)];
  const going = service({}, UpdateState.UPDATING);
  t.deepEqual(lines(reconcile(going, [stopped(1), young(1, { state: "READY", wanted: "READY" }), ...rest])), [
    "new1 → RUNNING",
  ]);
  t.deepEqual(lines(reconcile(going, [stopped(1), young(1, { state: "STARTING" }), ...rest])), []);
  t.deepEqual(lines(reconcile(going, [stopped(1), young(1), ...rest])), ["old2 → SHUTDOWN, create 2 READY"]);
});

test("a new task starts at once, without the delay of a restart, but not before the old one has stopped", (t) => {
  const going = service({}, UpdateState.UPDATING);
  const tasks = [old(1, { wanted: "SHUTDOWN" }), young(1, { state: "READY", wanted: "READY" }), young(2), young(3)];
  t.deepEqual(lines(reconcile(going, tasks, 100)), []);
  t.deepEqual(lines(reconcile(going, [stopped(1), ...tasks.slice(1)], 100)), ["new1 → RUNNING"]);
});

test("between slots the update's delay passes", (t) => {
  const going = service({ delay: { seconds: 30 } }, UpdateState.UPDATING);
  const tasks = [stopped(1), young(1), old(2), old(3)];
  const early = reconcile(going, tasks, 130);
  t.deepEqual(lines(early), []);
  t.is(early.wakeAtMs, 131_000);
  t.deepEqual(lines(reconcile(going, tasks, 131)), ["old2 → SHUTDOWN, create 2 READY"]);
});

test("parallelism: so many at a time, 0 for all", (t) => {
  t.is(lines(reconcile(service({ parallelism: 2 }), [old(1), old(2), old(3)])).length, 3);
  t.deepEqual(lines(reconcile(service({ parallelism: 0 }), [old(1), old(2), old(3)])), [
    "old1 → SHUTDOWN, create 1 READY",
    "old2 → SHUTDOWN, create 2 READY",
    "old3 → SHUTDOWN, create 3 READY",
    "update in progress",
  ]);
});

test("slots that do not run are replaced first", (t) => {
  const tasks = [old(1), old(2), old(3, { state: "PENDING", node: "" })];
  t.true(lines(reconcile(service(), tasks)).includes("old3 → SHUTDOWN, create 3 READY"));
});

test("when all are new and run, the update is done, and said to be once", (t) => {
  const tasks = [stopped(1), young(1), stopped(2), young(2), stopped(3), young(3)];
  t.deepEqual(lines(reconcile(service({}, UpdateState.UPDATING), tasks)), ["update completed"]);
  t.deepEqual(lines(reconcile(service({}, UpdateState.COMPLETED), tasks)), []);
  t.deepEqual(lines(reconcile(service({}, UpdateState.ROLLBACK_STARTED), tasks)), ["rollback completed"]);
});

test("a new task that fails holds the update up: its slot gets another, no other slot is touched", (t) => {
  const going = service({}, UpdateState.UPDATING);
  const failed = young(1, { state: "FAILED" });
  t.deepEqual(lines(reconcile(going, [stopped(1), failed, old(2), old(3)])), ["new1 → SHUTDOWN, create 1 READY"]);
  const retry = young(1, { id: "retry1", state: "READY", wanted: "READY", at: 199 });
  t.deepEqual(lines(reconcile(going, [stopped(1), { ...failed, wanted: "SHUTDOWN" }, retry, old(2), old(3)])), []);
});

test("a paused update rests", (t) => {
  t.deepEqual(lines(reconcile(service({}, UpdateState.PAUSED), [old(1), old(2), old(3)])), []);
});

test("start-first: the old task stops when the new one runs", (t) => {
  const first = { order: Order.START_FIRST };
  t.deepEqual(lines(reconcile(service(first), [old(1), young(2), young(3)])), [
    "create 1 RUNNING",
    "update in progress",
  ]);
  const going = service(first, UpdateState.UPDATING);
  t.deepEqual(lines(reconcile(going, [old(1), young(1, { state: "STARTING" }), young(2), young(3)])), []);
  t.deepEqual(lines(reconcile(going, [old(1), young(1), young(2), young(3)])), ["old1 → SHUTDOWN", "update completed"]);
});

test("start-first: when the new task fails, the next does not wait for the old one, which is meant to run on", (t) => {
  const going = service({ order: Order.START_FIRST }, UpdateState.UPDATING);
  const failed = young(1, { state: "FAILED", wanted: "SHUTDOWN" });
  const retry = young(1, { id: "retry1", state: "READY", wanted: "READY", at: 195 });
  t.deepEqual(lines(reconcile(going, [old(1), failed, retry, young(2), young(3)])), ["retry1 → RUNNING"]);
});

test("what only looks different is not replaced: another version, replicas, a placement that still fits", (t) => {
  const same = replicated(3, {}, 9);
  t.deepEqual(lines(reconcile(same, [old(1), old(2), old(3)])), []);
  const placed = replicated(3, { task: taskSpec("one", { placement: { constraints: ["node.id!=c"] } }) }, 9);
  t.deepEqual(lines(reconcile(placed, [old(1), old(2), old(3)])), []);
  t.deepEqual(lines(reconcile(placed, [old(1), old(2), old(3, { node: "c" })])), [
    "old3 → SHUTDOWN, create 3 READY",
    "update in progress",
  ]);
});

test("a forced update replaces what is the same", (t) => {
  const forced = replicated(1, { task: taskSpec("one", { forceUpdate: 1 }) }, 9);
  t.deepEqual(lines(reconcile(forced, [old(1)])), ["old1 → SHUTDOWN, create 1 READY", "update in progress"]);
});
