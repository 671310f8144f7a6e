/** What a health check makes of a task's life. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { CheckResult } from "../../../src/agent/health/health-text.js";
import { Worker } from "../../../src/agent/worker/worker.js";
import { TaskState, type TaskStatus } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import {
  assignedTask,
  complete,
  FakeClock,
  FakeExecutor,
  FakeNetwork,
  incremental,
  Journal,
  stateName,
} from "./fakes.js";

const times = { intervalMs: 1000, timeoutMs: 1000, retries: 2, startPeriodMs: 0, startIntervalMs: 1000 };

async function makeBed(t: ExecutionContext, stateDir = mkdtempSync(join(tmpdir(), "tswarm-health-")), running = false) {
  const journal = new Journal();
  const executor = new FakeExecutor(journal);
  if (running) executor.begin("one");
  const clock = new FakeClock();
  const statuses = new Map<string, TaskStatus>();
  /** What the checks that are under way wait for. */
  const checks: ((result: CheckResult) => void)[] = [];
  executor.health = ({ id }) => ({
    times,
    runsForMs: () => 0,
    check: (over) =>
      new Promise((resolve) => {
        journal.write(`check ${id}`);
        checks.push(resolve);
        over.addEventListener("abort", () => resolve({ status: undefined, output: "" }), { once: true });
      }),
    close: () => journal.write(`close ${id}`),
  });
  const worker = new Worker({
    stateDir,
    executors: [executor],
    network: new FakeNetwork(journal),
    clock,
    random: () => 0.5,
    startsAtOnce: 1,
    report: (taskId, status) => {
      statuses.set(taskId, status);
      journal.write(`${stateName(status)} ${taskId}`);
    },
    log: (line) => t.log(line),
  });
  await worker.start();
  t.teardown(async () => {
    await worker.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });
  /** Lets the next check come, and end so. */
  const check = async (status: number, output = "") => {
    while (checks.length === 0) {
      clock.pauses.shift()?.end();
      await new Promise((resolve) => setImmediate(resolve));
    }
    checks.shift()!({ status, output });
  };
  return { worker, journal, executor, statuses, check, stateDir };
}

const COMING_UP = ["ACCEPTED", "PREPARING", "prepare", "READY", "STARTING", "connect", "start"];

test("a task gets traffic, and counts as running, only when it is healthy", async (t) => {
  const { worker, journal, check } = await makeBed(t);
  worker.apply(complete([assignedTask("one")]));
  await check(1);
  await check(0);
  await journal.seen("RUNNING one");
  t.deepEqual(journal.of("one"), [...COMING_UP, "check", "STARTING", "check", "activate", "RUNNING"]);
});

test("a task that never gets healthy is stopped and has failed, with the reason; it never was in rotation", async (t) => {
  const { worker, journal, check, statuses } = await makeBed(t);
  worker.apply(complete([assignedTask("one")]));
  await check(1, "not yet");
  await check(4, "connection refused");
  await journal.seen("FAILED one");
  t.deepEqual(journal.of("one"), [
    ...COMING_UP,
    "check",
    "STARTING",
    "check",
    "close",
    "shutdown",
    "withdraw",
    "FAILED",
  ]);
  t.is(
    statuses.get("one")!.err,
    "task: unhealthy: 2 checks in a row failed, the last ended with 4: connection refused",
  );
});

test("a running task that gets unhealthy is taken out of rotation, stopped, and has failed", async (t) => {
  const { worker, journal, check, statuses } = await makeBed(t);
  worker.apply(complete([assignedTask("one")]));
  await check(0);
  await check(1);
  await check(0);
  await check(1);
  await check(1);
  await journal.seen("FAILED one");
  const after = journal.of("one").slice(COMING_UP.length);
  t.deepEqual(
    after.filter((line) => line !== "check" && line !== "close"),
    ["activate", "RUNNING", "drain", "shutdown", "withdraw", "FAILED"],
  );
  t.regex(statuses.get("one")!.err, /^task: unhealthy: 2 checks in a row failed/);
  t.is(statuses.get("one")!.runtimeStatus!.value.exitCode, 143);
});

test("while a task is not healthy it says why; once it is, no more", async (t) => {
  const { worker, journal, check, statuses } = await makeBed(t);
  worker.apply(complete([assignedTask("one")]));
  await check(1, "warming up");
  await journal.seen("STARTING one", 2);
  t.is(statuses.get("one")!.err, "task: not healthy yet: the last check ended with 1: warming up");
  await check(0);
  await journal.seen("RUNNING one");
  t.is(statuses.get("one")!.err, "");
});

test("a task that ends before it is healthy has failed as it ended", async (t) => {
  const { worker, journal, executor, statuses } = await makeBed(t);
  worker.apply(complete([assignedTask("one")]));
  await journal.seen("start one");
  while (!executor.running.has("one")) await new Promise((resolve) => setImmediate(resolve));
  executor.running.get("one")!.end({ code: 7 });
  await journal.seen("FAILED one");
  t.is(statuses.get("one")!.err, "task: non-zero exit (7)");
  t.false(journal.of("one").includes("activate"));
});

test("a task that waits for its health can be stopped, and keeps no other from starting", async (t) => {
  const { worker, journal } = await makeBed(t);
  const one = assignedTask("one");
  worker.apply(complete([one, assignedTask("two", { slot: 2 })]));
  await Promise.all([journal.seen("start one"), journal.seen("start two")]);
  worker.apply(incremental("1", "2", [{ ...one, desiredState: TaskState.SHUTDOWN }]));
  await journal.seen("SHUTDOWN one");
  t.false(journal.of("one").includes("RUNNING"));
  t.true(journal.of("one").includes("close"));
});

test("an agent that starts anew goes on checking a running task, which is healthy until checks say otherwise", async (t) => {
  const first = await makeBed(t);
  first.worker.apply(complete([assignedTask("one")]));
  await first.check(0);
  await first.journal.seen("RUNNING one");
  await first.worker.stop();
  const { journal, check } = await makeBed(t, first.stateDir, true);
  await check(1);
  await check(1);
  await journal.seen("FAILED one");
  t.false(journal.of("one").includes("start"));
});

test("an agent that starts anew while a task waits for its health waits on, without a second start", async (t) => {
  const first = await makeBed(t);
  first.worker.apply(complete([assignedTask("one")]));
  await first.journal.seen("start one");
  await first.worker.stop();
  const { journal, check } = await makeBed(t, first.stateDir, true);
  await check(0);
  await journal.seen("RUNNING one");
  t.deepEqual(journal.of("one"), ["connect", "start", "check", "activate", "RUNNING"]);
});
