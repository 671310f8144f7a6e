import test from "ava";
import { RestartPolicy_RestartCondition as Condition } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { reapableTasks } from "../../../src/manager/orchestrator/reaper.js";
import {
  globalService,
  lines,
  type NodeRow,
  reconcile as reconcileService,
  slotsOf,
  type TaskRow,
  taskSpec,
  tasksOf,
} from "./service-model.js";

function reconcile(nodes: Readonly<Record<string, NodeRow>>, rows: readonly TaskRow[], service = globalService()) {
  return lines(
    reconcileService(
      service,
      rows.map((row) => ({ slot: 0, ...row })),
      { nodes },
    ),
  );
}

const run = (id: string, node: string, more: Partial<TaskRow> = {}): TaskRow => ({
  id,
  node,
  state: "RUNNING",
  ...more,
});

test("a task on every node that is ready; not on new ones that are not, are paused, or are drained", (t) => {
  t.deepEqual(reconcile({ a: "ready", b: "ready", c: "paused", d: "drained", e: "down", f: "unknown" }, []), [
    "create a RUNNING",
    "create b RUNNING",
  ]);
});

test("a node that pauses, or is not heard of, keeps its task: nobody else can have it; one that is drained loses it", (t) => {
  const tasks = [run("t1", "a"), run("t2", "b"), run("t3", "c"), run("t4", "d")];
  t.deepEqual(reconcile({ a: "paused", b: "drained", c: "down", d: "unknown" }, tasks), ["t2 → SHUTDOWN"]);
});

test("a node whose tasks were orphaned meanwhile gets another when it comes back", (t) => {
  t.deepEqual(reconcile({ a: "ready" }, [run("t1", "a", { state: "ORPHANED", wanted: "SHUTDOWN" })]), [
    "create a RUNNING",
  ]);
});

test("a node that fits again waits for what still stops there", (t) => {
  t.deepEqual(reconcile({ a: "ready" }, [run("t1", "a", { wanted: "REMOVE" })]), ["create a READY"]);
});

test("tasks of a removed node are deleted", (t) => {
  t.deepEqual(reconcile({ a: "ready" }, [run("t1", "a"), run("t2", "gone")]), ["delete t2"]);
});

test("a node that comes back gets its task again, whatever the policy says, once the old one has stopped", (t) => {
  const never = globalService({ task: taskSpec("one", { restart: { condition: Condition.NONE } }) });
  const spec = never.spec!.task!;
  t.deepEqual(reconcile({ a: "ready" }, [run("t1", "a", { state: "SHUTDOWN", wanted: "SHUTDOWN", spec })], never), [
    "create a RUNNING",
  ]);
  t.deepEqual(reconcile({ a: "ready" }, [run("t1", "a", { state: "COMPLETE", wanted: "SHUTDOWN", spec })], never), []);
  t.deepEqual(reconcile({ a: "ready" }, [run("t1", "a", { wanted: "SHUTDOWN" })]), ["create a READY"]);
});

test("a task that fails is replaced on its node", (t) => {
  t.deepEqual(reconcile({ a: "ready" }, [run("t1", "a", { state: "FAILED" })]), ["t1 → SHUTDOWN, create a READY"]);
});

test("constraints say which nodes", (t) => {
  const only = globalService({ task: taskSpec("one", { placement: { constraints: ["node.id==a"] } }) });
  const spec = only.spec!.task!;
  t.deepEqual(reconcile({ a: "ready", b: "ready" }, [run("t2", "b", { spec })], only), [
    "create a RUNNING",
    "t2 → SHUTDOWN",
  ]);
});

const reap = (limit: number, ...rows: readonly TaskRow[]) =>
  slotsOf(tasksOf(rows)).flatMap((slot) => reapableTasks(slot, limit, undefined));

test("reaper: what is to be removed and is over goes at once, what runs stays", (t) => {
  const ids = reap(
    5,
    { id: "ended", state: "SHUTDOWN", wanted: "REMOVE" },
    { id: "never assigned", slot: 2, state: "PENDING", wanted: "REMOVE" },
    { id: "runs", slot: 3, state: "RUNNING", wanted: "REMOVE" },
    { id: "orphaned", slot: 4, state: "ORPHANED", wanted: "REMOVE" },
  );
  t.deepEqual(ids, ["ended", "never assigned", "orphaned"]);
});

const history = (count: number, more: Partial<TaskRow> = {}): readonly TaskRow[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `h${i}`,
    state: "FAILED" as const,
    wanted: "SHUTDOWN" as const,
    at: i,
    ...more,
  }));
const current: TaskRow = { id: "current", state: "RUNNING", at: 99 };

test("reaper: a slot keeps so many tasks, the newest", (t) => {
  t.deepEqual(reap(5, ...history(4), current), []);
  t.deepEqual(reap(5, ...history(6), current), ["h0", "h1"]);
  t.deepEqual(reap(1, ...history(3), current), ["h0", "h1", "h2"]);
  t.deepEqual(reap(0, ...history(3)), ["h0", "h1"], "the newest says that the slot was served");
  t.deepEqual(reap(-1, ...history(50), current), []);
});

test("reaper: what is still stopping stays, and whom a waiting task follows", (t) => {
  t.deepEqual(reap(1, { ...history(1)[0]!, state: "RUNNING" }, current), []);
  t.deepEqual(reap(1, ...history(3), { ...current, wanted: "READY", state: "READY" }), ["h0", "h1"]);
});

test("reaper: a limit on restarts is counted in what is kept", (t) => {
  const spec = taskSpec("one", { restart: { condition: Condition.ANY, maxAttempts: 7 } });
  t.deepEqual(reap(5, ...history(7, { spec }), { ...current, spec }), []);
  t.deepEqual(reap(5, ...history(8, { spec }), { ...current, spec }), ["h0"]);
});

test("reaper: what an update counts stays until it is over", (t) => {
  const [slot] = slotsOf(tasksOf([...history(1, { update: 7 }), ...history(1, { id: "f", failed: 7 }), current]));
  t.deepEqual(reapableTasks(slot!, 1, `${new Date(7000).toISOString()} 1`), []);
  t.deepEqual(reapableTasks(slot!, 1, undefined), ["h0", "f"]);
});
