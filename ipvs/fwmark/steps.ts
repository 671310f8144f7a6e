/** What one apply does, in order. Pure. */
import type { IpvsOperation } from "../../native-bindings/ipvs/socket.js";
import { type FlowRules, isEmpty } from "../flows.js";
import type { RoutePlan } from "../virtual-routes.js";
import type { RuleChange } from "./family-rules.js";
import type { IpvsPlan } from "./ipvs-plan.js";

export type Step =
  | { readonly kind: "remove-routes"; readonly addresses: RoutePlan["remove"] }
  | { readonly kind: "build-ipvs" | "remove-ipvs"; readonly operations: readonly IpvsOperation[] }
  | { readonly kind: "restore-rules"; readonly changes: readonly RuleChange[] }
  | { readonly kind: "end-flows"; readonly rules: FlowRules }
  | { readonly kind: "write-routes"; readonly routes: RoutePlan["write"] };

/**
 * Backends and services stand before the marks that lead to them, marks before the virtual addresses; what goes leaves in the
 * opposite order.
 */
export function orderedSteps(
  routes: RoutePlan,
  ipvs: IpvsPlan,
  ruleChanges: readonly RuleChange[],
  flows: FlowRules,
): Step[] {
  const changes = ruleChanges.filter(({ input }) => input !== "");
  const steps: Step[] = [];
  if (routes.remove.length > 0) steps.push({ kind: "remove-routes", addresses: routes.remove });
  if (ipvs.build.length > 0) steps.push({ kind: "build-ipvs", operations: ipvs.build });
  if (changes.length > 0) steps.push({ kind: "restore-rules", changes });
  if (ipvs.remove.length > 0) steps.push({ kind: "remove-ipvs", operations: ipvs.remove });
  if (!isEmpty(flows)) steps.push({ kind: "end-flows", rules: flows });
  if (routes.write.length > 0) steps.push({ kind: "write-routes", routes: routes.write });
  return steps;
}

/** Kernel objects that the steps write; connections that end are counted where they do. */
export function countWrites(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => {
    if (step.kind === "remove-routes") return sum + step.addresses.length;
    if (step.kind === "write-routes") return sum + step.routes.length;
    if (step.kind === "restore-rules") return step.changes.reduce((total, { input }) => total + countLines(input), sum);
    return step.kind === "end-flows" ? sum : sum + step.operations.length;
  }, 0);
}

function countLines(input: string): number {
  return input.match(/^-[ADI] /gm)?.length ?? 0;
}
