import { readFileSync } from "node:fs";
import test from "ava";
import { makeTaskBed } from "./task-bed.js";

const TASKS = 100;

test("a hundred tasks run side by side, each with one small process beside its command", async (t) => {
  const bed = makeTaskBed(t);
  const tasks = Array.from({ length: TASKS }, () => bed.controller(["sleep", "600"]));
  const began = performance.now();
  await Promise.all(tasks.map((task) => task.prepare()));
  const prepared = performance.now();
  const durations: number[] = [];
  const waiting = [...tasks];
  const worker = async () => {
    for (let task = waiting.pop(); task; task = waiting.pop()) {
      const from = performance.now();
      await task.start(bed.sandbox);
      durations.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  const started = performance.now();
  durations.sort((a, b) => a - b);
  t.log(
    `prepare ${(prepared - began).toFixed()} ms, start ${(started - prepared).toFixed()} ms for ${TASKS}; ` +
      `one start with 16 at once: median ${durations[TASKS / 2]!.toFixed(1)} ms, slowest ${durations.at(-1)!.toFixed(1)} ms`,
  );

  let rssKb = 0;
  let pssKb = 0;
  for (const task of tasks) {
    const pids = bed.pids(task.id);
    t.is(pids.length, 2, "the supervisor and the command");
    for (const pid of pids) {
      if (readFileSync(`/proc/${pid}/comm`, "utf8") === "sleep\n") continue;
      const memory = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      rssKb += Number(/^Rss:\s+(\d+)/m.exec(memory)![1]);
      pssKb += Number(/^Pss:\s+(\d+)/m.exec(memory)![1]);
    }
  }
  t.log(
    `supervisors: ${Math.round(rssKb / TASKS)} kB resident, ${Math.round(pssKb / TASKS)} kB of it their own share (PSS)`,
  );

  const stopping = performance.now();
  await Promise.all(tasks.map((task) => task.shutdown()));
  await Promise.all(tasks.map((task) => task.remove()));
  t.log(`stop and remove ${(performance.now() - stopping).toFixed()} ms`);
  t.deepEqual(await bed.executor.list(), []);
  for (const task of tasks) t.deepEqual(bed.pids(task.id), []);
});

test("one task alone: how long its start takes", async (t) => {
  const bed = makeTaskBed(t);
  const durations: number[] = [];
  for (let count = 0; count < 10; count++) {
    const task = bed.controller(["sleep", "600"]);
    await task.prepare();
    const from = performance.now();
    await task.start(bed.sandbox);
    durations.push(performance.now() - from);
    await task.remove();
  }
  durations.sort((a, b) => a - b);
  t.log(`start alone: median ${durations[5]!.toFixed(1)} ms, slowest ${durations.at(-1)!.toFixed(1)} ms`);
  t.is(durations.length, 10);
});
