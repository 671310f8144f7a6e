/** The wanted links, addresses and entries of a node, as a pure function of its tasks and of the rows. */

import { macFromAddress } from "../../../overlay/mac-address.js";
import { overlayMtu } from "../../../overlay/mtu.js";
import type {
  GatewayBridge,
  NodeWanted,
  OverlayInterface,
  OverlayNetwork,
  RemoteEndpoint,
  Sandbox,
} from "../../../overlay/wanted.js";
import { bareAddress, type LocalTask } from "./local-task.js";
import { ingressGateways, returnRoutes } from "./mesh-return.js";
import type { NetworkFacts } from "./network-facts.js";
import type { RowTable } from "./row-table.js";

export const INGRESS_SANDBOX = "ingress";

export interface NodeNetworkState {
  readonly nodeId: string;
  readonly bridge: GatewayBridge;
  readonly vxlanPort: number;
  /** MTU of the link that carries VXLAN, bytes. */
  readonly underlayMtu: number;
  /** The kernel speaks IPv6. */
  readonly hasIpv6: boolean;
  readonly networks: ReadonlyMap<string, NetworkFacts>;
  readonly tasks: ReadonlyMap<string, LocalTask>;
  /** This node's ingress sandbox; absent until the manager has given it an address. */
  readonly ingress?: { readonly networkId: string; readonly addressPrefix: string };
  /** Addresses on the gateway bridge by sandbox id, with prefix length. */
  readonly gatewayAddresses: ReadonlyMap<string, string>;
}

/** Sandboxes accept what policy routes bring, and answer ARP for interface addresses only (a virtual address is a local route). */
const SANDBOX_SYSCTLS: Readonly<Record<string, string>> = {
  "net/ipv4/conf/all/rp_filter": "0",
  "net/ipv4/conf/default/rp_filter": "0",
  "net/ipv4/conf/all/arp_ignore": "1",
  // An address that is replaced by another of its subnet must not take that one along when it goes.
  "net/ipv4/conf/all/promote_secondaries": "1",
  "net/ipv4/conf/all/accept_redirects": "0",
  "net/ipv4/conf/all/send_redirects": "0",
  "net/ipv4/conf/default/send_redirects": "0",
};

const INGRESS_SYSCTLS: Readonly<Record<string, string>> = { ...SANDBOX_SYSCTLS, "net/ipv4/ip_forward": "1" };

/** Nothing here speaks IPv6 but a sandbox's own loopback: link-local addresses would pass by the rules. */
const NO_IPV6: Readonly<Record<string, string>> = { "net/ipv6/conf/default/disable_ipv6": "1" };

/** Ports below 1024 need no privilege inside a sandbox, and the resolver's port is nobody else's. */
const TASK_SYSCTLS: Readonly<Record<string, string>> = {
  ...SANDBOX_SYSCTLS,
  "net/ipv4/ip_unprivileged_port_start": "0",
};

export function nodeWanted(state: NodeNetworkState, rows: RowTable): NodeWanted {
  const used = usedNetworks(state);
  const sandboxes = [...state.tasks.values()].map((task) => taskSandbox(task, state, rows));
  const ingress = ingressSandbox(state);
  if (ingress) sandboxes.push(ingress);
  return {
    gatewayBridge: state.bridge,
    networks: [...used].map((facts) => overlayNetwork(facts, state, rows)),
    sandboxes,
  };
}

/** The networks that have an interface on this node. */
export function usedNetworks(state: NodeNetworkState): ReadonlySet<NetworkFacts> {
  const used = new Set<NetworkFacts>();
  const add = (id: string) => {
    const facts = state.networks.get(id);
    if (facts) used.add(facts);
  };
  if (state.ingress) add(state.ingress.networkId);
  for (const task of state.tasks.values()) for (const attachment of task.attachments) add(attachment.networkId);
  return used;
}

export function overlayNetwork(facts: NetworkFacts, state: NodeNetworkState, rows: RowTable): OverlayNetwork {
  return {
    id: facts.id,
    vni: facts.vni,
    gatewayPrefix: facts.gatewayPrefix,
    mtu: overlayMtu({ family: 4, mtu: state.underlayMtu }, { driverMtu: facts.mtuOption }),
    vxlanPort: state.vxlanPort,
    remotes: remoteEndpoints(facts.id, state.nodeId, rows),
  };
}

