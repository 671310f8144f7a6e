/**
 * Whole clusters, managers and nodes, each from a seed: see simulate-cluster.ts for what is done to them, ledger.ts and node-rules.ts for
 * what must be true. More seeds, and larger ones: npm run sim -- --world cluster --seeds 1000.
 */
import test from "ava";
import { clusterPlanOf } from "./cluster-plan.js";
import { type ClusterOutcome, simulateCluster } from "./simulate-cluster.js";
import { simulateClusterAndTell } from "./tell-cluster.js";

const SEEDS = 20;
const SEEDS_OF_A_TEST = 5;
/** Half of what is usual: a run takes seconds. */
const FAULTS = 10;
const REQUESTS = 16;

const outcomes: ClusterOutcome[] = [];

for (let first = 1; first <= SEEDS; first += SEEDS_OF_A_TEST) {
  const last = first + SEEDS_OF_A_TEST - 1;
  test.serial(`seeds ${first} to ${last}: what is asked for is what runs, and nothing is left of it`, async (t) => {
    for (let seed = first; seed <= last; seed++) {
      const replay = `npm run sim -- --seed ${seed} --world cluster --steps ${FAULTS}`;
      const { outcome, text } = await simulateClusterAndTell(seed, { steps: FAULTS }, replay);
      if (outcome.breach) return t.fail(text);
      outcomes.push(outcome);
      t.true(outcome.starts > 0, `seed ${seed}`);
    }
  });
}

test.serial("a seed goes the same way every time", async (t) => {
  const plan = clusterPlanOf(4711, { members: 3, agents: 8, faults: FAULTS, requests: REQUESTS });
  const first = await simulateCluster(plan);
  const second = await simulateCluster(plan);
  t.is(second.hash, first.hash);
  t.deepEqual(second.trace, first.trace);
  t.is(second.events, first.events);
});

test.serial("seeds differ, and every kind of trouble comes", (t) => {
  t.is(new Set(outcomes.map(({ hash }) => hash)).size, outcomes.length);
  const lines = outcomes.flatMap(({ trace }) => trace);
  for (const happening of HAPPENINGS) {
    t.true(
      lines.some((line) => happening.test(line)),
      String(happening),
    );
  }
});

const HAPPENINGS = [
  /power fails in a disk operation/,
  /leads in term [3-9]/,
  /learns that it was removed/,
  /node: power fails/,
  /node: the agent is killed/,
  /node: assignments are lost/,
  /an assignment was lost: all are asked for anew/,
  /connections of nodes/,
  /clock of node .* jumps by -/,
  /clock of #\d+ jumps by -/,
  /the dispatcher did not answer in time/,
  /this manager has lost the leader/,
  /create-service at/,
  /roll-back at/,
  /drain at/,
];
