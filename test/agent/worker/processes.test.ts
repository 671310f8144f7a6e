import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState, type TaskStatus } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { makeTaskBed, processTask, runs } from "../executor/task-bed.js";
import { complete } from "./fakes.js";
import { startWorker } from "./process-worker.js";

const wanted = (id: string, command: readonly string[]): Task => ({
  ...processTask(id, command),
  desiredState: TaskState.RUNNING,
});
const pidOf = (status: TaskStatus | undefined) => status!.runtimeStatus!.value.pid;

test("from assignment to removal with a real process", async (t) => {
  const bed = makeTaskBed(t);
  const { worker, journal, statuses } = await startWorker(t, bed);
  worker.apply(complete([wanted("one", ["sleep", "600"])]));
  await journal.seen("RUNNING one");
  const pid = pidOf(statuses.get("one"));
  t.true(runs(pid));
  worker.apply(complete([]));
  await journal.seen("release one");
  while (existsSync(join(bed.stateDir, "tasks", "one"))) await new Promise((resolve) => setImmediate(resolve));
  t.false(runs(pid));
  t.deepEqual(bed.pids("one"), []);
});

test("a running task survives the agent and is the same process afterwards; one that ended is told", async (t) => {
  const bed = makeTaskBed(t);
  const first = await startWorker(t, bed);
  first.worker.apply(complete([wanted("stays", ["sleep", "600"]), wanted("ends", ["sh", "-c", "sleep 0.2; exit 3"])]));
  await first.journal.seen("RUNNING stays");
  await first.journal.seen("RUNNING ends");
  const pid = pidOf(first.statuses.get("stays"));
  await first.stop();
  while (bed.pids("ends").length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await startWorker(t, bed);
  await second.journal.seen("FAILED ends");
  t.is(second.statuses.get("ends")!.err, "task: non-zero exit (3)");
  await second.journal.seen("activate stays");
  t.true(runs(pid));
  t.is(pidOf(second.worker.statuses().get("stays")), pid);
});

test("a program that is not there is rejected in words for people", async (t) => {
  const bed = makeTaskBed(t);
  const { worker, journal, statuses } = await startWorker(t, bed);
  worker.apply(complete([wanted("one", ["nodee"])]));
  await journal.seen("REJECTED one");
  t.regex(statuses.get("one")!.err, /^web\.1: command not found: nodee \(looked in \/usr\/local\/sbin:.*\)$/);
});

test("a process that nobody assigned is gone soon after the agent starts", async (t) => {
  const bed = makeTaskBed(t);
  const stray = await bed.started(["sleep", "600"]);
  stray.detach();
  const pids = bed.pids(stray.id);
  t.true(pids.length > 0);
  await startWorker(t, bed);
  while (existsSync(join(bed.stateDir, "tasks", stray.id))) await new Promise((resolve) => setTimeout(resolve, 5));
  t.false(pids.some(runs));
});

test("fifty tasks assigned at once all come up", async (t) => {
  const bed = makeTaskBed(t);
  const { worker, journal } = await startWorker(t, bed);
  const tasks = Array.from({ length: 50 }, (_, index) => wanted(`t${index}`, ["sleep", "600"]));
  const from = performance.now();
  worker.apply(complete(tasks));
  await Promise.all(tasks.map(({ id }) => journal.seen(`RUNNING ${id}`)));
  t.log(`assigned to RUNNING, 50 tasks: ${(performance.now() - from).toFixed()} ms`);
  t.is(tasks.filter(({ id }) => bed.pids(id).length === 2).length, 50);
});
