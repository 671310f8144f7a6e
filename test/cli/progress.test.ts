import test from "ava";
import { Service, type Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { assess } from "../../src/cli/service/progress/assess.js";
import { progressDisplay, progressLines } from "../../src/cli/service/progress/display.js";
import type { ServiceView } from "../../src/cli/service/progress/view.js";
import type { Terminal } from "../../src/cli/terminal.js";
import { HOST1, HOST2, id, processService, taskOf } from "./fixtures.js";

const web = processService("web", 2);
const view = (tasks: readonly Task[], more: Partial<ServiceView> = {}): ServiceView => ({
  service: web,
  tasks,
  upToDate: new Set(tasks.map((task) => task.id)),
  readyNodes: new Set([HOST1.id, HOST2.id]),
  rollbackWanted: false,
  ...more,
});
const withUpdate = (state: UpdateState, message = "") =>
  Service.fromPartial({ ...(web as object), updateStatus: { state, message } } as never);

test("a service has converged when each slot runs a task of the present specification", (t) => {
  t.true(assess(view([taskOf(web, 1), taskOf(web, 2)])).converged);
  t.false(assess(view([taskOf(web, 1)])).converged, "a slot is missing");
  t.false(assess(view([taskOf(web, 1), taskOf(web, 2, TaskState.STARTING)])).converged);
  t.false(assess(view([taskOf(web, 1), taskOf(web, 2)], { upToDate: new Set([id("t1web")]) })).converged);
  t.false(assess(view([1, 2, 3].map((slot) => taskOf(web, slot)))).converged, "one too many");
});

test("a service of no replicas has converged when nothing stops any more", (t) => {
  const service = processService("web", 0);
  const ending = taskOf(service, 1, TaskState.RUNNING, { desiredState: TaskState.REMOVE });
  t.true(assess(view([], { service })).converged);
  t.false(assess(view([ending], { service })).converged);
  t.true(assess(view([ending], { service, readyNodes: new Set() })).converged, "nobody can see it stop on a lost node");
});

test("an old task that still stops keeps the service from having converged", (t) => {
  const old = taskOf(web, 2, TaskState.RUNNING, { id: id("old"), desiredState: TaskState.SHUTDOWN });
  const progress = assess(view([taskOf(web, 1), taskOf(web, 2), old]));
  t.is(progress.stopping, 1);
  t.false(progress.converged);
  t.is(progress.running, 2);
});

test("an update that goes on, or that the cluster gave up", (t) => {
  const tasks = [taskOf(web, 1), taskOf(web, 2)];
  const at = (state: UpdateState, rollbackWanted = false) =>
    assess(view(tasks, { service: withUpdate(state, "why"), rollbackWanted }));
  t.false(at(UpdateState.UPDATING).converged);
  t.is(at(UpdateState.UPDATING).failure, undefined);
  t.true(at(UpdateState.COMPLETED).converged);
  t.is(at(UpdateState.PAUSED).failure, "the update of service web is paused: why");
  t.is(at(UpdateState.ROLLBACK_PAUSED).failure, "the rollback of service web is paused: why");
  t.is(at(UpdateState.ROLLBACK_COMPLETED).failure, "the update of service web failed and was rolled back: why");
  t.is(at(UpdateState.ROLLBACK_COMPLETED, true).failure, undefined);
  t.true(at(UpdateState.ROLLBACK_COMPLETED, true).converged);
  t.false(at(UpdateState.ROLLBACK_STARTED).converged);
});

test("a global service wants a task on each node that got one", (t) => {
  const service = Service.fromPartial({
    ...(web as object),
    spec: { ...(web.spec as object), mode: { $case: "global", value: {} } },
  } as never);
  const on = (nodeId: string, state: TaskState) => taskOf(service, 0, state, { id: id(nodeId.slice(0, 2)), nodeId });
  const none = assess(view([], { service }));
  t.is(none.wanted, undefined);
  t.false(none.converged);
  const half = assess(view([on(HOST1.id, TaskState.RUNNING), on(HOST2.id, TaskState.PENDING)], { service }));
  t.deepEqual([half.running, half.wanted, half.converged], [1, 2, false]);
  t.true(assess(view([on(HOST1.id, TaskState.RUNNING), on(HOST2.id, TaskState.RUNNING)], { service })).converged);
});

test("a slot tells why it does not run: its own error, or that of the attempt before", (t) => {
  const pending = taskOf(web, 1, TaskState.PENDING, { err: "no suitable node (insufficient resources on 2 nodes)" });
  const failed = taskOf(web, 2, TaskState.FAILED, {
    id: id("old"),
    desiredState: TaskState.SHUTDOWN,
    err: "exit status 1",
  });
  const next = taskOf(web, 2, TaskState.READY, { desiredState: TaskState.READY });
  const { slots } = assess(view([pending, failed, next]));
  t.deepEqual(
    slots.map(({ key, state, reason }) => [key, state, reason]),
    [
      ["1", TaskState.PENDING, "no suitable node (insufficient resources on 2 nodes)"],
      ["2", TaskState.READY, "attempt before: exit status 1"],
    ],
  );
});

test("the lines of a screen", (t) => {
  const tasks = [taskOf(web, 1), taskOf(web, 2, TaskState.PENDING, { nodeId: "", err: "no suitable node" })];
  const nodeOf = (nodeId: string) => (nodeId === HOST1.id ? "host1" : nodeId);
  t.deepEqual(progressLines(assess(view(tasks)), "web", nodeOf), [
    "overall: 1 of 2 tasks running",
    "web.1: running on host1",
    "web.2: pending (no suitable node)",
  ]);
  const many = processService("web", 30);
  const manyTasks = Array.from({ length: 30 }, (_, at) =>
    taskOf(many, at + 1, TaskState.PENDING, { err: at === 7 ? "why" : "" }),
  );
  const lines = progressLines(assess(view(manyTasks, { service: many })), "web", (nodeId) => nodeId);
  t.is(lines.length, 2, "the total, and the slot with a reason");
  t.true(lines[1]!.startsWith("web.8: pending"));
});

function recorder(isScreen: boolean): Terminal & { text: string; nowMs: number } {
  return {
    text: "",
    nowMs: 0,
    isScreen,
    hasColour: false,
    env: {},
    columns: () => 30,
    rows: () => 24,
    now() {
      return this.nowMs;
    },
    write() {},
    pass: async () => {},
    writeError(text) {
      this.text += text;
    },
    onInterrupt: () => () => {},
    readSecret: async () => "",
  };
}

test("a log tells each total once, and a reason when it lasts", (t) => {
  const terminal = recorder(false);
  const display = progressDisplay(terminal, "web", (nodeId) => nodeId);
  const stuck = assess(
    view([taskOf(web, 1), taskOf(web, 2, TaskState.PENDING, { nodeId: "", err: "no suitable node" })]),
  );
  display.show(stuck);
  t.is(terminal.text, "web: 1 of 2 tasks running\n");
  terminal.nowMs = 900;
  display.show(stuck);
  t.is(terminal.text, "web: 1 of 2 tasks running\n");
  terminal.nowMs = 1100;
  display.show(stuck);
  display.show(stuck);
  t.is(terminal.text, "web: 1 of 2 tasks running\nweb.2: pending (no suitable node)\n");
  display.show(assess(view([taskOf(web, 1), taskOf(web, 2)])));
  display.end("verify: service converged");
  t.true(terminal.text.endsWith("web: 2 of 2 tasks running\nweb: verify: service converged\n"));
});

test("a screen is redrawn in place, within its width, and only when something changed", (t) => {
  const terminal = recorder(true);
  const display = progressDisplay(terminal, "web", (nodeId) => nodeId);
  const first = assess(view([taskOf(web, 1), taskOf(web, 2, TaskState.PENDING, { err: "x".repeat(99) })]));
  display.show(first);
  const drawn = terminal.text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's commands are taken out
  for (const line of drawn.split("\n")) t.true(line.replace(/\x1b\[2K/g, "").length < 30, line);
  display.show(first);
  t.is(terminal.text, drawn);
  display.show(assess(view([], { service: processService("web", 0) })));
  t.true(terminal.text.slice(drawn.length).startsWith("\x1b[3A\x1b[2Koverall: 0 of 0 tasks running\n"));
  t.true(terminal.text.endsWith("\x1b[2K\n\x1b[2K\n\x1b[2A"), "lines that are no longer needed are cleared");
});

const job = (mode: object) => Service.fromPartial({ ...(web as object), spec: { ...web.spec, mode } } as never);
const jobTask = (service: Service, slot: number, state: TaskState, more: object = {}) =>
  taskOf(service, slot, state, { desiredState: TaskState.COMPLETE, ...more });

test("a replicated job has converged when every slot has come to its end in this run", (t) => {
  const service = job({ $case: "replicatedJob", value: { totalCompletions: 2, maxConcurrent: 1 } });
  const [first, second] = [1, 2].map((slot) => jobTask(service, slot, TaskState.COMPLETE));
  const running = jobTask(service, 2, TaskState.RUNNING);
  t.like(assess(view([first!, running], { service })), { converged: false, completed: 1, running: 1, wanted: 2 });
  t.true(assess(view([first!, second!], { service })).converged);
  const past = assess(view([first!, second!], { service, upToDate: new Set([first!.id]) }));
  t.like(past, { converged: false, completed: 1 }, "what an earlier run did does not count");
  t.deepEqual(
    progressLines(assess(view([first!, running], { service })), "batch", (nodeId) => nodeId),
    [
      "overall: 1 of 2 tasks completed, 1 running",
      `batch.1: complete on ${HOST1.id}`,
      `batch.2: running on ${HOST2.id}`,
    ],
  );
});

test("a slot of a job that failed and is tried again tells why", (t) => {
  const service = job({ $case: "replicatedJob", value: { totalCompletions: 1, maxConcurrent: 1 } });
  const failed = jobTask(service, 1, TaskState.FAILED, {
    id: id("told"),
    err: "exit status 1",
    desiredState: TaskState.SHUTDOWN,
    meta: { createdAt: { seconds: 1 } },
  });
  const again = jobTask(service, 1, TaskState.PREPARING, { meta: { createdAt: { seconds: 2 } } });
  t.is(assess(view([failed, again], { service })).slots[0]?.reason, "attempt before: exit status 1");
  const done = jobTask(service, 1, TaskState.COMPLETE, { meta: { createdAt: { seconds: 2 } } });
  const after = assess(view([failed, done], { service }));
  t.is(after.slots[0]?.reason, "");
  t.true(after.converged);
});

test("a global job wants its end on each node that got a task", (t) => {
  const service = job({ $case: "globalJob", value: {} });
  const here = jobTask(service, 0, TaskState.COMPLETE, { id: id("a"), nodeId: HOST1.id });
  const there = jobTask(service, 0, TaskState.RUNNING, { id: id("b"), nodeId: HOST2.id });
  t.false(assess(view([], { service })).converged);
  t.like(assess(view([here, there], { service })), { converged: false, wanted: 2, completed: 1 });
  t.true(assess(view([here], { service })).converged);
});
