/** Health checks of real processes. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { ProcessExecutor } from "../../../src/agent/executor/process/process-executor.js";
import { cgroupFolders, makeTaskBed, processTask, runs, until } from "./task-bed.js";

const never = () => new AbortController().signal;
const shellCheck = (line: string) => ({ healthcheck: { test: ["CMD-SHELL", line] } });

test("a check has the task's user, environment, folder, namespaces and cgroup", async (t) => {
  const bed = makeTaskBed(t);
  const script =
    "id -u; id -g; id -G; pwd; echo $COLOUR; hostname; readlink /proc/self/ns/net; grep -h CapBnd /proc/self/status";
  const spec = { user: "nobody", env: ["COLOUR=a 'b'\nc"], dir: "/tmp", ...shellCheck(script) };
  const task = await bed.started(["sh", "-c", `{ ${script}; }; exec sleep 600`], spec);
  const health = task.health!()!;
  t.teardown(() => health.close());
  const { status, output } = await health.check(never());
  t.is(status, 0);
  await bed.said(task.id, "CapBnd");
  t.is(output, bed.output(task.id).stdout);
});

test("a check's exit status and both its outputs are told; what it does not know of is an error", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sleep", "600"], shellCheck("echo out; echo err >&2; exit 9"));
  const health = task.health!()!;
  t.teardown(() => health.close());
  t.deepEqual(await health.check(never()), { status: 9, output: "out\nerr\n" });
  const other = await bed.started(["sleep", "600"], { healthcheck: { test: ["CMD", "/no/such/program"] } });
  const missing = other.health!()!;
  t.teardown(() => missing.close());
  const result = await missing.check(never());
  t.is(result.status, 127);
  t.regex(result.output, /not found/);
});

test("checks leave the task's own descriptors and standard input alone", async (t) => {
  const bed = makeTaskBed(t);
  const list = "ls -l /proc/self/fd | grep -c probe; cat; echo end";
  const task = await bed.started(["sh", "-c", `${list}; exec sleep 600`], shellCheck(list));
  const health = task.health!()!;
  t.teardown(() => health.close());
  await bed.said(task.id, "end");
  t.is(bed.output(task.id).stdout, "0\nend\n");
  // What ls writes goes to grep; its errors, and nothing else, go the way of the check's output.
  t.is((await health.check(never())).output, "1\nend\n");
});

test("a check that is broken off is killed with all that it started, also what left its session", async (t) => {
  const bed = makeTaskBed(t);
  const line = "echo begun; setsid sh -c 'trap : TERM; sleep 601' & sleep 602 & sleep 603";
  const task = await bed.started(["sleep", "600"], shellCheck(line));
  const health = task.health!()!;
  t.teardown(() => health.close());
  const before = new Set(bed.pids(task.id));
  const over = new AbortController();
  const result = health.check(over.signal);
  await until(() => bed.pids(task.id).filter((pid) => readCommand(pid).startsWith("sleep 60")).length === 4);
  over.abort();
  t.deepEqual(await result, { status: undefined, output: "begun\n" });
  t.deepEqual(
    bed.pids(task.id).filter((pid) => !before.has(pid) && runs(pid)),
    [],
  );
  t.true(await task.isRunning());
  t.is((await health.check(AbortSignal.timeout(200))).status, undefined);
});

test("what a check leaves behind is killed when it has ended", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sleep", "600"], shellCheck("sleep 604 & echo $!"));
  const health = task.health!()!;
  t.teardown(() => health.close());
  for (let round = 0; round < 3; round++) t.is((await health.check(never())).status, 0);
  t.deepEqual(
    bed.pids(task.id).filter((pid) => readCommand(pid).startsWith("sleep 604")),
    [],
  );
});

test("a check that writes without end is read, and only the first of it is kept", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sleep", "600"], shellCheck("head -c 3000000 /dev/zero | tr '\\0' x; exit 3"));
  const health = task.health!()!;
  t.teardown(() => health.close());
  t.deepEqual(await health.check(never()), { status: 3, output: "x".repeat(4096) });
  t.is((await health.check(never())).status, 3);
});

test("what a check writes cannot be taken for its end", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sleep", "600"], shellCheck("printf '\\000abc)0\\n\\000)0\\n'; exit 5"));
  const health = task.health!()!;
  t.teardown(() => health.close());
  t.deepEqual(await health.check(never()), { status: 5, output: "\0abc)0\n\0)0\n" });
});

test("another agent goes on with the checks, and ends what the first one had begun", async (t) => {
  const bed = makeTaskBed(t);
  const flag = join(bed.stateDir, "flag");
  const line = `echo $(cat ${flag}); [ -s ${flag} ] || sleep 605`;
  writeFileSync(flag, "");
  const task = await bed.started(["sleep", "600"], shellCheck(line));
  const first = task.health!()!;
  const lost = first.check(never());
  await until(() => bed.pids(task.id).some((pid) => readCommand(pid).startsWith("sleep 605")));
  writeFileSync(flag, "second");
  const other = new ProcessExecutor({ stateDir: bed.stateDir, nodeId: bed.nodeId, log: (text) => t.log(text) });
  t.teardown(() => other.stop());
  const second = other.controller(processTask(task.id, ["sleep", "600"], shellCheck(line))).health!()!;
  t.teardown(() => second.close());
  first.close();
  t.deepEqual(await second.check(never()), { status: 0, output: "second\n" });
  void lost;
});

test("a task's checks end with it, and nothing of them is left", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sleep", "600"], shellCheck("sleep 606"));
  const health = task.health!()!;
  const over = new AbortController();
  const result = health.check(over.signal);
  await until(() => bed.pids(task.id).some((pid) => readCommand(pid).startsWith("sleep 606")));
  await task.shutdown();
  over.abort();
  t.is((await result).status, undefined);
  health.close();
  const cgroups = cgroupFolders(bed.nodeId, task.id);
  t.true(cgroups.length > 0);
  await task.remove();
  t.deepEqual(cgroups.filter(existsSync), []);
  t.false(existsSync(join(bed.stateDir, "tasks", task.id)));
});

test("a limit on processes leaves the task what it was given", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sh", "-c", "sleep 607 & echo $!; wait"], { pidsLimit: 3, ...shellCheck("exit 0") });
  const health = task.health!()!;
  t.teardown(() => health.close());
  await until(() => bed.pids(task.id).some((pid) => readCommand(pid).startsWith("sleep 607")));
  t.is((await health.check(never())).status, 0);
});

test("a task without a check has none; one that cannot be is refused", (t) => {
  const bed = makeTaskBed(t);
  t.is(bed.controller(["true"]).health!(), undefined);
  t.is(bed.controller(["true"], { healthcheck: { test: ["NONE"] } }).health!(), undefined);
  t.throws(() => bed.controller(["true"], { healthcheck: { test: ["RUN", "x"] } }), {
    message: /web\.1: a health check begins with CMD, CMD-SHELL or NONE, not RUN/,
  });
});

function readCommand(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
