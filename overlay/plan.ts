import type { ActualNode } from "./actual-state.js";
import { compareNode } from "./compare.js";
import { type ExpectedNode, expectedNode } from "./expected-state.js";
import { planBringUp } from "./plan-bring-up.js";
import { planRemoval } from "./plan-removal.js";
import { RemainingState } from "./remaining-state.js";
import type { Step } from "./steps.js";
import type { NodeWanted } from "./wanted.js";

/**
 * Which half of the work. extend makes and mends, and removes only what stands in the way of that; trim removes what nobody
 * wants. Between the two, whatever still leads to the unwanted can be taken away.
 */
export type PlanPart = "all" | "extend" | "trim";

/**
 * The steps that bring a node's kernel to what is wanted, in an order in which no packet meets a half-built path. Only what
 * `actual` covers is planned for. Pure; empty when nothing differs.
 * @param wanted a valid one, see checkWanted
 */
export function plan(actual: ActualNode, wanted: NodeWanted, part: PlanPart = "all"): readonly Step[] {
  return planExpected(actual, expectedNode(wanted, actual.nodeId), part);
}

export function planExpected(actual: ActualNode, expected: ExpectedNode, part: PlanPart = "all"): readonly Step[] {
  const remaining = new RemainingState(actual);
  const comparisons = compareNode(expected, actual);
  const removal = planRemoval(expected, comparisons, remaining, part);
  if (part === "trim") return removal;
  const rest = remaining.node();
  // Removals change what there is to compare with, also in other namespaces.
  return [...removal, ...planBringUp(expected, rest, removal.length === 0 ? comparisons : compareNode(expected, rest))];
}
