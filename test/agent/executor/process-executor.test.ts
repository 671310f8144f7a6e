import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { readHierarchies } from "../../../src/agent/executor/process/task-cgroup.js";
import { makeTaskBed, runs, until } from "./task-bed.js";

test("a task runs, its output is kept, its exit status is told", async (t) => {
  const bed = makeTaskBed(t);
  const { exit, stdout, stderr } = await bed.shell("echo out; echo err >&2; exit 3");
  t.deepEqual(exit, { code: 3 });
  t.is(stdout, "out\n");
  t.is(stderr, "err\n");
});

test("the pid that start tells is the command's, and it runs until it ends", async (t) => {
  const bed = makeTaskBed(t);
  const task = bed.controller(["sleep", "600"]);
  t.false(await task.isRunning());
  await task.prepare();
  const { pid } = await task.start(bed.sandbox);
  await until(() => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ") === "sleep 600 ");
  t.true(await task.isRunning());
  await task.terminate();
  t.false(runs(pid));
});

test("a command that a signal ends has 128 and the signal's number as status", async (t) => {
  const bed = makeTaskBed(t);
  t.deepEqual((await bed.shell("kill -KILL $$")).exit, { code: 137, signal: "SIGKILL" });
  t.deepEqual((await bed.shell("kill -INT $$")).exit, { code: 130, signal: "SIGINT" });
});

test("a program without a handler stops by its stop signal at once", async (t) => {
  const bed = makeTaskBed(t);
  for (const [stopSignal, code] of [
    ["", 143],
    ["SIGINT", 130],
    ["3", 131],
  ] as const) {
    const task = await bed.started(["sleep", "600"], { stopSignal, stopGracePeriod: { seconds: 3600, nanos: 0 } });
    await task.shutdown();
    t.is((await task.wait()).code, code);
    t.deepEqual(bed.pids(task.id), []);
  }
});

test("a program may clean up when it is told to stop", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started([
    "sh",
    "-c",
    "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 600 & wait; done",
  ]);
  await bed.said(task.id, "up");
  await task.shutdown();
  t.is((await task.wait()).code, 7);
  t.is(bed.output(task.id).stdout, "up\nbye\n");
  t.deepEqual(bed.pids(task.id), []);
});

test("a program that ignores its stop signal is killed after the grace period", async (t) => {
  const bed = makeTaskBed(t);
  const spec = { stopGracePeriod: { seconds: 0, nanos: 50_000_000 } };
  const task = await bed.started(["sh", "-c", "trap '' TERM; echo up; while :; do sleep 600; done"], spec);
  await bed.said(task.id, "up");
  await task.shutdown();
  t.is((await task.wait()).code, 137);
  t.deepEqual(bed.pids(task.id), []);
});

test("what the command leaves behind ends with it", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started([
    "sh",
    "-c",
    "setsid sleep 600 & setsid sh -c 'sleep 601 & sleep 602' & echo up; read line",
  ]);
  // Standard input is empty, so the command has ended by itself.
  t.is((await task.wait()).code, 1);
  await until(() => bed.pids(task.id).length === 0);
  await task.remove();
  t.deepEqual(await bed.executor.list(), []);
});

test("orphans are collected while the command runs", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sh", "-c", "(sleep 0.01 & sleep 0.01 &) ; echo up; exec sleep 600"]);
  await bed.said(task.id, "up");
  await until(() => bed.pids(task.id).length === 2);
  t.is(bed.pids(task.id).length, 2, "the supervisor and the command");
});

test("a killed supervisor takes the whole task along, and the agent notices", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sh", "-c", "sleep 600 & sleep 601 & echo up; wait"]);
  await bed.said(task.id, "up");
  const supervisor = Number(readFileSync(join(bed.stateDir, "tasks", task.id, "pid"), "utf8").split(" ")[0]);
  t.true(bed.pids(task.id).includes(supervisor));
  process.kill(supervisor, "SIGKILL");
  t.deepEqual(await task.wait(), { code: 137, signal: "SIGKILL" });
  await until(() => bed.pids(task.id).length === 0);
  t.deepEqual(bed.pids(task.id), []);
});

test("removal leaves nothing: no process, no cgroup, no file", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sh", "-c", "trap '' TERM; sleep 600 & sleep 601"]);
  const pids = bed.pids(task.id);
  t.true(pids.length >= 2);
  await task.remove();
  t.false(pids.some(runs));
  for (const { mountPoint } of readHierarchies()) {
    t.false(existsSync(join(mountPoint, "tswarm", bed.nodeId.slice(0, 8))), mountPoint);
  }
  t.deepEqual(readdirSync(join(bed.stateDir, "tasks")), []);
  t.false(await task.isRunning());
  await task.remove();
});

test("a task is started once: start says the same when it runs and when it has ended", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sh", "-c", "echo once; sleep 600"]);
  await bed.said(task.id, "once");
  const again = await task.start(bed.sandbox);
  t.true(bed.pids(task.id).includes(again.pid));
  await task.terminate();
  await task.start(bed.sandbox);
  t.is((await task.wait()).code, 137);
  t.is(bed.output(task.id).stdout, "once\n");
});

test("a sandbox that cannot be entered is a final error that says why", async (t) => {
  const bed = makeTaskBed(t);
  const task = bed.controller(["sleep", "1"]);
  await task.prepare();
  const error = await t.throwsAsync(task.start({ ...bed.sandbox, namespacePath: "/run/netns/tsw-none" }));
  t.regex(error.message, /^web\.1: cannot set up the task's sandbox: .*tsw-none/);
  t.like(error, { name: "TaskError", fatal: true });
});

test("a task of which nothing is known cannot be waited for", async (t) => {
  const bed = makeTaskBed(t);
  const error = await t.throwsAsync(bed.controller(["true"]).wait());
  t.like(error, { message: "web.1: this node has no trace of the task's process", fatal: true });
});

test("output of a task that is long gone is found until the task is removed", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["echo", "last words"]);
  await task.wait();
  t.is(bed.output(task.id).stdout, "last words\n");
  await task.remove();
  t.false(existsSync(bed.executor.outputPaths(task.id).stdout));
});

test("purge removes a running task that nobody remembers", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sleep", "600"]);
  task.detach();
  t.deepEqual(await bed.executor.list(), [task.id]);
  await bed.executor.purge(task.id);
  t.deepEqual(await bed.executor.list(), []);
  t.deepEqual(bed.pids(task.id), []);
});
