import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { openRunFolder, removeRunFolder, runFolder } from "../../src/daemon/run-folder.js";

const TMPFS_MAGIC = 0x01021994;

function newNode(t: ExecutionContext): string {
  const nodeId = randomBytes(8).toString("hex");
  t.teardown(() => removeRunFolder(nodeId));
  return nodeId;
}

test("a node's run folder is in memory, is found again, and goes with all that is in it", (t) => {
  const nodeId = newNode(t);
  const folder = openRunFolder(nodeId, t.log);
  t.is(statfsSync(folder).type, TMPFS_MAGIC);
  const file = join(folder, "tasks", "one");
  mkdirSync(join(folder, "tasks"));
  writeFileSync(file, "1");
  t.is(openRunFolder(nodeId, t.log), folder);
  t.is(readFileSync(file, "utf8"), "1");
  removeRunFolder(nodeId);
  t.false(existsSync(folder));
  removeRunFolder(nodeId);
});

test("what an earlier agent left for its tasks is not hidden", (t) => {
  const nodeId = newNode(t);
  const tasks = join(runFolder(nodeId), "tasks", "one");
  mkdirSync(tasks, { recursive: true });
  writeFileSync(join(tasks, "pid"), "1 2\n");
  openRunFolder(nodeId, t.log);
  t.is(readFileSync(join(tasks, "pid"), "utf8"), "1 2\n");
});
