/** Orchestrators in fake worlds, each from a seed: see simulate.ts for what happens to them, rules.ts for what must be true. */
import test from "ava";
import { type Outcome, simulate } from "./simulate.js";

const SEEDS = 120;
const SEEDS_OF_A_TEST = 30;

for (let first = 1; first <= SEEDS; first += SEEDS_OF_A_TEST) {
  const last = first + SEEDS_OF_A_TEST - 1;
  test.serial(`seeds ${first} to ${last}: what was asked for is what runs`, async (t) => {
    for (let seed = first; seed <= last; seed++) {
      const { breach, told } = await simulate(seed);
      if (breach) return t.fail(`seed ${seed}: ${breach}\n${told.slice(-40).join("\n")}`);
    }
    t.pass();
  });
}

test.serial("a seed goes the same way every time", async (t) => {
  const [first, second] = [await simulate(17), await simulate(17)];
  t.deepEqual(second.told, first.told);
  t.is(second.transactions, first.transactions);
});

test.serial("everything that is to be shown happens", async (t) => {
  const outcomes: Outcome[] = [];
  for (let seed = 200; seed < 225; seed++) outcomes.push(await simulate(seed));
  const seen = new Set(outcomes.flatMap((outcome) => [...outcome.seen]));
  for (const state of ["UPDATING", "PAUSED", "COMPLETED", "ROLLBACK_STARTED", "ROLLBACK_COMPLETED", "deadline"]) {
    t.true(seen.has(state), state);
  }
  t.true(outcomes.some(({ leaders }) => leaders > 3));
});
