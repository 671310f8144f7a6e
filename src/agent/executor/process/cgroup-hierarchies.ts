/** Which cgroup hierarchies this machine has mounted, from /proc/self/mountinfo. Pure. */

export interface CgroupHierarchy {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  readonly controllers: ReadonlySet<string>;
}

/** The controllers that a task's cgroup is made on. */
export const TASK_CONTROLLERS = ["cpu", "memory", "pids", "freezer"] as const;
export type TaskController = (typeof TASK_CONTROLLERS)[number];

/**
 * @param mountinfo text of /proc/self/mountinfo, see proc(5)
 * @param unifiedControllers the words in cgroup.controllers of a version 2 mount
 * @returns the first mount of each hierarchy that is of use to a task; version 2 last
 */
export function findHierarchies(
  mountinfo: string,
  unifiedControllers: (mountPoint: string) => readonly string[],
): readonly CgroupHierarchy[] {
  const first: CgroupHierarchy[] = [];
  let unified: CgroupHierarchy | undefined;
  const taken = new Set<string>();
  for (const line of mountinfo.split("\n")) {
    const [mount, source] = line.split(" - ");
    if (!mount || !source) continue;
    const mountPoint = unescapeMountPath(mount.split(" ")[4] ?? "");
    const [type, , options] = source.split(" ");
    if (type === "cgroup2") {
      unified ??= { version: 2, mountPoint, controllers: new Set(unifiedControllers(mountPoint)) };
    } else if (type === "cgroup") {
      const useful = TASK_CONTROLLERS.filter((name) => options?.split(",").includes(name));
      if (useful.length === 0 || useful.some((name) => taken.has(name))) continue;
      for (const name of useful) taken.add(name);
      first.push({ version: 1, mountPoint, controllers: new Set(useful) });
    }
  }
  return unified ? [...first, unified] : first;
}

/** mountinfo writes blanks, tabs, newlines and backslashes as three octal digits. */
export function unescapeMountPath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
