import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { TaskError } from "../../../src/agent/executor/executor.js";
import { Worker } from "../../../src/agent/worker/worker.js";
import type { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState, type TaskStatus } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import {
  assignedTask,
  complete,
  FakeClock,
  FakeExecutor,
  FakeNetwork,
  type Faults,
  incremental,
  Journal,
  stateName,
} from "./fakes.js";

interface Bed {
  readonly worker: Worker;
  readonly journal: Journal;
  readonly network: FakeNetwork;
  readonly executor: FakeExecutor;
  readonly clock: FakeClock;
  readonly stateDir: string;
  readonly statuses: Map<string, TaskStatus>;
  /** The agent starts anew on the same disk and with the same executor. */
  again(networkFaults?: Faults): Promise<Bed>;
}

async function makeBed(t: ExecutionContext, before?: Bed, startsAtOnce?: number, faults: Faults = {}): Promise<Bed> {
  const stateDir = before?.stateDir ?? mkdtempSync(join(tmpdir(), "tswarm-worker-"));
  const journal = new Journal();
  const network = new FakeNetwork(journal, faults);
  const executor = new FakeExecutor(journal);
  if (before) {
    for (const id of before.executor.running.keys()) executor.begin(id);
    for (const id of before.executor.traces) executor.traces.add(id);
  }
  const clock = new FakeClock();
  const statuses = new Map<string, TaskStatus>();
  const worker = new Worker({
    stateDir,
    executors: [executor],
    network,
    clock,
    random: () => 0.5,
    startsAtOnce,
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
  const bed: Bed = {
    worker,
    journal,
    network,
    executor,
    clock,
    stateDir,
    statuses,
    async again(networkFaults) {
      await worker.stop();
      return await makeBed(t, bed, undefined, networkFaults);
    },
  };
  return bed;
}

/** Resolves when something waits for time to pass. */
async function paused({ clock }: Bed): Promise<void> {
  while (clock.pauses.length === 0) await new Promise((resolve) => setImmediate(resolve));
}

const wanting = (task: Task, desiredState: TaskState): Task => ({ ...task, desiredState });

test("a task comes up step by step, and is told to run only when it is in rotation", async (t) => {
  const { worker, journal, statuses } = await makeBed(t);
  worker.apply(complete([assignedTask("one")]));
  await journal.seen("RUNNING one");
  t.deepEqual(journal.of("one"), [
    "ACCEPTED",
    "PREPARING",
    "prepare",
    "READY",
    "STARTING",
    "connect",
    "start",
    "activate",
    "RUNNING",
  ]);
  t.deepEqual(statuses.get("one")!.runtimeStatus, {
    $case: "container",
    value: { containerId: "", pid: 42, exitCode: 0 },
  });
  t.is(statuses.get("one")!.message, "started");
});

test("a task that is to stop leaves the rotation first, and its sandbox goes last", async (t) => {
  const { worker, journal } = await makeBed(t);
  const task = assignedTask("one");
  worker.apply(complete([task]));
  await journal.seen("RUNNING one");
  worker.apply(incremental("1", "2", [wanting(task, TaskState.SHUTDOWN)]));
  await journal.seen("SHUTDOWN one");
  t.deepEqual(journal.of("one").slice(9), ["drain", "shutdown", "withdraw", "release", "SHUTDOWN"]);
});

test("a task that ends by itself is withdrawn before its end is told, and its sandbox stays a while", async (t) => {
  const bed = await makeBed(t);
  const { worker, journal, executor, clock, statuses } = bed;
  const task = assignedTask("one");
  worker.apply(complete([task]));
  await journal.seen("RUNNING one");
  executor.running.get("one")!.end({ code: 3, message: "out of memory: killed" });
  await journal.seen("FAILED one");
  t.deepEqual(journal.of("one").slice(9), ["withdraw", "FAILED"]);
  t.is(statuses.get("one")!.err, "task: non-zero exit (3): out of memory: killed");
  t.deepEqual(statuses.get("one")!.runtimeStatus?.value, { containerId: "", pid: 42, exitCode: 3 });
  worker.apply(incremental("1", "2", [wanting(task, TaskState.SHUTDOWN)]));
  await paused(bed);
  t.is(clock.pauses[0]!.durationMs, 3000);
  t.deepEqual(journal.of("one").slice(9), ["withdraw", "FAILED"]);
  clock.advance(3000);
  await journal.seen("release one");
  t.is(journal.of("one").at(-1), "release");
});

test("status 0 is COMPLETE", async (t) => {
  const { worker, journal, executor, statuses } = await makeBed(t);
  worker.apply(complete([assignedTask("one")]));
  await journal.seen("RUNNING one");
  executor.running.get("one")!.end({ code: 0 });
  await journal.seen("COMPLETE one");
  t.is(statuses.get("one")!.message, "finished");
  t.is(statuses.get("one")!.err, "");
});

test("a task that is taken back is stopped and removed, and nothing of it stays on disk", async (t) => {
  const { worker, journal, stateDir } = await makeBed(t);
  const task = assignedTask("one");
  worker.apply(complete([task]));
  await journal.seen("RUNNING one");
  worker.apply(incremental("1", "2", [], [task]));
  await journal.seen("remove one");
  t.deepEqual(journal.of("one").slice(9), ["drain", "shutdown", "withdraw", "release", "remove"]);
  while (readdirSync(join(stateDir, "worker")).length > 0) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(worker.tasks(), []);
});

test("a task that a complete message does not name any more is taken back", async (t) => {
  const { worker, journal } = await makeBed(t);
  worker.apply(complete([assignedTask("one"), assignedTask("two")]));
  await journal.seen("RUNNING one");
  worker.apply(complete([assignedTask("two")], "9"));
  await journal.seen("remove one");
  t.deepEqual(
    worker.tasks().map(({ id }) => id),
    ["two"],
  );
});

test("a task that waits in READY starts when it is told to, and touches the network only then", async (t) => {
  const { worker, journal } = await makeBed(t);
  const task = wanting(assignedTask("one"), TaskState.READY);
  worker.apply(complete([task]));
  await journal.seen("READY one");
  t.is(journal.of("one").at(-1), "READY");
  worker.apply(incremental("1", "2", [wanting(task, TaskState.RUNNING)]));
  await journal.seen("RUNNING one");
  t.true(journal.of("one").includes("connect"));
});

test("a fatal error rejects before the start and fails from the start on; others are tried again", async (t) => {
  const { worker, journal, executor, network, statuses, clock } = await makeBed(t);
  executor.faults.prepare = [new TaskError("web.1: no", true)];
  worker.apply(complete([assignedTask("one")]));
  await journal.seen("REJECTED one");
  t.is(statuses.get("one")!.err, "web.1: no");
  executor.faults.start = [new TaskError("web.1: never", true)];
  worker.apply(incremental("1", "2", [assignedTask("two")]));
  await journal.seen("FAILED two");
  t.deepEqual(journal.of("two").slice(-3), ["start", "withdraw", "FAILED"]);
  network.faults.connect = [new TaskError("no address yet", false), new Error("odd")];
  worker.apply(incremental("2", "3", [assignedTask("three")]));
  await journal.seen("STARTING three", 2);
  t.is(statuses.get("three")!.err, "no address yet");
  clock.advance(100);
  await journal.seen("STARTING three", 3);
  t.is(statuses.get("three")!.err, "odd");
  clock.advance(200);
  await journal.seen("RUNNING three");
  t.is(statuses.get("three")!.err, "");
});

test("a pause between tries ends at once when the task is taken back", async (t) => {
  const { worker, journal, network } = await makeBed(t);
  network.faults.connect = [new TaskError("no address yet", false)];
  const task = assignedTask("one");
  worker.apply(complete([task]));
  await journal.seen("STARTING one", 2);
  worker.apply(incremental("1", "2", [], [task]));
  await journal.seen("remove one");
  t.deepEqual(journal.of("one").slice(-4), ["shutdown", "withdraw", "release", "remove"]);
});

test("a task of a runtime that this node has not is rejected by name", async (t) => {
  const { worker, journal, statuses } = await makeBed(t);
  worker.apply(complete([assignedTask("one", { spec: { runtime: { $case: "container", value: { image: "x" } } } })]));
  await journal.seen("REJECTED one");
  t.is(statuses.get("one")!.err, "web.1: this node cannot run tasks of runtime container (it has: process)");
  t.is(statuses.get("one")!.message, "resolving controller failed");
});

test("the agent goes on after a restart with no manager in reach: what runs is adopted and left alone", async (t) => {
  const first = await makeBed(t);
  first.worker.apply(complete([assignedTask("one")]));
  await first.journal.seen("RUNNING one");
  const second = await first.again();
  await second.journal.seen("activate one");
  t.deepEqual(second.journal.of("one"), ["connect", "activate"]);
  t.is(second.worker.statuses().get("one")!.state, TaskState.RUNNING);
  second.executor.running.get("one")!.end({ code: 2 });
  await second.journal.seen("FAILED one");
});

test("a task that ended while no agent ran is told, and never put into rotation again", async (t) => {
  const first = await makeBed(t);
  first.worker.apply(complete([assignedTask("one")]));
  await first.journal.seen("RUNNING one");
  await first.worker.stop();
  first.executor.running.get("one")!.end({ code: 0 });
  const second = await first.again();
  await second.journal.seen("FAILED one");
  t.deepEqual(second.journal.of("one"), ["withdraw", "FAILED"]);
});

test("the network of an adopted task is tried until it works", async (t) => {
  const first = await makeBed(t);
  first.worker.apply(complete([assignedTask("one")]));
  await first.journal.seen("RUNNING one");
  const second = await first.again({ connect: [new Error("no bridge")], activate: [new Error("no rows")] });
  await paused(second);
  second.clock.advance(100);
  await second.journal.seen("activate one");
  await paused(second);
  second.clock.advance(200);
  await second.journal.seen("activate one", 2);
  t.deepEqual(second.journal.of("one"), ["connect", "connect", "activate", "connect", "activate"]);
  t.is(second.worker.statuses().get("one")!.state, TaskState.RUNNING);
});

test("an adopted task that ends while its network is not up yet stays out of rotation", async (t) => {
  const first = await makeBed(t);
  first.worker.apply(complete([assignedTask("one")]));
  await first.journal.seen("RUNNING one");
  const second = await first.again({ connect: [new Error("no bridge")] });
  await paused(second);
  second.executor.running.get("one")!.end({ code: 2 });
  await second.journal.seen("FAILED one");
  second.clock.advance(100);
  await second.journal.seen("withdraw one", 2);
  t.false(second.journal.of("one").includes("activate"));
});

test("traces of tasks that nobody knows are removed at the start", async (t) => {
  const first = await makeBed(t);
  first.executor.traces.add("stray");
  const second = await first.again();
  await second.journal.seen("purge stray");
  t.deepEqual(await second.executor.list(), []);
});

test("a state file that holds no task is removed, the others count", async (t) => {
  const first = await makeBed(t);
  first.worker.apply(complete([assignedTask("one")]));
  await first.journal.seen("RUNNING one");
  await first.worker.stop();
  const folder = join(first.stateDir, "worker");
  writeFileSync(join(folder, "two.task"), "\xff\xff\xff rubbish");
  writeFileSync(join(folder, "one.task.new"), "half");
  const second = await first.again();
  t.deepEqual(
    second.worker.tasks().map(({ id }) => id),
    ["one"],
  );
  await second.worker.stop();
  t.deepEqual(readdirSync(folder), ["one.task"]);
});

test("a message that does not follow the one before asks for all, and changes nothing", async (t) => {
  const { worker, journal } = await makeBed(t);
  const task = assignedTask("one");
  t.is(worker.apply(incremental("0", "1", [task])), "resync");
  t.is(worker.apply(complete([task], "5")), "applied");
  await journal.seen("RUNNING one");
  t.is(worker.apply(incremental("6", "7", [], [task])), "resync");
  t.is(worker.apply(incremental("5", "6", [], [task])), "resync", "the chain is broken until a complete message");
  t.deepEqual(
    worker.tasks().map(({ id }) => id),
    ["one"],
  );
  t.is(worker.apply(complete([task], "8")), "applied");
  t.is(worker.apply(incremental("8", "9", [wanting(task, TaskState.SHUTDOWN)])), "applied");
  await journal.seen("SHUTDOWN one");
});

test("no more than so many tasks start at once", async (t) => {
  const { worker, journal, executor } = await makeBed(t, undefined, 4);
  const tasks = Array.from({ length: 30 }, (_, index) => assignedTask(`t${index}`));
  worker.apply(complete(tasks));
  await Promise.all(tasks.map(({ id }) => journal.seen(`RUNNING ${id}`)));
  t.is(executor.mostStarting, 4);
});

test("a task that cannot be drained or whose sandbox cannot be removed is stopped all the same", async (t) => {
  const { worker, journal, network, clock } = await makeBed(t);
  const task = assignedTask("one");
  worker.apply(complete([task]));
  await journal.seen("RUNNING one");
  network.faults.drain = [new Error("nobody answers")];
  network.faults.release = [new Error("busy")];
  worker.apply(incremental("1", "2", [wanting(task, TaskState.SHUTDOWN)]));
  await journal.seen("SHUTDOWN one");
  await journal.seen("release one", 2);
  t.is(clock.pauses.length, 0);
});

test("a task that was taken back and is given again lives anew when the old traces are gone", async (t) => {
  const { worker, journal } = await makeBed(t);
  const task = assignedTask("one");
  worker.apply(complete([task]));
  await journal.seen("RUNNING one");
  worker.apply(incremental("1", "2", [], [task]));
  worker.apply(incremental("2", "3", [task]));
  await journal.seen("RUNNING one", 2);
  const lines = journal.of("one");
  t.true(lines.indexOf("remove") < lines.lastIndexOf("ACCEPTED"));
});

test("whoever stops the worker lets the tasks run on", async (t) => {
  const { worker, journal, executor } = await makeBed(t);
  worker.apply(complete([assignedTask("one")]));
  await journal.seen("RUNNING one");
  await worker.stop();
  t.deepEqual(journal.of("one").slice(9), ["detach"]);
  t.true(executor.running.has("one"));
});
