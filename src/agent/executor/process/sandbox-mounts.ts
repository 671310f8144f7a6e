/** The mounts of a task's own as an fstab(5), so that one mount(8) makes them all. Pure. */
import { dirname } from "node:path";
import { unescapeMountPath } from "./cgroup-hierarchies.js";
import type { TaskMount } from "./task-mounts.js";

export interface BoundFile {
  /** The task's own file. */
  readonly source: string;
  /** The host's file that it stands in for, symbolic links resolved. */
  readonly target: string;
}

/** Parts of /proc and /dev that not every kernel has; the caller says which can be mounted. */
export const READ_ONLY_PROC = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"] as const;
export const OWN_FILE_SYSTEMS = [
  { target: "/dev/shm", type: "tmpfs", options: "nosuid,nodev,noexec,size=64m" },
  { target: "/dev/mqueue", type: "mqueue", options: "nosuid,nodev,noexec" },
] as const;

/**
 * A fresh /proc shows the task's processes only, a fresh /sys its network links only. What steers the kernel through
 * them is read-only: for root such files need no capability.
 * @param exists whether the host has such a path
 * @param fileSystems the text of /proc/filesystems
 * @param mounts that the service asks for; of the host's files before, in memory after what is the task's own
 */
export function sandboxFstab(
  files: readonly BoundFile[],
  exists: (path: string) => boolean,
  fileSystems: string,
  mounts: readonly TaskMount[] = [],
): string {
  const known = new Set(fileSystems.split(/\s+/));
  const lines = [
    // First, because what comes after may hide where they are.
    ...files.map(({ source, target }) => `${escapeField(source)} ${escapeField(target)} none bind 0 0`),
    ...mounts
      .filter(({ type }) => type === "bind")
      .map(({ source, target, options }) => `${escapeField(source)} ${escapeField(target)} none ${options} 0 0`),
    "tswarm /proc proc nosuid,nodev,noexec 0 0",
    ...READ_ONLY_PROC.filter(exists).map((path) => `${path} ${path} none bind,ro 0 0`),
    "tswarm /sys sysfs ro,nosuid,nodev,noexec 0 0",
    ...OWN_FILE_SYSTEMS.filter(({ target, type }) => known.has(type) && exists(target)).map(
      ({ target, type, options }) => `tswarm ${target} ${type} ${options} 0 0`,
    ),
    ...mounts
      .filter(({ type }) => type === "tmpfs")
      .map(({ target, options }) => `tswarm ${escapeField(target)} tmpfs ${options} 0 0`),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * Mounts of network namespaces. A task that held on to them would keep the sandboxes of other tasks alive.
 * @param mountinfo text of /proc/self/mountinfo
 * @param namespacePath the task's own namespace: the folder that holds it holds the others too
 */
export function namespaceMounts(mountinfo: string, namespacePath: string): readonly string[] {
  const folder = dirname(namespacePath);
  const namespaces: string[] = [];
  for (const line of mountinfo.split("\n")) {
    const [mount, source] = line.split(" - ");
    if (!mount || !source) continue;
    const mountPoint = unescapeMountPath(mount.split(" ")[4] ?? "");
    if (mountPoint === folder) return [folder];
    if (source.startsWith("nsfs ")) namespaces.push(mountPoint);
  }
  return namespaces;
}

/** fstab(5) writes blanks, tabs, newlines and backslashes as three octal digits. */
function escapeField(text: string): string {
  return text.replace(/[\s\\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
