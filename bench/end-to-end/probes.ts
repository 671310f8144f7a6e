/** Managers that tell how long their event loops are held up: see loop-probe.ts. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { LoopDelays } from "./loop-probe.js";

const PROBE = resolve(import.meta.dirname, "loop-probe.js");
const PROBE_TIMEOUT_MS = 5000;

/** Processes that `start` starts answer {@link loopDelays}. @param folder for their answers */
export async function withProbes<T>(folder: string, start: () => Promise<T>): Promise<T> {
  process.env.TSWARM_BENCH_PROBE = folder;
  process.env.NODE_OPTIONS = `--import=${PROBE}`;
  try {
    return await start();
  } finally {
    delete process.env.NODE_OPTIONS;
    delete process.env.TSWARM_BENCH_PROBE;
  }
}

/** How long the process's event loop was held up since the last time. */
export async function loopDelays(pid: number, folder: string): Promise<LoopDelays> {
  const file = join(folder, `${pid}.json`);
  rmSync(file, { force: true });
  process.kill(pid, "SIGUSR2");
  const end = Date.now() + PROBE_TIMEOUT_MS;
  for (;;) {
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    if (text.endsWith("}")) return JSON.parse(text) as LoopDelays;
    if (Date.now() > end) throw new Error("the manager does not say how its loop does");
    await new Promise((wake) => setTimeout(wake, 10));
  }
}
