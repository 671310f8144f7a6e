/** What one apply does, in order. Pure. */
import type { IpvsOperation } from "../../native-bindings/ipvs/socket.js";
import { type FlowRules, isEmpty } from "../flows.js";
import type { RoutePlan } from "../virtual-routes.js";
import type { IpvsPlan } from "./ipvs-plan.js";

export type Step =
  | { readonly kind: "remove-routes"; readonly addresses: RoutePlan["remove"] }
  | { readonly kind: "build-ipvs" | "remove-ipvs"; readonly operations: readonly IpvsOperation[] }
  /** Input of one `iptables-restore`. */
  | { readonly kind: "restore-rules"; readonly input: string }
  | { readonly kind: "end-flows"; readonly rules: FlowRules }
  | { readonly kind: "write-routes"; readonly routes: RoutePlan["write"] };

/**
 * Backends and services stand before the marks that lead to them, marks before the virtual addresses; what goes leaves in the
 * opposite order.
 */
export function orderedSteps(routes: RoutePlan, ipvs: IpvsPlan, input: string, rules: FlowRules): Step[] {
  const steps: Step[] = [];
  if (routes.remove.length > 0) steps.push({ kind: "remove-routes", addresses: routes.remove });
  if (ipvs.build.length > 0) steps.push({ kind: "build-ipvs", operations: ipvs.build });
  if (input !== "") steps.push({ kind: "restore-rules", input });
  if (ipvs.remove.length > 0) steps.push({ kind: "remove-ipvs", operations: ipvs.remove });
  if (!isEmpty(rules)) steps.push({ kind: "end-flows", rules });
  if (routes.write.length > 0) steps.push({ kind: "write-routes", routes: routes.write });
  return steps;
}

/** Kernel objects that the steps write; connections that end are counted where they do. */
export function countWrites(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => {
    if (step.kind === "remove-routes") return sum + step.addresses.length;
    if (step.kind === "write-routes") return sum + step.routes.length;
    if (step.kind === "restore-rules") return sum + (step.input.match(/^-[ADI] /gm)?.length ?? 0);
    return step.kind === "end-flows" ? sum : sum + step.operations.length;
  }, 0);
}
