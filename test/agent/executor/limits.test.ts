import { readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { readHierarchies } from "../../../src/agent/executor/process/task-cgroup.js";
import { cgroupFolders, makeTaskBed, type TaskBed } from "./task-bed.js";

const hierarchies = readHierarchies();
const MIB = 2 ** 20;

/** The limit file of a task on whichever version has the controller. */
function limitFile(bed: TaskBed, taskId: string, controller: string, v1: string, v2: string): string {
  const hierarchy = hierarchies.find(({ controllers }) => controllers.has(controller));
  if (!hierarchy) throw new Error(`this kernel has no cgroup controller ${controller}`);
  const name = hierarchy.version === 2 ? v2 : v1;
  const folder = cgroupFolders(bed.nodeId, taskId).find((path) => path.startsWith(`${hierarchy.mountPoint}/`));
  return readFileSync(join(folder!, name), "utf8").trim();
}

test("limits are in the kernel while the task runs, and every process of it is under them", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(
    ["sleep", "600"],
    { pidsLimit: 20 },
    { limits: { nanoCpus: 0.5e9, memoryBytes: 64 * MIB } },
  );
  t.is(limitFile(bed, task.id, "memory", "memory.limit_in_bytes", "memory.max"), String(64 * MIB));
  t.is(limitFile(bed, task.id, "pids", "pids.max", "pids.max"), "21");
  t.regex(limitFile(bed, task.id, "cpu", "cpu.cfs_quota_us", "cpu.max"), /^50000( 100000)?$/);
  const folders = cgroupFolders(bed.nodeId, task.id);
  t.is(folders.length, hierarchies.length);
  for (const folder of folders) {
    t.is(readFileSync(join(folder, "cgroup.procs"), "utf8").trim().split("\n").length, 2, folder);
  }
});

test("a task that uses up its memory is killed, and says why", async (t) => {
  const bed = makeTaskBed(t);
  const { exit } = await bed.shell("exec tail /dev/zero", {}, { limits: { memoryBytes: 24 * MIB }, swapBytes: 0 });
  t.deepEqual(exit, { code: 137, signal: "SIGKILL", message: "out of memory: killed at 24 MiB" });
});

test("a worker that uses up the memory shows in the command's failure, not in its success", async (t) => {
  const bed = makeTaskBed(t);
  const limits = { limits: { memoryBytes: 24 * MIB }, swapBytes: 0 };
  const failed = await bed.shell("tail /dev/zero; exit 9", {}, limits);
  t.deepEqual(failed.exit, { code: 9, message: "out of memory: a process of it was killed at 24 MiB" });
  t.deepEqual((await bed.shell("tail /dev/zero; exit 0", {}, limits)).exit, { code: 0 });
});

test("the limit on processes counts the task's own only", async (t) => {
  const bed = makeTaskBed(t);
  const script = "sleep 600 & sleep 600 & echo two; (sleep 600 & echo three) 2>/dev/null; sleep 600 & echo four";
  const { stdout, exit } = await bed.shell(script, { pidsLimit: 3 });
  t.true(stdout.startsWith("two\n"));
  t.false(stdout.includes("four"));
  t.not(exit.code, 0);
  t.is((await bed.shell("echo alone", { pidsLimit: 1 })).stdout, "alone\n");
});

test("cgroups that somebody removed before the start are made again, limits included", async (t) => {
  const bed = makeTaskBed(t);
  const task = bed.controller(["sleep", "600"], { pidsLimit: 20 });
  await task.prepare();
  for (const folder of cgroupFolders(bed.nodeId, task.id)) rmdirSync(folder);
  await task.start(bed.sandbox);
  t.is(limitFile(bed, task.id, "pids", "pids.max", "pids.max"), "21");
});

test("a fork bomb is stopped by the limit and removed with the task", async (t) => {
  const bed = makeTaskBed(t);
  const task = await bed.started(["sh", "-c", "b() { b & b; }; b 2>/dev/null"], { pidsLimit: 50 });
  await task.remove();
  t.deepEqual(bed.pids(task.id), []);
});
