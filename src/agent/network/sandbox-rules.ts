/** The packet-filter rules of a task's sandbox, as a pure function. */
import type { PacketRule, PacketRules } from "../../../netns/packet-filter/rules.js";
import type { Endpoint } from "../cluster-view.js";
import { DNS_PORT } from "../dns/port.js";
import type { PublishedPort } from "./local-task.js";
import { returnRules } from "./mesh-return.js";

const RESOLVER = "127.0.0.11/32";

export interface SandboxRulesInput {
  /** The interface and bare address on the ingress network; absent for a task that publishes nothing there. */
  readonly ingress?: { readonly interfaceName: string; readonly address: string; readonly subnet: string };
  /** The interface and bare address on the gateway bridge. */
  readonly gateway?: { readonly interfaceName: string; readonly address: string };
  readonly ingressPorts: readonly PublishedPort[];
  readonly hostPorts: readonly PublishedPort[];
  readonly gateways: readonly Endpoint[];
}

export function sandboxRules(input: SandboxRulesInput): PacketRules {
  const rules: PacketRule[] = [...resolverRules()];
  const { ingress, gateway } = input;
  if (!ingress) return rules;
  rules.push(...portTranslation(ingress.interfaceName, ingress.address, input.ingressPorts));
  rules.push(...returnRules(input.gateways, ingress.subnet, ingress.interfaceName));
  rules.push(...onlyPublished(ingress.interfaceName, ingress.address, input.ingressPorts));
  if (gateway) {
    rules.push(...hostPortsToIngressAddress(gateway, ingress.address, input.hostPorts));
    // The default route prefers the ingress address, so that UDP answers leave with it: what goes out by the gateway needs its own.
    rules.push({
      key: "egress/source",
      hook: "postrouting",
      match: { outInterface: gateway.interfaceName, source: `${ingress.address}/32` },
      action: { kind: "snat", address: gateway.address },
    });
  }
  return rules;
}

function resolverRules(): PacketRule[] {
  return (["udp", "tcp"] as const).map((protocol) => ({
    key: `dns/${protocol}`,
    hook: "output",
    match: { protocol, destination: RESOLVER, destinationPorts: [53] },
    action: { kind: "dnat", address: "127.0.0.11", port: DNS_PORT },
  }));
}

/** The mesh never changes the destination port; here, at the task, published becomes target. */
function portTranslation(interfaceName: string, address: string, ports: readonly PublishedPort[]): PacketRule[] {
  return ports
    .filter((port) => port.publishedPort !== port.targetPort)
    .map((port) => ({
      key: `port/${port.protocol}/${port.publishedPort}`,
      hook: "prerouting",
      match: {
        inInterface: interfaceName,
        destination: `${address}/32`,
        protocol: port.protocol,
        destinationPorts: [port.publishedPort],
      },
      action: { kind: "redirect", port: port.targetPort },
    }));
}

/** On the ingress network a task is reached by its published ports alone. */
function onlyPublished(interfaceName: string, address: string, ports: readonly PublishedPort[]): PacketRule[] {
  const destination = `${address}/32`;
  const rules: PacketRule[] = [
    {
      key: "ingress/established",
      hook: "input",
      match: { inInterface: interfaceName, connectionState: ["established", "related"] },
      action: { kind: "accept" },
    },
  ];
  for (const protocol of ["tcp", "udp", "sctp"] as const) {
    const targets = [...new Set(ports.filter((port) => port.protocol === protocol).map((port) => port.targetPort))];
    if (targets.length === 0) continue;
    rules.push({
      key: `ingress/allow/${protocol}`,
      hook: "input",
      match: { inInterface: interfaceName, destination, protocol, destinationPorts: targets.sort((a, b) => a - b) },
      action: { kind: "accept" },
    });
  }
  for (const protocol of ["tcp", "udp"] as const) {
    rules.push({
      key: `ingress/refuse/${protocol}`,
      hook: "input",
      match: { inInterface: interfaceName, protocol },
      action: { kind: "reject" },
    });
  }
  return rules;
}

/** With the ingress address as preferred source, a UDP server would answer a host port's client from the wrong address. */
function hostPortsToIngressAddress(
  gateway: { readonly interfaceName: string; readonly address: string },
  ingressAddress: string,
  ports: readonly PublishedPort[],
): PacketRule[] {
  return ports
    .filter((port) => port.protocol === "udp")
    .map((port) => ({
      key: `host-port/${port.protocol}/${port.targetPort}`,
      hook: "prerouting",
      match: {
        inInterface: gateway.interfaceName,
        destination: `${gateway.address}/32`,
        protocol: port.protocol,
        destinationPorts: [port.targetPort],
      },
      action: { kind: "dnat", address: ingressAddress, port: port.targetPort },
    }));
}
