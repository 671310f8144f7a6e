/** What makes a desk look, and where: a change costs what it concerns. */
import test from "ava";
import type { Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { DeskView } from "../../../src/manager/orchestrator/desk-view.js";
import { ServiceDesk } from "../../../src/manager/orchestrator/service-desk.js";
import { around, lines, outcome, replicated, type TaskRow, taskSpec, tasksOf } from "./service-model.js";

const NODES = { a: "ready" } as const;

/** A desk that has taken in so many running tasks; looked counts how often a task was looked up in the store. */
function desk(service: Service, rows: readonly TaskRow[]) {
  const tasks = new Map(tasksOf(rows).map((task) => [task.id, task]));
  const looks = { nodes: 0 };
  const view: DeskView = {
    ...around(1000, NODES),
    node: (id) => {
      looks.nodes++;
      return around(1000, NODES).node(id);
    },
    historyLimit: 5,
    nodes: () => [],
    task: (id) => tasks.get(id),
    tasksOf: () => [...tasks.values()],
  };
  const one = new ServiceDesk("web", service);
  outcome(one.pass(view));
  const change = (id: string, by: Partial<Pick<Task, "desiredState">> & { readonly state?: TaskState }) => {
    const previous = tasks.get(id)!;
    const { state = previous.status!.state, ...fields } = by;
    const object = { ...previous, ...fields, status: { ...previous.status!, state } };
    tasks.set(id, object);
    return one.seeTask({ kind: "task", action: "update", object, previous });
  };
  return { one, view, looks, change, pass: () => lines(outcome(one.pass(view))) };
}

const running = (count: number): readonly TaskRow[] =>
  Array.from({ length: count }, (_, i) => ({ id: `t${i + 1}`, slot: i + 1, node: "a", state: "RUNNING" }));

test("a desk that has looked at everything is at rest", (t) => {
  t.false(desk(replicated(3), running(3)).one.isDirty);
});

test("a task on its way up concerns nobody; its end, and what it is meant to be, do", (t) => {
  const starting = running(2).map((row) => ({ ...row, state: "PREPARING" }) as const);
  const { one, change } = desk(replicated(2), starting);
  t.false(change("t1", { state: TaskState.STARTING }));
  t.false(change("t1", { state: TaskState.RUNNING }));
  t.false(one.isDirty);
  t.true(change("t1", { state: TaskState.FAILED }));
  const other = desk(replicated(2), starting);
  t.true(other.change("t2", { desiredState: TaskState.SHUTDOWN }));
});

test("while an update is in progress it matters who comes up", (t) => {
  const updateStatus = {
    state: UpdateState.UPDATING,
    startedAt: { seconds: 9, nanos: 0 },
    completedAt: undefined,
    message: "",
  };
  const service = { ...replicated(2, { task: taskSpec("two") }, 2), updateStatus };
  const rows: readonly TaskRow[] = [
    { id: "t1", slot: 1, node: "a", state: "STARTING", spec: taskSpec("two"), version: 2, update: 9, at: 990 },
    { id: "t2", slot: 2, node: "a", state: "RUNNING" },
  ];
  const { change, pass } = desk(service, rows);
  t.true(change("t1", { state: TaskState.RUNNING }));
  t.deepEqual(pass(), ["t2 → SHUTDOWN, create 2 READY"]);
});

test("one change among a thousand slots is a look at one", (t) => {
  const { change, pass, looks } = desk(replicated(1000), running(1000));
  looks.nodes = 0;
  change("t500", { state: TaskState.FAILED });
  t.deepEqual(pass(), ["t500 → SHUTDOWN, create 500 READY"]);
  t.true(looks.nodes < 10, `${looks.nodes} looks at nodes`);
});

test("what the allocator writes on a service is no reason to look at its slots; a specification is", (t) => {
  const service = replicated(1000);
  const { one, pass, view, looks } = desk(service, running(1000));
  looks.nodes = 0;
  one.seeService({ ...service, endpoint: { spec: undefined, ports: [], virtualIps: [] } });
  t.deepEqual(pass(), []);
  t.is(looks.nodes, 0);
  one.seeService({ ...replicated(1001), specVersion: { index: 7 } });
  t.deepEqual(pass(), ["create 1001 RUNNING"]);
  t.is(looks.nodes, 0, "more of the same");
  one.seeService(replicated(1001, { task: taskSpec("two") }, 8));
  t.deepEqual(
    lines(outcome(one.pass(view))).filter((line) => line.startsWith("update")),
    ["update in progress"],
  );
  t.true(looks.nodes > 500);
});

test("thousands of slots are made in parts, and looked at with pauses", (t) => {
  const one = new ServiceDesk("web", replicated(5000));
  const view: DeskView = {
    ...around(1000, NODES),
    historyLimit: 5,
    nodes: () => [],
    task: () => undefined,
    tasksOf: () => [],
  };
  t.is(outcome(one.pass(view)).steps.length, 2000);
  t.true(one.isDirty);
  const { one: large, view: look } = desk(replicated(1000), running(1000));
  large.lookAtAll();
  let pauses = 0;
  for (const work = large.pass(look); !work.next().done; ) pauses++;
  t.true(pauses >= 1000 / 50, `${pauses} pauses`);
});
