import { readFileSync } from "node:fs";

/** Milliseconds that the calling thread has run on a core: first field of /proc/thread-self/schedstat, in ns (proc.rst, 3.3). */
export function threadCpuMs(): number {
  try {
    return Number(readFileSync("/proc/thread-self/schedstat", "latin1").split(" ", 1)[0]) / 1e6;
  } catch {
    // A kernel without CONFIG_SCHED_INFO: time that passes is no less.
    return performance.now();
  }
}
