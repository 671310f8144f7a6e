/** Where a task's processes are: in cgroups beside the agent's, or in a unit of systemd's. Told by a file, whoever looks. */
import { basename, join } from "node:path";
import type { TaskFiles } from "./task-files.js";
import { TASK_CGROUP, taskUnitName, unitCgroup } from "./task-unit.js";

export interface TaskPlace {
  /** Of the task's own cgroups, relative to each hierarchy's mount. */
  readonly cgroup: string;
  /** The folder that its last cgroup's removal stops at, relative too. */
  readonly keptAbove: string;
  /** The cgroup of its unit, relative too. */
  readonly unitCgroup?: string;
  readonly unit?: string;
}

export type ChoosePlace = (taskId: string, files: TaskFiles) => TaskPlace;

/**
 * A task stays where it was started. A new one goes where this agent starts tasks.
 * @param nodeFolder relative: "tswarm/NODE"
 * @param initCgroups text of /proc/1/cgroup, when tasks are to be units
 */
export function placeChooser(nodeFolder: string, initCgroups: string | undefined): ChoosePlace {
  return (taskId, files) => {
    const [unit, cgroup] = files.unit() ?? newUnit(basename(nodeFolder), taskId, files, initCgroups) ?? [];
    if (unit === undefined || cgroup === undefined) return { cgroup: join(nodeFolder, taskId), keptAbove: "." };
    return { unit, unitCgroup: cgroup, cgroup: join(cgroup, TASK_CGROUP), keptAbove: join(cgroup, "..") };
  };
}

function newUnit(node: string, taskId: string, files: TaskFiles, initCgroups: string | undefined) {
  if (initCgroups === undefined || files.wasLaunched()) return undefined;
  const unit = taskUnitName(node, taskId);
  return [unit, unitCgroup(unit, initCgroups)] as const;
}
