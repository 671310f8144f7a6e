/**
 * The kernel suites in User-Mode Linux: the machine is booted once, before anything is declared, and each result inside becomes a test here.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";
import { runKernelSuites } from "../../scripts/bed/kernel-run.js";

const TIMEOUT_MS = 30 * 60_000;

const project = fileURLToPath(new URL("../../../", import.meta.url)).replace(/\/$/, "");
const consolePath = `${project}/build/bed-console.log`;

const begun = performance.now();
let told = 0;
const run = await runKernelSuites({
  project,
  records: process.env.TSWARM_KERNEL_RECORDS ?? "",
  timeoutMs: TIMEOUT_MS,
  onProgress: (results, last) => {
    if (results > told) console.log(`uml: ${results} results, last: ${last}`);
    told = results;
  },
});
const tookSeconds = ((performance.now() - begun) / 1000).toFixed(0);
writeFileSync(consolePath, run.console);

test("uml: the machine ran every kernel suite to its end", (t) => {
  t.log(`${run.results.length} results of ${run.suites.length} suites in ${tookSeconds} s`);
  t.true(run.suites.length > 0, "there are kernel suites");
  const last = `the last result was of "${run.results.at(-1)?.title}"; the machine's console is in ${consolePath}`;
  t.not(run.status, undefined, `the machine ended before the suites did: ${last}`);
  t.is(run.planned, run.results.length, `results are missing: ${last}`);
  if (run.results.every((result) => result.outcome === "passed")) {
    t.is(run.status, 0, `every test passed, but AVA did not: ${last}`);
  }
});

for (const { title, outcome, diagnostics } of run.results) {
  test(`uml: ${title}`, (t) => {
    t.is(outcome, "passed", diagnostics);
  });
}