export function remoteEndpoints(networkId: string, nodeId: string, rows: RowTable): readonly RemoteEndpoint[] {
  const remotes: RemoteEndpoint[] = [];
  for (const endpoint of rows.endpointsOf(networkId).values()) {
    if (endpoint.nodeId === nodeId) continue;
    remotes.push({ address: endpoint.address, mac: endpoint.mac, tunnelAddress: endpoint.tunnelAddress });
  }
  return remotes;
}

/** Interface names in a sandbox: the first overlay, the way out, then the other overlays. */
export interface InterfaceNames {
  readonly overlays: readonly string[];
  readonly gateway?: string;
}

export function interfaceNames(overlayCount: number, hasGateway: boolean): InterfaceNames {
  if (!hasGateway) return { overlays: Array.from({ length: overlayCount }, (_, index) => `eth${index}`) };
  if (overlayCount === 0) return { overlays: [], gateway: "eth0" };
  return {
    overlays: Array.from({ length: overlayCount }, (_, index) => (index === 0 ? "eth0" : `eth${index + 1}`)),
    gateway: "eth1",
  };
}

/** A task whose networks are all internal has no way out. */
export function hasWayOut(task: LocalTask, networks: ReadonlyMap<string, NetworkFacts>): boolean {
  return task.attachments.length === 0 || task.attachments.some((one) => !networks.get(one.networkId)?.internal);
}

/** The task's attachment to the ingress network, with the network. */
export function ingressAttachment(task: LocalTask, networks: ReadonlyMap<string, NetworkFacts>) {
  for (const attachment of task.attachments) {
    const facts = networks.get(attachment.networkId);
    if (facts?.ingress) return { attachment, facts };
  }
  return undefined;
}

export function taskSandbox(task: LocalTask, state: NodeNetworkState, rows: RowTable): Sandbox {
  const gatewayPrefix = hasWayOut(task, state.networks) ? state.gatewayAddresses.get(task.id) : undefined;
  const names = interfaceNames(task.attachments.length, gatewayPrefix !== undefined);
  const ingress = ingressAttachment(task, state.networks);
  const gateways = ingress ? ingressGateways(rows.endpointsOf(ingress.facts.id).values()) : [];
  return {
    id: task.id,
    interfaces: task.attachments.map((attachment, index) =>
      overlayInterface(attachment.networkId, names.overlays[index]!, attachment.addressPrefix),
    ),
    ...(gatewayPrefix === undefined
      ? {}
      : {
          gateway: {
            name: names.gateway!,
            addressPrefix: gatewayPrefix,
            ...(ingress ? { sourceAddress: bareAddress(ingress.attachment.addressPrefix) } : {}),
          },
        }),
    returnRoutes: ingress ? returnRoutes(gateways, ingress.facts.subnet, names.overlays[0]!) : [],
    sysctls: state.hasIpv6 ? { ...TASK_SYSCTLS, ...NO_IPV6 } : TASK_SYSCTLS,
  };
}

function ingressSandbox(state: NodeNetworkState): Sandbox | undefined {
  const gatewayPrefix = state.gatewayAddresses.get(INGRESS_SANDBOX);
  if (!state.ingress || gatewayPrefix === undefined) return undefined;
  const names = interfaceNames(1, true);
  return {
    id: INGRESS_SANDBOX,
    interfaces: [overlayInterface(state.ingress.networkId, names.overlays[0]!, state.ingress.addressPrefix)],
    gateway: { name: names.gateway!, addressPrefix: gatewayPrefix },
    returnRoutes: [],
    sysctls: state.hasIpv6 ? { ...INGRESS_SYSCTLS, ...NO_IPV6 } : INGRESS_SYSCTLS,
  };
}

function overlayInterface(networkId: string, name: string, addressPrefix: string): OverlayInterface {
  return { networkId, name, addressPrefix, mac: macFromAddress(bareAddress(addressPrefix)) };
}
