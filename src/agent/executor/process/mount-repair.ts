/**
 * The check of the tasks' own mounts as a program of the shell, for an agent in a sandbox: to look into the mounts of a task whose
 * capabilities it has not itself, or to mount there, is not for it to do. Pure.
 */

import type { GuardedTask, OwnFileMount } from "./mount-guard.js";
import { quote } from "./shell-words.js";

/** A script that says "TASK NAME" for each mount that was missing and is there again, and on standard error what it cannot mount. */
export function repairScript(tasks: readonly GuardedTask[], wanted: readonly OwnFileMount[]): string {
  return [
    "put_back() { # task, pid, start, file, place, place as in mountinfo",
    "  while read -r _ _ _ _ point _; do",
    '    if [ "$point" = "$6" ]; then return; fi',
    '  done <"/proc/$2/mountinfo"',
    '  exec 8<"/proc/$2/ns/mnt" 9<"/proc/$2/cwd" || return',
    "  # Only now is it sure whose namespace that is.",
    '  read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ <"/proc/$2/stat"',
    '  if [ "$start" = "$3" ] && nsenter --mount=/proc/self/fd/8 --wd=/proc/self/fd/9 -- \\',
    '    mount --no-canonicalize --bind "$4" "$5"; then echo "$1 $4"; fi',
    "}",
    ...tasks.flatMap(({ taskId, supervisor: { pid, startTicks } }) =>
      wanted.map(
        ({ name, target }) =>
          `(put_back ${taskId} ${pid} ${startTicks} ${name} ${quote(target)} ${quote(asInMountinfo(target))})`,
      ),
    ),
    ":",
    "",
  ].join("\n");
}

/** Blanks, tabs, newlines and backslashes as three octal digits; the shell's read -r leaves them so. */
function asInMountinfo(path: string): string {
  return path.replace(/[ \t\n\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
