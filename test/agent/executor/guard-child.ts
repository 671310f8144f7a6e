/**
 * Runs as an agent whose /etc is a copy of its own, mounted in a mount namespace of its own: see mount-guard.test.ts. Prints what a task's
 * resolv.conf says before and after the host replaces its file, without and with the guard.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { TaskSandbox } from "../../../src/agent/executor/executor.js";
import { ProcessExecutor } from "../../../src/agent/executor/process/process-executor.js";
import { processTask, until } from "./task-bed.js";

const order = JSON.parse(process.argv[2]!) as { stateDir: string; nodeId: string; sandbox: TaskSandbox };
const executor = new ProcessExecutor({ ...order, log: (line) => console.error(line) });
const task = executor.controller(processTask("one", ["sleep", "600"]));
await task.prepare();
const { pid } = await task.start(order.sandbox);

const seen = () => readFileSync(`/proc/${pid}/root/etc/resolv.conf`, "utf8").trim();
const replace = (text: string) => {
  writeFileSync("/etc/resolv.conf.new", `${text}\n`);
  renameSync("/etc/resolv.conf.new", "/etc/resolv.conf");
};
const result = [seen()];
replace("host 2");
result.push(seen());
executor.start();
await until(() => seen() === result[0]);
replace("host 3");
result.push(readFileSync("/etc/resolv.conf", "utf8").trim());
await until(() => seen() === result[0]);
await executor.purge("one");
await executor.stop();
console.log(JSON.stringify(result));
