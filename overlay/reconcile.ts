/** Observe, plan, apply, until nothing differs. Synchronous: belongs in the data-plane Worker. */
import { apply } from "./apply.js";
import type { StepFailure } from "./apply-report.js";
import { type OverlayDrift, remainingDrift } from "./drift.js";
import { expectedNode } from "./expected-state.js";
import { observe } from "./observe.js";
import { type PlanPart, planExpected } from "./plan.js";
import type { Scope } from "./scope.js";
import { describeStep, type Step } from "./steps.js";
import { checkWanted } from "./validation.js";
import type { NodeWanted } from "./wanted.js";

export interface ReconcileRequest {
  /** Begins with 8 letters or digits: they stand in the names of all namespaces of the node. */
  readonly nodeId: string;
  readonly wanted: NodeWanted;
  /** Where to look; everywhere when absent. */
  readonly scope?: Scope;
  readonly part?: PlanPart;
  /** Whether to look again after steps that all went well; true when absent. Without, `drift` is not known and empty. */
  readonly verify?: boolean;
}

export interface ReconcileResult {
  /** Steps carried out; 0 when the kernel was as wanted. */
  readonly done: number;
  /** What the kernel refused in the last pass. */
  readonly failures: readonly StepFailure[];
  /** What is still not as wanted in the scope; with part "extend", extra things are not counted. */
  readonly drift: readonly OverlayDrift[];
}

/** Looks and repairs: one suffices but for what others change meanwhile, or a repair brings to light. */
const PASSES_MAX = 4;

/**
 * Brings the kernel to what is wanted. The host's namespace is the one that the calling thread is in.
 * @throws InvalidWantedError before anything is written; NetlinkTransportError, SystemCallError when looking is not possible
 */
export function reconcile({
  nodeId,
  wanted,
  scope = "all",
  part = "all",
  verify = true,
}: ReconcileRequest): ReconcileResult {
  checkWanted(wanted, nodeId);
  const expected = expectedNode(wanted, nodeId);
  let done = 0;
  let failures: readonly StepFailure[] = [];
  let before = "";
  for (let pass = 1; ; pass++) {
    const actual = observe(expected, scope);
    const steps = planExpected(actual, expected, part);
    if (steps.length === 0) return { done, failures: [], drift: [] };
    const same = failures.length > 0 && fingerprint(steps) === before;
    if (same || pass > PASSES_MAX) {
      return { done, failures, drift: remainingDrift(actual, wanted).filter((row) => concerns(row, part)) };
    }
    before = fingerprint(steps);
    const report = apply(steps, nodeId);
    done += report.done;
    failures = report.failures;
    if (!verify && failures.length === 0) return { done, failures, drift: [] };
  }
}

function fingerprint(steps: readonly Step[]): string {
  return steps.map(describeStep).join("\n");
}

function concerns({ state }: OverlayDrift, part: PlanPart): boolean {
  return part === "all" || (state === "extra") === (part === "trim");
}
