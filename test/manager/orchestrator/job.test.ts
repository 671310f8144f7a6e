import test from "ava";
import type { Service } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { RestartPolicy_RestartCondition as Condition } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { nextJobStatus } from "../../../src/manager/orchestrator/job-status.js";
import { lines, type NodeRow, reconcile, replicated, type TaskRow, taskSpec } from "./service-model.js";

const A = { a: "ready", b: "ready" } as const satisfies Record<string, NodeRow>;

interface JobFields {
  readonly concurrent?: number;
  readonly iteration?: number;
  readonly task?: ReturnType<typeof taskSpec>;
}

function job(completions: number, { concurrent = 0, iteration = 0, task = taskSpec("one") }: JobFields = {}): Service {
  const base = replicated(0, { task }, iteration + 1);
  const mode = {
    $case: "replicatedJob",
    value: { maxConcurrent: concurrent, totalCompletions: completions },
  } as const;
  return {
    ...base,
    spec: { ...base.spec!, mode },
    jobStatus: { jobIteration: { index: iteration }, lastExecution: undefined },
  };
}

function globalJob(fields: JobFields = {}): Service {
  const base = job(0, fields);
  return { ...base, spec: { ...base.spec!, mode: { $case: "globalJob", value: {} } } };
}

const row = (id: string, slot: number, state: TaskRow["state"], more: Partial<TaskRow> = {}): TaskRow => ({
  id,
  slot,
  state,
  node: "a",
  wanted: "COMPLETE",
  iteration: 0,
  ...more,
});

const run = (one: Service, rows: readonly TaskRow[], nodes: Readonly<Record<string, NodeRow>> = A, now = 1000) =>
  lines(reconcile(one, rows, { nodes, now }));

test("a job begins with so many slots as may run at once, the lowest first", (t) => {
  t.deepEqual(run(job(5, { concurrent: 2 }), []), ["create 1 COMPLETE", "create 2 COMPLETE"]);
  t.deepEqual(run(job(2), []), ["create 1 COMPLETE", "create 2 COMPLETE"], "all, where it does not say how many");
});

test("a slot that is complete makes room for the next", (t) => {
  const rows = [row("t1", 1, "COMPLETE"), row("t2", 2, "RUNNING")];
  t.deepEqual(run(job(5, { concurrent: 2 }), rows), ["create 3 COMPLETE"]);
});

test("a job is done when all its slots are, and stays so", (t) => {
  const rows = [row("t1", 1, "COMPLETE"), row("t2", 2, "COMPLETE")];
  t.deepEqual(run(job(2, { concurrent: 2 }), rows), []);
  t.deepEqual(run(job(2, { concurrent: 2 }), rows, { a: "down", b: "drained" }), []);
});

test("a slot that fails is tried again in its place, after the delay", (t) => {
  t.deepEqual(run(job(3, { concurrent: 1 }), [row("t1", 1, "FAILED")]), ["t1 → SHUTDOWN, create 1 READY"]);
  const waiting = [row("t1", 1, "FAILED", { wanted: "SHUTDOWN" }), row("t2", 1, "READY", { wanted: "READY", at: 10 })];
  t.deepEqual(run(job(3, { concurrent: 1 }), waiting, A, 14), ["t2 starts 5 s after task t1 ended"]);
  t.deepEqual(run(job(3, { concurrent: 1 }), waiting, A, 15), ["t2 → COMPLETE"]);
});

test("a slot that may not be tried again is given up, and the others go on", (t) => {
  const once = taskSpec("one", { restart: { condition: Condition.ANY, maxAttempts: 1 } });
  const rows = [
    row("t1", 1, "FAILED", { wanted: "SHUTDOWN", spec: once, at: 1 }),
    row("t2", 1, "FAILED", { spec: once, at: 2 }),
  ];
  t.deepEqual(run(job(3, { concurrent: 1, task: once }), rows), ["create 2 COMPLETE", "t2 → SHUTDOWN"]);
  const never = taskSpec("one", { restart: { condition: Condition.NONE } });
  t.deepEqual(run(job(1, { task: never }), [row("t1", 1, "FAILED", { spec: never })]), ["t1 → SHUTDOWN"]);
  t.deepEqual(run(job(1, { task: never }), [row("t1", 1, "FAILED", { spec: never, wanted: "SHUTDOWN" })]), []);
});

test("for a job any is on failure: what is done is done", (t) => {
  const any = taskSpec("one", { restart: { condition: Condition.ANY } });
  t.deepEqual(run(job(1, { task: any }), [row("t1", 1, "COMPLETE", { spec: any })]), []);
});

test("another iteration ends what the one before has not finished, and runs anew; what is finished is history", (t) => {
  const rows = [row("t1", 1, "COMPLETE"), row("t2", 2, "RUNNING"), row("t3", 3, "FAILED", { wanted: "SHUTDOWN" })];
  t.deepEqual(run(job(3, { iteration: 1 }), rows), [
    "create 1 COMPLETE",
    "create 2 READY",
    "create 3 COMPLETE",
    "t2 → REMOVE",
  ]);
});

