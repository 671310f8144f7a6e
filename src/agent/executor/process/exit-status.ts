/** A task's end in words. Pure. */
import type { TaskExit } from "../executor.js";
import { signalOfStatus } from "./signals.js";

/** A supervisor that left no status was killed, and its end killed the command. */
export const LOST_SUPERVISOR_STATUS = 137;

/** @param outOfMemoryKills how often the kernel killed a process of the task for lack of memory */
export function describeExit(status: number, outOfMemoryKills: number, memoryLimitBytes: number): TaskExit {
  const signal = signalOfStatus(status);
  const exit: TaskExit = signal ? { code: status, signal } : { code: status };
  if (outOfMemoryKills === 0 || status === 0) return exit;
  const limit = memoryLimitBytes > 0 ? ` at ${formatBytes(memoryLimitBytes)}` : "";
  const what = status === LOST_SUPERVISOR_STATUS ? "killed" : "a process of it was killed";
  return { ...exit, message: `out of memory: ${what}${limit}` };
}

function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}
