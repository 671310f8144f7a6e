/** Where on the host's files a task's own resolv.conf, hosts and hostname are mounted. */
import { mkdirSync, readlinkSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

export const OWN_FILES = ["resolv.conf", "hosts", "hostname"] as const;

/** Symbolic links that lead on, as many as the kernel follows. */
const MOST_LINKS = 40;

/**
 * The real path of a file to mount over: the kernel follows links, so the mount lies where the last one points.
 * A file that is missing there is made, empty, because a mount needs one; on the host it says the same as none.
 */
export function mountTarget(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  let target = path;
  for (let count = 0; count < MOST_LINKS; count++) {
    const next = linkTarget(target);
    if (next === undefined) break;
    target = resolve(dirname(target), next);
  }
  mkdirSync(dirname(target), { recursive: true });
  try {
    writeFileSync(target, "", { flag: "wx", mode: 0o644 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return realpathSync.native(path);
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "EINVAL") return undefined;
    throw error;
  }
}
