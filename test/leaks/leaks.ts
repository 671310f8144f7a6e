/**
 * Around `npm test`: `leaks.js remember FILE` notes what is on the machine, `leaks.js compare FILE` fails with the names of what is there
 * beyond that, processes of the run included.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { argv, env } from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { processesOf, tracesOnMachine } from "./traces.js";

/** For processes that were told to end, and for what goes with their end. */
const GRACE_MS = 5000;
const LOOK_EVERY_MS = 100;

interface Before {
  readonly traces: readonly string[];
  readonly processes: readonly string[];
}

const [, , command, file] = argv;
const mark = env.TSWARM_TEST_RUN;
if (!mark || !file) throw new Error("TSWARM_TEST_RUN and a file are needed");

if (command === "remember") {
  const before: Before = { traces: tracesOnMachine(), processes: processesOf(mark) };
  writeFileSync(file, JSON.stringify(before));
} else {
  const before = JSON.parse(readFileSync(file, "utf8")) as Before;
  const known = new Set([...before.traces, ...before.processes]);
  // The run's own folder is removed by the run.
  const own = file.slice(0, file.lastIndexOf("/"));
  const left = () =>
    [...tracesOnMachine(), ...processesOf(mark)].filter((line) => !known.has(line) && !line.endsWith(own));
  const end = Date.now() + GRACE_MS;
  let found = left();
  while (found.length > 0 && Date.now() < end) {
    await wait(LOOK_EVERY_MS);
    found = left();
  }
  for (const line of found) console.error(line);
  process.exitCode = found.length === 0 ? 0 : 1;
}
