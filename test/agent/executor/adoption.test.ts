import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { Lifeline } from "../../../src/agent/executor/process/lifeline.js";
import { ProcessExecutor } from "../../../src/agent/executor/process/process-executor.js";
import { cgroupPids, makeTaskBed, processTask, runs, type TaskBed, until } from "./task-bed.js";

/** Starts tasks from another agent process and kills that. @returns the commands' pids */
async function startAndKillAgent(bed: TaskBed, commands: Readonly<Record<string, readonly string[]>>) {
  const order = {
    stateDir: bed.stateDir,
    nodeId: bed.nodeId,
    sandbox: bed.sandbox,
    tasks: Object.entries(commands).map(([id, command]) => ({ id, command })),
  };
  const program = fileURLToPath(new URL("agent-child.js", import.meta.url));
  const agent = spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(agent, "exit");
  const [line] = (await once(agent.stdout, "data")) as [Buffer];
  agent.kill("SIGKILL");
  await exit;
  return JSON.parse(String(line)) as readonly number[];
}

const up = (script: string) => ["sh", "-c", script];

test("tasks survive a killed agent and are adopted by the next one", async (t) => {
  const bed = makeTaskBed(t);
  const go = join(bed.stateDir, "go");
  const [pid] = await startAndKillAgent(bed, { one: up(`echo up; while ! [ -e ${go} ]; do sleep 0.01; done; exit 5`) });
  t.true(runs(pid!));
  const task = bed.executor.controller(processTask("one", ["unused"]));
  t.true(await task.isRunning());
  t.is((await task.start(bed.sandbox)).pid, pid!);
  const exit = task.wait();
  const touch = await bed.started(["touch", go]);
  await touch.wait();
  t.deepEqual(await exit, { code: 5 });
});

test("the end of a task that ended while no agent ran is told by the next one", async (t) => {
  const bed = makeTaskBed(t);
  await startAndKillAgent(bed, { one: up("exit 6") });
  // Its supervisor notes the end a moment after the task's own processes are gone, and who started that one a moment later.
  await until(() => cgroupPids(bed.nodeId, "one").length === 0 && !isAlive(supervisorOf(bed)));
  await Lifeline.attach(join(bed.stateDir, "tasks", "one", "lifeline"))?.ended;
  const task = bed.executor.controller(processTask("one", ["sh"]));
  t.false(await task.isRunning());
  t.is((await task.wait()).code, 6);
});

test("an adopted task is stopped with its grace, and removed", async (t) => {
  const bed = makeTaskBed(t);
  await startAndKillAgent(bed, {
    one: up("trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 600 & wait; done"),
  });
  await bed.said("one", "up");
  const task = bed.executor.controller(processTask("one", ["sh"]));
  await task.shutdown();
  t.is((await task.wait()).code, 4);
  t.is(bed.output("one").stdout, "up\nbye\n");
  await task.remove();
  t.deepEqual(await bed.executor.list(), []);
});

test("the adopting agent sees at once when the supervisor of an adopted task is killed", async (t) => {
  const bed = makeTaskBed(t);
  const [pid] = await startAndKillAgent(bed, { one: ["sleep", "600"] });
  const task = bed.executor.controller(processTask("one", ["sleep", "600"]));
  await task.start(bed.sandbox);
  process.kill(supervisorOf(bed), "SIGKILL");
  t.is((await task.wait()).code, 137);
  await until(() => !runs(pid!));
  t.false(runs(pid!));
});

test("a dead task whose supervisor's pid belongs to somebody else now is not taken for running, and nobody is hurt", async (t) => {
  const bed = makeTaskBed(t);
  const bystander = spawn("sleep", ["600"]);
  t.teardown(() => bystander.kill("SIGKILL"));
  const task = await bed.started(["sleep", "600"]);
  await task.terminate();
  const other = new ProcessExecutor({ ...bed, log: (line) => t.log(line) }).controller(processTask(task.id, ["sleep"]));
  const pidFile = join(bed.stateDir, "tasks", task.id, "pid");
  const [, startTicks] = readFileSync(pidFile, "utf8").trim().split(" ");
  writeFileSync(pidFile, `${bystander.pid} ${startTicks}\n`);
  t.false(await other.isRunning());
  await other.shutdown();
  await other.remove();
  t.true(runs(bystander.pid!));
  t.false(existsSync(pidFile));
});

test("an executor that starts finds the tasks of an earlier one, and purges those that nobody wants", async (t) => {
  const bed = makeTaskBed(t);
  const [one, two] = await startAndKillAgent(bed, { one: ["sleep", "600"], two: ["sleep", "600"] });
  t.deepEqual([...(await bed.executor.list())].sort(), ["one", "two"]);
  await bed.executor.purge("two");
  t.false(runs(two!));
  t.true(runs(one!));
});

function supervisorOf({ stateDir }: { readonly stateDir: string }): number {
  return Number(readFileSync(join(stateDir, "tasks", "one", "pid"), "utf8").split(" ")[0]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
