/** Health checks from assignment to end, with real processes and real time. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { makeTaskBed, processTask, until } from "../executor/task-bed.js";
import { complete } from "./fakes.js";
import { startWorker } from "./process-worker.js";

const ms = (count: number) => ({ seconds: 0, nanos: count * 1_000_000 });

/** Healthy while the file is there. */
const checkedTask = (flag: string, more: object = {}): Task => ({
  ...processTask("one", ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"], {
    healthcheck: {
      test: ["CMD-SHELL", `cat ${flag}`],
      interval: ms(20),
      timeout: { seconds: 20, nanos: 0 },
      retries: 2,
      ...more,
    },
  }),
  desiredState: TaskState.RUNNING,
});

test("a task is put into rotation when it is healthy, out of it when it is not, and ends by its own signal", async (t) => {
  const bed = makeTaskBed(t);
  const { worker, journal, statuses } = await startWorker(t, bed);
  const flag = join(bed.stateDir, "flag");
  worker.apply(complete([checkedTask(flag, { startPeriod: { seconds: 60, nanos: 0 }, startInterval: ms(20) })]));
  await until(() => /^task: not healthy yet: .*No such file/.test(statuses.get("one")?.err ?? ""));
  t.false(journal.of("one").includes("activate"));
  writeFileSync(flag, "up\n");
  await journal.seen("RUNNING one");
  rmSync(flag);
  await journal.seen("FAILED one");
  const lived = journal.of("one");
  t.deepEqual(lived.slice(lived.indexOf("activate")), ["activate", "RUNNING", "drain", "withdraw", "FAILED"]);
  t.regex(statuses.get("one")!.err, /^task: unhealthy: 2 checks in a row failed, the last ended with 1: cat: .*flag/);
  t.is(statuses.get("one")!.runtimeStatus!.value.exitCode, 0);
  t.deepEqual(bed.pids("one"), []);
});

test("an agent that starts anew finds a running task, and sees it get unhealthy", async (t) => {
  const bed = makeTaskBed(t);
  const flag = join(bed.stateDir, "flag");
  writeFileSync(flag, "up\n");
  const first = await startWorker(t, bed);
  first.worker.apply(complete([checkedTask(flag)]));
  await first.journal.seen("RUNNING one");
  const [pid] = bed.pids("one");
  await first.stop();
  const second = await startWorker(t, bed);
  await until(() => second.worker.tasks().length === 1);
  t.is(second.worker.tasks()[0]?.status?.state, TaskState.RUNNING);
  t.is(bed.pids("one")[0], pid, "the same process");
  rmSync(flag);
  await second.journal.seen("FAILED one");
  t.regex(second.statuses.get("one")!.err, /^task: unhealthy: 2 checks in a row failed/);
});

test("a check that hangs is killed at its timeout, and the task fails by it", async (t) => {
  const bed = makeTaskBed(t);
  const { worker, journal, statuses } = await startWorker(t, bed);
  const hanging = { test: ["CMD-SHELL", "echo asked; sleep 611"], timeout: ms(100), retries: 2 };
  worker.apply(complete([checkedTask("", hanging)]));
  await journal.seen("FAILED one");
  // On a busy machine it may not have come to its first word.
  t.regex(
    statuses.get("one")!.err,
    /^task: unhealthy: 2 checks in a row failed, the last took longer than 100ms(: asked)?$/,
  );
  t.deepEqual(bed.pids("one"), []);
});
