/** The packet-filter rules of a node's ingress sandbox. Choosing a backend is the load balancer's business. */
import type { PacketRule, PacketRules } from "../../../netns/packet-filter/rules.js";

export interface IngressRulesInput {
  /** On the ingress network. */
  readonly overlayInterface: string;
  readonly overlayAddress: string;
  /** On the gateway bridge. */
  readonly gatewayInterface: string;
  readonly gatewaySubnet: string;
  readonly keepClientAddress: boolean;
}

export function ingressRules(input: IngressRulesInput): PacketRules {
  const snat: PacketRule = {
    key: "mesh/source",
    hook: "postrouting",
    match: {
      outInterface: input.overlayInterface,
      // Clients on this node show up with the gateway bridge's address, which every node has: it cannot travel.
      ...(input.keepClientAddress ? { source: input.gatewaySubnet } : { notSource: `${input.overlayAddress}/32` }),
    },
    action: { kind: "snat", address: input.overlayAddress },
  };
  // Through here only answers come from the overlay: a task must not reach the host's side by way of the mesh.
  const answersOnly: PacketRule = {
    key: "mesh/answers-only",
    hook: "forward",
    match: { inInterface: input.overlayInterface, connectionState: ["new", "invalid"] },
    action: { kind: "drop" },
  };
  return [snat, answersOnly];
}
