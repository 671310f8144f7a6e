/** /run/netns as ip-netns(8) keeps it: a shared mount, so that other mount namespaces see names come and go. */
import { mkdirSync, readFileSync } from "node:fs";
import { MS_BIND, MS_REC, MS_SHARED, mount } from "../native-bindings/libc.js";

/**
 * Makes `folder`, and a shared mount of it, unless it is one.
 * @throws SystemCallError, or the error of mkdir
 */
export function shareNamespaceFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const state = mountState(readFileSync("/proc/thread-self/mountinfo", "utf8"), folder);
  if (state === "shared") return;
  if (state === "none") mount(folder, folder, null, MS_BIND | MS_REC);
  mount("", folder, null, MS_SHARED | MS_REC);
}

/**
 * Whether `folder` is a mount of its own, and a shared one. Source: proc_pid_mountinfo(5):
 * `36 35 98:0 /root /mount/point options optional-fields… - type source options`.
 */
export function mountState(mountInfo: string, folder: string): "none" | "private" | "shared" {
  let state: "none" | "private" | "shared" = "none";
  for (const line of mountInfo.split("\n")) {
    const fields = line.split(" ");
    if (fields[4] !== folder) continue;
    const optional = fields.slice(6, fields.indexOf("-", 6));
    // Of several mounts on one place the last is the one in sight.
    state = optional.some((field) => field.startsWith("shared:")) ? "shared" : "private";
  }
  return state;
}
