/** The shrinker finds what a failure needs, and nothing else. */
import test from "ava";
import type { Action } from "./actions.js";
import { type Plan, planOf } from "./plan.js";
import { shrink } from "./shrink.js";

const isKind = (kind: Action["kind"]) => (action: Action) => action.kind === kind;

test("of many actions the three that are needed are left, in their order", async (t) => {
  const plan = planOf(5, { faults: 80, requests: 100 });
  const needed = [plan.actions[20]!, plan.actions[70]!, plan.actions.findLast(isKind("client"))!].sort(
    (a, b) => a.at - b.at,
  );
  const fails = async ({ actions }: Plan) => needed.every((one) => actions.includes(one));
  const { plan: short, runs } = await shrink(plan, fails, 500);
  t.deepEqual(short.actions, needed);
  t.true(runs < 200, `${runs} runs`);
});

test("what fails without any action shrinks to none", async (t) => {
  const { plan } = await shrink(planOf(6), async () => true, 500);
  t.deepEqual(plan.actions, []);
});

test("it gives up when it has run often enough, with a plan that fails", async (t) => {
  const plan = planOf(7);
  const fails = async ({ actions }: Plan) => actions.filter(isKind("client")).length > 100;
  const { plan: short, runs } = await shrink(plan, fails, 10);
  t.true(runs <= 11);
  t.true(await fails(short));
});

test("a seed's plan is the same every time, and other than its neighbour's", (t) => {
  t.deepEqual(planOf(9), planOf(9));
  t.notDeepEqual(planOf(9).actions, planOf(10).actions);
});
