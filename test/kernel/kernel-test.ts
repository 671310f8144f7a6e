/**
 * Tests of the real kernel, on more than one kernel.
 *
 * `npm test` runs every file that imports this one twice: on the host's kernel, and in the test bed (User-Mode Linux, scripts/bed).
 * The two differ: the host may have no IPVS, the bed has no nf_tables. A test says what it needs:
 *
 *     import { kernelTest } from "../kernel/kernel-test.js";
 *
 *     kernelTest("a client reaches every backend", { needs: ["ipvs", "vxlan"] }, async (t) => { … });
 *     kernelTest.serial("…", { needs: ["nftables"] }, (t) => { … });
 *
 * A kernel that lacks something leaves the test to another. Nothing is lost by that: what ran and what could not is recorded, and the
 * run fails when no kernel ran a test ({@link ./records.ts}, `final-check.ts`). Outside of `npm test`, where nobody keeps records, such a
 * test shows as skipped.
 *
 * The names of what can be needed are in {@link ./probes.ts}; `packet-filter` and `load-balancer` mean "any of them". A test that measures
 * itself against a time, or does thousands of system calls, needs `native-speed`: the bed is some 25 times slower.
 *
 * Make names of namespaces and links with {@link ./sandbox-name.ts}: files run side by side.
 */
import test, { type ExecutionContext } from "ava";
import { missingProbe, type ProbeName } from "./probes.js";
import { recordOutcome, recordsAreKept } from "./records.js";

export interface KernelTestOptions {
  readonly needs: readonly ProbeName[];
}

type Run = (t: ExecutionContext) => unknown;
type Declare = (title: string, run: (t: ExecutionContext) => Promise<void>) => void;

/** Titles that this kernel leaves to another, with the reason. */
const left: { readonly title: string; readonly probe: ProbeName; readonly reason: string }[] = [];

function declare(declareTest: Declare, title: string, { needs }: KernelTestOptions, run: Run): void {
  const missing = missingProbe(needs);
  if (!missing) {
    declareTest(title, async (t) => {
      recordOutcome(test.meta.file, { title, outcome: "ran" });
      await run(t);
    });
    return;
  }
  if (!recordsAreKept()) {
    test.skip(`${title} (needs ${missing.probe}: ${missing.reason})`, run as (t: ExecutionContext) => void);
    return;
  }
  if (left.length === 0) declareRecord();
  left.push({ title, ...missing });
}

/** One test for all that are left: AVA wants at least one in each file, and a record that cannot be written must fail. */
function declareRecord(): void {
  test("what this kernel cannot run is left to another", (t) => {
    for (const { title, probe, reason } of left) {
      recordOutcome(test.meta.file, { title, outcome: "left", probe, reason });
      t.log(`${title}: needs ${probe}: ${reason}`);
    }
    t.pass();
  });
}

export const kernelTest = Object.assign(
  (title: string, options: KernelTestOptions, run: Run): void =>
    declare((name, body) => test(name, body), title, options, run),
  {
    /** One after the other within the file. */
    serial: (title: string, options: KernelTestOptions, run: Run): void =>
      declare((name, body) => test.serial(name, body), title, options, run),
  },
);
