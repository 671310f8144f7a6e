/**
 * Whole clusters of managers, each from a seed: see simulate.ts for what is done to them and what must be true. More seeds:
 * npm run sim -- --seeds 20000.
 */
import test from "ava";
import { planOf } from "./plan.js";
import { type Outcome, simulate } from "./simulate.js";
import { simulateAndTell } from "./tell.js";

const SEEDS = 500;
const SEEDS_OF_A_TEST = 50;

for (let first = 1; first <= SEEDS; first += SEEDS_OF_A_TEST) {
  const last = first + SEEDS_OF_A_TEST - 1;
  test.serial(`seeds ${first} to ${last}: the managers keep their promises`, async (t) => {
    for (let seed = first; seed <= last; seed++) {
      const { outcome, text } = await simulateAndTell(seed, {}, `npm run sim -- --seed ${seed}`);
      if (outcome.breach) return t.fail(text);
      t.true(outcome.entries > 0);
    }
  });
}

test.serial("a seed goes the same way every time", async (t) => {
  for (const seed of [1, 17, 4711]) {
    const first = await simulate(planOf(seed));
    const second = await simulate(planOf(seed));
    t.is(second.hash, first.hash, `seed ${seed}`);
    t.deepEqual(second.trace, first.trace);
    t.is(second.events, first.events);
  }
});

test.serial("seeds differ, every kind of trouble comes, and most of what is asked for is answered", async (t) => {
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= 25; seed++) outcomes.push(await simulate(planOf(seed)));
  t.is(new Set(outcomes.map(({ hash }) => hash)).size, outcomes.length);
  const sum = (of: (requests: Outcome["requests"]) => number) =>
    outcomes.reduce((total, { requests }) => total + of(requests), 0);
  t.true(sum(({ answered }) => answered) > sum(({ refused, nothing, unknown }) => refused + nothing + unknown) / 2);
  t.true(sum(({ unknown }) => unknown) > 0);
  const lines = outcomes.flatMap(({ trace }) => trace);
  for (const happening of HAPPENINGS)
    t.true(
      lines.some((line) => happening.test(line)),
      String(happening),
    );
});

const HAPPENINGS = [
  /power fails in a disk operation/,
  /power fails after a MsgVoteResp/,
  /is damaged at offset/,
  /torn tail/,
  /goes from \d+ to a snapshot/,
  /begins with a snapshot/,
  /took a snapshot/,
  /has caught up and votes from now on/,
  /learns that it was removed/,
  /handed leadership/,
  /outcome-unknown/,
  /seals with a new key/,
  /has stopped/,
];
