/**
 * A task as a unit of systemd's own: what systemd is told, and where the task's cgroups are then. Pure.
 *
 * Process 1 starts it, so nothing of the agent's unit is inherited: no bounding set, no filter of system calls, no mounts. The unit is a
 * service that forks: its first process ends once the supervisor holds its descriptors, and systemd then watches the unit's cgroup, not
 * a process. Unit and cgroups go with the task's last process, and with them what the kernel counted: the supervisor notes that before.
 */
import { join } from "node:path";
import type { CgroupHierarchy } from "./cgroup-hierarchies.js";
import type { CgroupPlan } from "./cgroup-plan.js";
import { quote } from "./shell-words.js";

/** All tasks' units are below it: `systemctl stop tswarm.slice` ends them all. */
export const TASK_SLICE = "tswarm.slice";

/** @param node the first characters of the node's id: several nodes may be on one host */
export function taskUnitName(node: string, taskId: string): string {
  return `tswarm-${node}-${taskId}.service`;
}

/**
 * @param initCgroups text of /proc/1/cgroup: in a container systemd's tree may begin further down
 * @returns the unit's cgroup, relative to the hierarchy's mount
 */
export function unitCgroup(unit: string, initCgroups: string): string {
  const above = /^(?:0:|\d+:name=systemd):\/?(.*?)\/?init\.scope$/m.exec(initCgroups)?.[1] ?? "";
  return join(above, TASK_SLICE, unit);
}

const PROPERTIES = {
  Type: "forking",
  GuessMainPID: "no",
  // Limits are the executor's: it makes cgroups below the unit's.
  Delegate: "yes",
  TasksMax: "infinity",
  // One process that ran out of memory ends alone.
  OOMPolicy: "continue",
  KillMode: "control-group",
  IgnoreSIGPIPE: "no",
  TimeoutStartSec: "30s",
  TimeoutStopSec: "10s",
  StandardOutput: "null",
} as const;

/** What all tasks' units have in common, as words for systemd-run(1); none has a blank in it. */
export function unitOptions(): readonly string[] {
  return [
    ...["--quiet", "--collect", `--slice=${TASK_SLICE}`],
    ...Object.entries(PROPERTIES).map(([name, value]) => `--property=${name}=${value}`),
  ];
}

export interface UnitFacts {
  readonly hierarchies: readonly CgroupHierarchy[];
  /** The unit's. */
  readonly cgroup: string;
  readonly folder: string;
  readonly outputFolder: string;
  readonly namespacePath: string;
  /** Where programs of the set-up are looked up. */
  readonly path: string;
}

/**
 * What the unit begins with, in the task's folder. The kernel allows no processes beside cgroups with controllers (version 2): what
 * sets the task up goes to a cgroup of its own.
 */
export function unitScript(facts: UnitFacts): string {
  const { hierarchies, cgroup, folder, outputFolder, namespacePath, path } = facts;
  const starting = hierarchies
    .filter(({ version }) => version === 2)
    .map(({ mountPoint }) => join(mountPoint, cgroup, STARTING));
  return [
    "set -e",
    "umask 077",
    `cd -- ${quote(folder)}`,
    "exec 2>>setup.log",
    ...starting.flatMap((start) => [`mkdir -p ${quote(start)}`, `echo 0 >${quote(join(start, "cgroup.procs"))}`]),
    `exec env -i PATH=${path} setsid --fork nsenter --net=${quote(namespacePath)} -- \\`,
    `  unshare --mount --uts --ipc --pid --fork --kill-child --propagation slave -- /bin/sh ${quote(join(folder, "setup"))} \\`,
    `  </dev/null >>${quote(join(outputFolder, "stdout"))} 3<>lifeline 5>>${quote(join(outputFolder, "stderr"))}`,
    "",
  ].join("\n");
}

const STARTING = "start";
/** Below the unit's cgroup. */
export const TASK_CGROUP = "task";

/** Lines for the set-up that make the task's cgroups: only then is the unit's there. */
export function cgroupLines(plan: CgroupPlan): readonly string[] {
  return [
    ...plan.folders.flatMap(({ path, enable }) => [
      `mkdir -p ${quote(path)}`,
      ...(enable.length > 0
        ? [
            `echo ${quote(enable.map((name) => `+${name}`).join(" "))} >${quote(join(path, "../cgroup.subtree_control"))}`,
          ]
        : []),
    ]),
    ...(plan.probes ? [`mkdir -p ${quote(plan.probes)}`] : []),
    ...plan.writes.map(({ file, value, optional }) => {
      const line = `echo ${quote(value)} >${quote(file)}`;
      return optional ? `if [ -e ${quote(file)} ]; then ${line}; fi` : line;
    }),
  ];
}
