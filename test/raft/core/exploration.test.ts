/**
 * Groups of three and five that lose, repeat and reorder messages, crash without what was not durable, are cut apart, change their
 * members, and are whole again at the end. `EXPLORE_SEEDS=1-1000` explores more.
 */
import test from "ava";
import { Explorer } from "./explorer.js";

const STEPS = 8_000;
const [FIRST, LAST] = (process.env.EXPLORE_SEEDS ?? "1-50").split("-").map(Number) as [number, number];

test("whatever happens, the promises of figure 3 hold, and once all is well the group goes on", (t) => {
  const seen = { elections: 0, applied: 0, crashes: 0, snapshots: 0, reads: 0 };
  for (let seed = FIRST; seed <= LAST; seed++) {
    const explorer = new Explorer(seed);
    try {
      explorer.explore(STEPS);
      const explored = explorer.heal();
      for (const what of Object.keys(seen) as (keyof typeof seen)[]) seen[what] += explored[what];
    } catch (error) {
      t.fail(`seed ${seed}: ${(error as Error).stack}`);
    }
  }
  t.log(seen);
  // Else nothing was tried.
  for (const [what, count] of Object.entries(seen)) t.true(count > LAST - FIRST, what);
});
