/** The packet-filter rules of the host's namespace: published ports in, sandboxes out. */
import type { PacketRule, PacketRules, TransportProtocol } from "../../../netns/packet-filter/rules.js";
import type { PublishedPort } from "./local-task.js";

export interface HostRulesInput {
  readonly bridge: string;
  /** "172.18.0.0/16" */
  readonly bridgeSubnet: string;
  /** The ingress sandbox's address on the bridge; absent before it stands. */
  readonly ingressAddress?: string;
  /** Ports published on every node. */
  readonly meshPorts: readonly { readonly protocol: TransportProtocol; readonly port: number }[];
  /** Ports that tasks of this node publish on this node alone. */
  readonly hostPorts: readonly (PublishedPort & { readonly address: string })[];
}

export function hostRules(input: HostRulesInput): PacketRules {
  return [
    // 127/8 is routable on the bridge so that local clients reach published ports; nothing may come from there.
    {
      key: "bridge/loopback",
      hook: "prerouting",
      match: { inInterface: input.bridge, destination: "127.0.0.0/8" },
      action: { kind: "drop" },
    },
    ...input.hostPorts.flatMap((port) => hostPort(port)),
    ...(input.ingressAddress === undefined ? [] : meshPorts(input, input.ingressAddress)),
    ...forwarding(input),
    {
      key: "bridge/local-clients",
      hook: "postrouting",
      match: { outInterface: input.bridge, sourceLocal: true },
      action: { kind: "masquerade" },
    },
    // A task that calls a published port of its own host: the answer must come back this way.
    {
      key: "bridge/hairpin",
      hook: "postrouting",
      match: { outInterface: input.bridge, source: input.bridgeSubnet },
      action: { kind: "masquerade" },
    },
    {
      key: "bridge/egress",
      hook: "postrouting",
      match: { notOutInterface: input.bridge, source: input.bridgeSubnet },
      action: { kind: "masquerade" },
    },
  ];
}

function hostPort(port: PublishedPort & { readonly address: string }): PacketRule[] {
  const match = { protocol: port.protocol, destinationLocal: true, destinationPorts: [port.publishedPort] };
  const action = { kind: "dnat", address: port.address, port: port.targetPort } as const;
  const name = `${port.protocol}/${port.publishedPort}`;
  return [
    { key: `host-port/in/${name}`, hook: "prerouting", match, action },
    { key: `host-port/local/${name}`, hook: "output", match, action },
    {
      key: `host-port/forward/${name}`,
      hook: "forward",
      match: { destination: `${port.address}/32`, protocol: port.protocol, destinationPorts: [port.targetPort] },
      action: { kind: "accept" },
    },
  ];
}

function meshPorts(input: HostRulesInput, ingressAddress: string): PacketRule[] {
  const rules: PacketRule[] = [];
  for (const protocol of ["tcp", "udp", "sctp"] as const) {
    const ports = input.meshPorts.filter((port) => port.protocol === protocol).map((port) => port.port);
    if (ports.length === 0) continue;
    const destinationPorts = ports.sort((a, b) => a - b);
    const match = { protocol, destinationLocal: true, destinationPorts };
    const action = { kind: "dnat", address: ingressAddress } as const;
    rules.push({ key: `mesh/in/${protocol}`, hook: "prerouting", match, action });
    rules.push({ key: `mesh/local/${protocol}`, hook: "output", match, action });
    rules.push({
      key: `mesh/forward/${protocol}`,
      hook: "forward",
      match: { destination: `${ingressAddress}/32`, protocol, destinationPorts },
      action: { kind: "accept" },
    });
  }
  return rules;
}

function forwarding(input: HostRulesInput): PacketRule[] {
  return [
    {
      key: "forward/answers",
      hook: "forward",
      match: { outInterface: input.bridge, connectionState: ["established", "related"] },
      action: { kind: "accept" },
    },
    {
      key: "forward/out",
      hook: "forward",
      match: { inInterface: input.bridge, notOutInterface: input.bridge },
      action: { kind: "accept" },
    },
    // A neighbour on the host's network could route to the bridge's subnet: only published ports are open.
    {
      key: "forward/closed",
      hook: "forward",
      match: { outInterface: input.bridge },
      action: { kind: "drop" },
    },
  ];
}
