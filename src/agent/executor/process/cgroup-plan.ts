/** What a task's cgroups are to look like: folders, limits, and the files through which its processes join. Pure. */
import { join } from "node:path";
import { type CgroupHierarchy, TASK_CONTROLLERS, type TaskController } from "./cgroup-hierarchies.js";
import type { ResourceLimits } from "./process-task.js";

export interface CgroupFolder {
  readonly hierarchy: CgroupHierarchy;
  readonly path: string;
  /** Version 2: the controllers that must be on in every folder above. */
  readonly enable: readonly TaskController[];
}

export interface CgroupPlan {
  readonly folders: readonly CgroupFolder[];
  readonly writes: readonly { readonly file: string; readonly value: string; readonly optional: boolean }[];
  /** Joined by the task's first process before it sets up the sandbox. */
  readonly joinFirst: readonly string[];
  /** Joined once the sandbox stands, because what sets it up must not count against the limit on processes. */
  readonly joinLast: readonly string[];
  /** Where the kernel counts out-of-memory kills. */
  readonly outOfMemoryCounter?: string;
  /** Below one of the task's: health checks, so that they can be killed without the task. */
  readonly probes?: string;
}

/** Its name below the task's. */
export const PROBE_CGROUP = "probe";
/** Processes of ours that stay in the task's cgroup: its supervisor, and the shell that runs health checks. */
const SUPERVISOR = 1;
const PROBER = 1;
const CPU_PERIOD_US = 100_000;
/** The kernel refuses less. */
const LEAST_QUOTA_US = 1000;

/**
 * @param relativePath "tswarm/NODE/TASK"
 * @param fail called with a reason when a limit cannot be kept here
 * @param hasProbes whether the task has a health check
 */
export function planCgroups(
  hierarchies: readonly CgroupHierarchy[],
  relativePath: string,
  limits: ResourceLimits,
  fail: (reason: string) => never,
  hasProbes = false,
): CgroupPlan {
  const limited: Readonly<Record<TaskController, boolean>> = {
    cpu: limits.nanoCpus > 0,
    memory: limits.memoryBytes > 0,
    pids: limits.pids > 0,
    freezer: false,
  };
  const folders = hierarchies.map((hierarchy) => ({
    hierarchy,
    path: join(hierarchy.mountPoint, relativePath),
    enable:
      hierarchy.version === 2
        ? TASK_CONTROLLERS.filter((name) => limited[name] && hierarchy.controllers.has(name))
        : [],
  }));
  const find = (name: TaskController) => folders.find((folder) => folder.hierarchy.controllers.has(name));
  const need = (name: TaskController, what: string) =>
    find(name) ?? fail(`a ${what} limit needs the cgroup controller "${name}", which this node does not have`);
  const writes: { file: string; value: string; optional: boolean }[] = [];
  const write = (folder: CgroupFolder, name: string, value: string | number, optional = false) =>
    writes.push({ file: join(folder.path, name), value: String(value), optional });

  if (limited.cpu) {
    const folder = need("cpu", "CPU");
    const quotaUs = Math.max(LEAST_QUOTA_US, Math.round((limits.nanoCpus * CPU_PERIOD_US) / 1e9));
    if (folder.hierarchy.version === 2) write(folder, "cpu.max", `${quotaUs} ${CPU_PERIOD_US}`);
    else {
      write(folder, "cpu.cfs_period_us", CPU_PERIOD_US);
      write(folder, "cpu.cfs_quota_us", quotaUs);
    }
  }
  if (limited.memory) planMemory(need("memory", "memory"), limits, write);
  else if (limits.swapBytes !== undefined && limits.swapBytes >= 0) fail("a swap limit needs a memory limit");
  if (limits.memorySwappiness !== undefined && limits.memorySwappiness >= 0) {
    const folder = need("memory", "swappiness");
    if (folder.hierarchy.version === 2) fail("cgroup version 2 has no swappiness of a group");
    write(folder, "memory.swappiness", limits.memorySwappiness);
  }
  if (limited.pids) write(need("pids", "process"), "pids.max", limits.pids + SUPERVISOR + (hasProbes ? PROBER : 0));

  const counting = find("pids");
  const procs = (folder: CgroupFolder) => join(folder.path, "cgroup.procs");
  const memory = find("memory");
  // Where they can be killed at once, or at least frozen first.
  const probing = folders.find(({ hierarchy }) => hierarchy.version === 2) ?? find("freezer") ?? folders[0];
  if (hasProbes && !probing) fail("a health check needs cgroups, which this node does not have");
  return {
    ...(hasProbes && probing ? { probes: join(probing.path, PROBE_CGROUP) } : {}),
    folders,
    writes,
    joinFirst: folders.filter((folder) => folder !== counting).map(procs),
    joinLast: counting ? [procs(counting)] : [],
    outOfMemoryCounter:
      memory && join(memory.path, memory.hierarchy.version === 2 ? "memory.events" : "memory.oom_control"),
  };
}

/** Without a word on swap a task may use as much of it as memory, as in Docker. */
function planMemory(
  folder: CgroupFolder,
  limits: ResourceLimits,
  write: (folder: CgroupFolder, name: string, value: string | number, optional?: boolean) => void,
): void {
  const { memoryBytes, swapBytes } = limits;
  const asked = swapBytes !== undefined;
  const swap = swapBytes ?? memoryBytes;
  if (folder.hierarchy.version === 2) {
    write(folder, "memory.max", memoryBytes);
    write(folder, "memory.swap.max", swap < 0 ? "max" : swap, !asked);
  } else {
    write(folder, "memory.limit_in_bytes", memoryBytes);
    if (swap >= 0) write(folder, "memory.memsw.limit_in_bytes", memoryBytes + swap, !asked);
  }
}

/** The number of out-of-memory kills in the text of memory.events (v2) or memory.oom_control (v1). */
export function outOfMemoryKills(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}
