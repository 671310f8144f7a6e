/** What one apply does, in order. Pure. */
import { type FlowRules, isEmpty } from "../flows.js";
import type { RoutePlan } from "../virtual-routes.js";
import { countObjects, type TableChange } from "./table-plan.js";

export type Step =
  | { readonly kind: "remove-routes"; readonly addresses: RoutePlan["remove"] }
  /** One transaction. */
  | { readonly kind: "commit-tables"; readonly tables: readonly TableChange[] }
  | { readonly kind: "end-flows"; readonly rules: FlowRules }
  | { readonly kind: "write-routes"; readonly routes: RoutePlan["write"] };

/**
 * A virtual address goes before the service behind it, and comes after it. Connections end when the table leads no new one to
 * where they led, and before anybody has a new way.
 */
export function orderedSteps(routes: RoutePlan, tables: readonly TableChange[], rules: FlowRules): Step[] {
  const changes = tables.filter(({ operations }) => operations.length > 0);
  const steps: Step[] = [];
  if (routes.remove.length > 0) steps.push({ kind: "remove-routes", addresses: routes.remove });
  if (changes.length > 0) steps.push({ kind: "commit-tables", tables: changes });
  if (!isEmpty(rules)) steps.push({ kind: "end-flows", rules });
  if (routes.write.length > 0) steps.push({ kind: "write-routes", routes: routes.write });
  return steps;
}

/** Kernel objects that the steps write; connections that end are counted where they do. */
export function countWrites(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => {
    if (step.kind === "remove-routes") return sum + step.addresses.length;
    if (step.kind === "write-routes") return sum + step.routes.length;
    if (step.kind === "end-flows") return sum;
    return step.tables.reduce((total, { operations }) => total + countObjects(operations), sum);
  }, 0);
}
