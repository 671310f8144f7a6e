import test from "ava";
import { type Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { Action } from "../../../src/manager/orchestrator/action.js";
import { Actor } from "../../../src/manager/orchestrator/actor.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock, seededBytes } from "../manual-clock.js";
import { replicated, taskSpec } from "./service-model.js";

async function world(tasks: readonly Parameters<typeof Task.fromPartial>[0][] = []) {
  const clock = new ManualClock();
  const store = new Store(new MemoryProposer(), clock);
  const actor = new Actor(clock, seededBytes(1));
  await store.update((tx) => {
    tx.create("service", replicated(1));
    for (const task of tasks) tx.create("task", Task.fromPartial({ serviceId: "web", annotations: {}, ...task }));
  });
  const act = (...actions: readonly Action[]) => store.update((tx) => actor.perform(tx, "web", actions));
  const task = (id: string) => store.view((read) => read.get("task", id));
  const service = () => store.view((read) => read.get("service", "web")!);
  return { store, act, task, service };
}

const status = {
  state: UpdateState.UPDATING,
  startedAt: undefined,
  completedAt: undefined,
  message: "update in progress",
};

test("what was decided for another specification, or another status, is void", async (t) => {
  const { store, act, service } = await world();
  const seen = service();
  await store.update((tx) => tx.update("service", { ...tx.get("service", "web")!, spec: replicated(5).spec }));
  await act({ kind: "update-status", of: seen, status });
  await act({ kind: "roll-back", of: seen, status });
  t.is(service().updateStatus, undefined);
  const now = service();
  await act({ kind: "update-status", of: now, status });
  t.is(service().updateStatus?.state, UpdateState.UPDATING);
  await act({ kind: "update-status", of: now, status: { ...status, state: UpdateState.PAUSED } });
  t.is(service().updateStatus?.state, UpdateState.UPDATING, "somebody else was faster");
});

test("what the allocator writes meanwhile does not make a decision void", async (t) => {
  const { store, act, service } = await world();
  const seen = service();
  const endpoint = { spec: undefined, ports: [], virtualIps: [] };
  await store.update((tx) => tx.update("service", { ...tx.get("service", "web")!, endpoint }));
  await act({ kind: "update-status", of: seen, status });
  t.is(service().updateStatus?.state, UpdateState.UPDATING);
});

test("a rollback brings back what was there before, once", async (t) => {
  const { store, act, service } = await world();
  const before = service();
  await store.update((tx) =>
    tx.update("service", {
      ...before,
      spec: replicated(1, { task: taskSpec("two") }).spec,
      specVersion: { index: 9 },
      previousSpec: before.spec,
      previousSpecVersion: before.specVersion,
    } as Service),
  );
  await act({ kind: "roll-back", of: service(), status: { ...status, state: UpdateState.ROLLBACK_STARTED } });
  t.is(service().spec, before.spec);
  t.deepEqual(service().specVersion, before.specVersion);
  t.is(service().previousSpec, undefined);
  t.is(service().updateStatus?.state, UpdateState.ROLLBACK_STARTED);
});

test("a desired state only rises; marks and words are written with it", async (t) => {
  const { act, task } = await world([
    { id: "t1", desiredState: TaskState.SHUTDOWN, status: { state: TaskState.FAILED } },
  ]);
  await act({ kind: "desire", taskId: "t1", desiredState: TaskState.RUNNING });
  t.is(task("t1")?.desiredState, TaskState.SHUTDOWN);
  await act({ kind: "desire", taskId: "t1", desiredState: TaskState.REMOVE, labels: { mark: "x" }, message: "why" });
  t.is(task("t1")?.desiredState, TaskState.REMOVE);
  t.deepEqual(task("t1")?.annotations?.labels, { mark: "x" });
  t.is(task("t1")?.status?.message, "why");
  await act({ kind: "desire", taskId: "gone", desiredState: TaskState.REMOVE });
});

test("what is to be removed and runs is told to stop; what does not run is gone at once", async (t) => {
  const { act, task } = await world([
    { id: "runs", desiredState: TaskState.RUNNING, status: { state: TaskState.RUNNING } },
    { id: "assigned", desiredState: TaskState.RUNNING, status: { state: TaskState.ASSIGNED } },
    { id: "waits", desiredState: TaskState.RUNNING, status: { state: TaskState.PENDING } },
    { id: "ended", desiredState: TaskState.SHUTDOWN, status: { state: TaskState.FAILED } },
  ]);
  for (const taskId of ["runs", "assigned", "waits", "ended", "nothing"]) await act({ kind: "remove", taskId });
  t.is(task("runs")?.desiredState, TaskState.REMOVE);
  t.is(task("assigned")?.desiredState, TaskState.REMOVE);
  t.is(task("waits"), undefined);
  t.is(task("ended"), undefined);
});

test("why a task waits is said while it waits", async (t) => {
  const { act, task } = await world([
    { id: "waits", desiredState: TaskState.READY, status: { state: TaskState.READY } },
    { id: "goes on", desiredState: TaskState.RUNNING, status: { state: TaskState.READY, message: "prepared" } },
  ]);
  await act({ kind: "explain", taskId: "waits", message: "waits for another" });
  await act({ kind: "explain", taskId: "goes on", message: "waits for another" });
  t.is(task("waits")?.status?.message, "waits for another");
  t.is(task("goes on")?.status?.message, "prepared");
});

test("tasks of an update carry its mark, tasks of a job their iteration", async (t) => {
  const { store, act } = await world();
  await act({ kind: "create", slot: 3, nodeId: "", desiredState: TaskState.READY, labels: { "tswarm.update": "x" } });
  const [made] = store.view((read) => read.all("task"));
  t.is(made?.annotations?.labels["tswarm.update"], "x");
  t.is(made?.slot, 3);
  t.is(made?.desiredState, TaskState.READY);
  t.is(made?.jobIteration, undefined);
});
