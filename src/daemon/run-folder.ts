/**
 * The node's folder for what of its life need not outlive a reboot. It is in memory: the environments of tasks are in it, and every
 * start of a task makes a dozen files there. Where /run itself is on a disk a file system of the folder's own is mounted.
 */
import { mkdirSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  MNT_DETACH,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  mount,
  UMOUNT_NOFOLLOW,
  umount2,
} from "../../native-bindings/libc.js";
import { RUNTIME_FOLDER } from "../api/local-sockets.js";

/** What statfs says of tmpfs and ramfs: TMPFS_MAGIC, RAMFS_MAGIC of include/uapi/linux/magic.h. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

export function runFolder(nodeId: string): string {
  return join(RUNTIME_FOLDER, nodeId.slice(0, 8));
}

/** Makes the folder. @throws the error of mkdir */
export function openRunFolder(nodeId: string, log: (line: string) => void): string {
  const folder = runFolder(nodeId);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // What runs there is read there.
  if (isInMemory(folder) || holdsAnything(folder)) return folder;
  try {
    mount("tswarm", folder, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700");
  } catch (error) {
    log(`${folder} stays on a disk: ${(error as Error).message}`);
  }
  return folder;
}

/** Removes the folder with all that is in it; none is as good. */
export function removeRunFolder(nodeId: string): void {
  const folder = runFolder(nodeId);
  if (isMount(folder)) umount2(folder, MNT_DETACH | UMOUNT_NOFOLLOW);
  rmSync(folder, { recursive: true, force: true });
}

function isMount(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found !== undefined && found.dev !== statSync(dirname(folder)).dev;
}

function isInMemory(folder: string): boolean {
  return IN_MEMORY.has(statfsSync(folder).type);
}

/** Folders alone are nothing. */
function holdsAnything(folder: string): boolean {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).some((entry) => !entry.isDirectory());
}
