import { readFileSync } from "node:fs";
import test from "ava";
import { makeTaskBed } from "./task-bed.js";

test("a task runs, its output is kept, its exit status is told", async (t) => {
  const bed = makeTaskBed(t);
  const task = bed.controller(["sh", "-c", "echo out; echo err >&2; exit 3"]);
  await task.prepare();
  const { pid } = await task.start(bed.sandbox);
  t.true(pid > 1);
  t.deepEqual(await task.wait(), { code: 3 });
  const { stdout, stderr } = bed.executor.outputPaths(task.id);
  t.is(readFileSync(stdout, "utf8"), "out\n");
  t.is(readFileSync(stderr, "utf8"), "err\n");
});