test("what begins anew in a slot waits for what of the past still stops there", (t) => {
  const rows = [
    row("t1", 1, "RUNNING", { wanted: "REMOVE" }),
    row("t2", 1, "READY", { wanted: "READY", iteration: 1, version: 2, at: 1000 }),
  ];
  t.deepEqual(run(job(1, { iteration: 1 }), rows), ["t2 waits for task t1 to stop"]);
  t.deepEqual(run(job(1, { iteration: 1 }), [{ ...rows[0]!, state: "SHUTDOWN" }, rows[1]!]), [
    "delete t1",
    "t2 → COMPLETE",
  ]);
});

test("slots of the past that the job does not have any more are forgotten, what is done in them too", (t) => {
  const rows = [row("t1", 1, "RUNNING", { iteration: 1 }), row("t2", 2, "COMPLETE"), row("t3", 3, "RUNNING")];
  t.deepEqual(run(job(1, { iteration: 1 }), rows), ["t2 → REMOVE", "t3 → REMOVE"]);
});

test("values that are lower than what runs stop nothing that counts, and start nothing", (t) => {
  const rows = [1, 2, 3, 4].map((slot) => row(`t${slot}`, slot, "RUNNING"));
  t.deepEqual(run(job(4, { concurrent: 1 }), rows), []);
  t.deepEqual(run(job(3, { concurrent: 1 }), rows), ["t4 → REMOVE"]);
});

test("history of a job is kept so long as of a service", (t) => {
  const past = [1, 2, 3].map((n) => row(`p${n}`, 1, "COMPLETE", { iteration: n, at: n }));
  const now = row("now", 1, "COMPLETE", { iteration: 4, at: 9 });
  t.deepEqual(lines(reconcile(job(1, { iteration: 4 }), [...past, now], { nodes: A, history: 2 })), [
    "delete p1",
    "delete p2",
  ]);
});

test("a job's task on a node that is silent is not given up for lost when it was done meanwhile", (t) => {
  const rows = [row("t1", 1, "RUNNING", { node: "a" })];
  t.deepEqual(run(job(1), rows, { ...A, a: "down" }), ["create 1 COMPLETE"]);
  const both = [row("t1", 1, "COMPLETE"), row("t2", 1, "STARTING", { node: "b", at: 10 })];
  t.deepEqual(run(job(1), both), ["t2 → SHUTDOWN"]);
});

const onNode = (id: string, node: string, state: TaskRow["state"], more: Partial<TaskRow> = {}) =>
  row(id, 0, state, { node, ...more });

test("a global job runs once on every node that fits, on those that come later too", (t) => {
  t.deepEqual(run(globalJob(), [], { a: "ready", b: "paused", c: "drained", d: "down" }), ["create a COMPLETE"]);
  t.deepEqual(run(globalJob(), [onNode("t1", "a", "COMPLETE")]), ["create b COMPLETE"]);
});

test("a global job: what a node may not finish any more is removed; what is done stays done", (t) => {
  const rows = [onNode("t1", "a", "RUNNING"), onNode("t2", "b", "COMPLETE"), onNode("t3", "c", "RUNNING")];
  t.deepEqual(run(globalJob(), rows, { a: "drained", b: "drained", c: "paused" }), ["t1 → REMOVE"]);
  t.deepEqual(run(globalJob(), rows, { b: "ready", c: "down" }), ["delete t1"]);
});

test("a global job: attempts are limited", (t) => {
  const once = taskSpec("one", { restart: { condition: Condition.ON_FAILURE, maxAttempts: 1 } });
  const first = onNode("t1", "a", "FAILED", { spec: once, at: 1 });
  t.deepEqual(run(globalJob({ task: once }), [first], { a: "ready" }), ["t1 → SHUTDOWN, create a READY"]);
  const second = [{ ...first, wanted: "SHUTDOWN" } as const, onNode("t2", "a", "FAILED", { spec: once, at: 2 })];
  t.deepEqual(run(globalJob({ task: once }), second, { a: "ready" }), ["t2 → SHUTDOWN"]);
});

test("a global job: another iteration", (t) => {
  const rows = [onNode("t1", "a", "COMPLETE"), onNode("t2", "b", "RUNNING")];
  t.deepEqual(run(globalJob({ iteration: 1 }), rows), ["create a COMPLETE", "t2 → REMOVE"]);
  const ended = [onNode("t1", "a", "COMPLETE", { iteration: 1 }), onNode("t2", "b", "RUNNING", { wanted: "REMOVE" })];
  t.deepEqual(run(globalJob({ iteration: 1 }), ended), ["create b READY"]);
});

test("a job that is gone leaves nothing", (t) => {
  const rows = [row("t1", 1, "COMPLETE"), row("t2", 2, "RUNNING"), row("t3", 3, "SHUTDOWN", { wanted: "REMOVE" })];
  t.deepEqual(lines(reconcile(undefined, rows)), ["delete t3", "t1 → REMOVE", "t2 → REMOVE"]);
});

test("each change of a job is another iteration; a service has none", (t) => {
  t.deepEqual(nextJobStatus(job(1), undefined, 5000)?.jobIteration, { index: 0 });
  t.deepEqual(nextJobStatus(job(1), job(1, { iteration: 4 }), 5000)?.jobIteration, { index: 5 });
  t.deepEqual(nextJobStatus(job(1), undefined, 5000)?.lastExecution, { seconds: 5, nanos: 0 });
  t.is(nextJobStatus(replicated(1), undefined, 5000), undefined);
});
