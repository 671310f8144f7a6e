import { apply } from "./apply.js";
import type { ApplyReport } from "./apply-report.js";
import { expectedNode } from "./expected-state.js";
import { HOST } from "./kernel-objects.js";
import { observe } from "./observe.js";
import { planExpected } from "./plan.js";
import type { Step } from "./steps.js";

/**
 * Removes every namespace, link and bridge of this node, and nothing of another node's.
 * @param gatewayBridge name of the bridge in the host's namespace, the one that the calling thread is in
 */
export function removeAll(nodeId: string, gatewayBridge: string): ApplyReport {
  const nothing = {
    gatewayBridge: { name: gatewayBridge, addressPrefix: "0.0.0.0/32", mtu: 1500 },
    networks: [],
    sandboxes: [],
  };
  const expected = expectedNode(nothing, nodeId);
  const actual = observe(expected);
  const bridge = actual.namespaces.get(HOST)?.links.get(gatewayBridge);
  const steps: Step[] = [...planExpected(actual, expected, "trim")].filter((step) => step.kind !== "remove-address");
  if (bridge?.type === "bridge") steps.push({ kind: "remove-link", place: HOST, link: gatewayBridge, because: [] });
  return apply(steps, nodeId);
}
