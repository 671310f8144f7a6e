/** The cgroups of one task in the kernel: made, limited, emptied, removed. */
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { TaskError } from "../executor.js";
import { type CgroupHierarchy, findHierarchies } from "./cgroup-hierarchies.js";
import { type CgroupPlan, outOfMemoryKills, PROBE_CGROUP } from "./cgroup-plan.js";
import type { TaskPlace } from "./task-place.js";

/** How long killed processes may take to go, one stuck in the kernel for example. */
const EMPTY_DEADLINE_MS = 10_000;
const LOOK_AGAIN_MS = 5;
const REMOVE_ATTEMPTS = 200;

export function readHierarchies(): readonly CgroupHierarchy[] {
  return findHierarchies(readFileSync("/proc/self/mountinfo", "utf8"), (mountPoint) =>
    readFileSync(join(mountPoint, "cgroup.controllers"), "utf8").split(/\s+/).filter(Boolean),
  );
}

/**
 * Makes the folders and writes the limits. Idempotent.
 * @throws TaskError fatal when a limit cannot be set
 */
export async function createCgroups(plan: CgroupPlan, label: string): Promise<void> {
  for (const { hierarchy, path, enable } of plan.folders) {
    await makeFolder(path);
    if (enable.length > 0) await enableControllers(hierarchy.mountPoint, path, enable, label);
  }
  if (plan.probes) await makeFolder(plan.probes);
  for (const { file, value, optional } of plan.writes) {
    try {
      await writeFile(file, value, { flag: "r+" });
    } catch (error) {
      if (optional && (error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw new TaskError(`${label}: cannot set the limit ${value} in ${file}: ${(error as Error).message}`, true);
    }
  }
}

/** A neighbour's removal may take the empty parent away between two steps of mkdir -p. */
async function makeFolder(path: string): Promise<void> {
  for (let attempt = 1; !existsSync(path); attempt++) {
    try {
      await mkdir(path, { recursive: true });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt >= 5) throw error;
    }
  }
}

/** Switches controllers on in each folder from the root of the hierarchy down to the parent of `path`. */
async function enableControllers(
  mountPoint: string,
  path: string,
  controllers: readonly string[],
  label: string,
): Promise<void> {
  const above: string[] = [];
  for (let folder = dirname(path); folder.length >= mountPoint.length; folder = dirname(folder)) above.unshift(folder);
  for (const folder of above) {
    const file = join(folder, "cgroup.subtree_control");
    const on = new Set((await readFile(file, "utf8")).split(/\s+/));
    const missing = controllers.filter((name) => !on.has(name));
    if (missing.length === 0) continue;
    const words = missing.map((name) => `+${name}`).join(" ");
    try {
      await writeFile(file, words, { flag: "r+" });
    } catch (error) {
      throw new TaskError(`${label}: cannot write "${words}" to ${file}: ${(error as Error).message}`, true);
    }
  }
}

/** How often the kernel killed a process of the task because its memory was used up. */
export function countOutOfMemoryKills(plan: CgroupPlan): number {
  if (!plan.outOfMemoryCounter) return 0;
  return outOfMemoryKills(readUnlessGone(plan.outOfMemoryCounter) ?? "");
}

/**
 * Kills whatever is in the folders until nothing is left.
 * @throws TaskError (not fatal) naming the processes that did not go
 */
export async function emptyCgroups(folders: readonly string[], label: string): Promise<void> {
  const deadline = performance.now() + EMPTY_DEADLINE_MS;
  for (let round = 0; ; round++) {
    const pids = processesIn(folders);
    if (pids.size === 0) return;
    if (performance.now() > deadline) {
      throw new TaskError(`${label}: processes ${[...pids].join(", ")} do not go although they were killed`, false);
    }
    // What has been told to go by its namespace's end goes by itself in the first rounds.
    if (round >= 2) await killAll(folders, pids);
    await pause(LOOK_AGAIN_MS);
  }
}

/** Freezing first keeps a process from forking faster than it is killed; a killed one goes when it is thawed. */
async function killAll(folders: readonly string[], pids: ReadonlySet<number>): Promise<void> {
  for (const folder of folders) await writeIfThere(join(folder, "cgroup.kill"), "1");
  for (const folder of folders) await writeIfThere(join(folder, "freezer.state"), "FROZEN");
  for (const pid of new Set([...pids, ...processesIn(folders)])) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  for (const folder of folders) await writeIfThere(join(folder, "freezer.state"), "THAWED");
}

/** Removes the empty folders, and those above them that are the executor's own when nothing else is in them. */
export async function removeCgroups(
  hierarchies: readonly CgroupHierarchy[],
  { cgroup, keptAbove }: TaskPlace,
  label: string,
): Promise<void> {
  for (const { mountPoint } of hierarchies) {
    const probes = join(mountPoint, cgroup, PROBE_CGROUP);
    if (existsSync(probes)) await removeIfEmpty(probes);
    await removeFolder(join(mountPoint, cgroup), label);
    let parent = dirname(cgroup);
    while (parent !== keptAbove && (await removeIfEmpty(join(mountPoint, parent)))) parent = dirname(parent);
  }
}

/** The kernel says EBUSY for a moment after the last process has gone. */
async function removeFolder(path: string, label: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    if (await removeIfEmpty(path)) return;
    if (attempt >= REMOVE_ATTEMPTS) throw new TaskError(`${label}: ${path} stays busy although it is empty`, false);
    await pause(LOOK_AGAIN_MS);
  }
}

async function removeIfEmpty(path: string): Promise<boolean> {
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return true;
    if (code === "EBUSY" || code === "ENOTEMPTY") return false;
    throw error;
  }
}

function processesIn(folders: readonly string[]): ReadonlySet<number> {
  const lists = folders.map((folder) => readUnlessGone(join(folder, "cgroup.procs")) ?? "");
  const pids = lists.flatMap((list) => list.split("\n").filter(Boolean).map(Number));
  // 0 stands for a process outside the agent's own PID namespace: it cannot be named, and kill(0) means something else.
  return new Set(pids.filter((pid) => pid > 0));
}

/** The kernel's own words, in memory: at once, since to go through another thread costs many times as much. */
function readUnlessGone(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENODEV") return undefined;
    throw error;
  }
}

async function writeIfThere(file: string, value: string): Promise<void> {
  try {
    await writeFile(file, value, { flag: "r+" });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOENT" && code !== "ENODEV") throw error;
  }
}
