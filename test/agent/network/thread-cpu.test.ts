import { Worker } from "node:worker_threads";
import test from "ava";
import { threadCpuMs } from "../../../src/agent/network/thread-cpu.js";

/** At 100 Hz. */
const TICK_MS = 10;

test("a thread's own work counts, no more than time passes, and not that of another thread", async (t) => {
  const [wall, cpu] = [performance.now(), threadCpuMs()];
  while (threadCpuMs() - cpu < 50);
  // The kernel counts at its ticks.
  t.true(threadCpuMs() - cpu <= performance.now() - wall + TICK_MS);

  const before = threadCpuMs();
  const busy = new Worker(
    `const { readFileSync } = require("node:fs");
     const cpu = () => Number(readFileSync("/proc/thread-self/schedstat", "latin1").split(" ")[0]) / 1e6;
     const start = cpu();
     while (cpu() - start < 200);`,
    { eval: true },
  );
  await new Promise((resolve) => busy.once("exit", resolve));
  t.true(threadCpuMs() - before < 200);
});
