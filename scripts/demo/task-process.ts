/** Where a task lives on this machine: its sandbox's namespace, and the process that runs its command. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** @returns the name in /run/netns of the task's sandbox. @throws Error when it has none */
export function sandboxOfTask(taskId: string): string {
  return findNamespace("sbx", taskId, `task ${taskId} has no sandbox on this machine`);
}

/** @returns the names in /run/netns of a network's namespaces, one per host that has a part in it */
export function namespacesOfNetwork(networkId: string): readonly string[] {
  return readdirSync("/run/netns").filter((name) => belongs(name, "net", networkId));
}

/** @returns the process of the task's command: the youngest generation in its sandbox. @throws Error when nothing runs there */
export function taskProcess(taskId: string): number {
  const sandbox = sandboxOfTask(taskId);
  const pids = execFileSync("ip", ["netns", "pids", sandbox], { encoding: "utf8" }).trim().split("\n").map(Number);
  const inside = pids.filter((pid) => innerPid(pid) === 1);
  const [init] = inside;
  if (init === undefined) throw new Error(`no process runs in the sandbox ${sandbox}`);
  return init;
}

function findNamespace(kind: string, id: string, otherwise: string): string {
  const name = readdirSync("/run/netns").find((candidate) => belongs(candidate, kind, id));
  if (!name) throw new Error(otherwise);
  return name;
}

/** Names are `tsw-<node>-<kind>-<id or its beginning>`. */
function belongs(name: string, kind: string, id: string): boolean {
  const [prefix, , itsKind, itsId] = name.split("-");
  return prefix === "tsw" && itsKind === kind && itsId !== undefined && id.startsWith(itsId);
}

/** The process's number in its own PID namespace. */
function innerPid(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(/^NSpid:\s+(.*)$/m)?.[1] ?? "";
  return Number(line.trim().split(/\s+/).at(-1));
}
