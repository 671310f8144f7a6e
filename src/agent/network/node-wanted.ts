/** The wanted links, addresses and entries of a node, as a pure function of its tasks and of the rows. */

import { IPV6_OFF_FOR_NEW_LINKS } from "../../../overlay/ipv6-settings.js";
import { macFromAddress } from "../../../overlay/mac-address.js";
import type {
  GatewayBridge,
  NodeWanted,
  OverlayInterface,
  OverlayNetwork,
  RemoteEndpoint,
  Sandbox,
} from "../../../overlay/wanted.js";
import { bareAddress } from "./address-family.js";
import { carriesIpv6, networkMtu } from "./ipv6-carriage.js";
import type { LocalAttachment, LocalTask } from "./local-task.js";
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

/**
 * Nothing here speaks IPv6 but a sandbox's own loopback, and what has an address of a network's IPv6 subnet: link-local addresses would
 * pass by the rules.
 */
const NO_IPV6 = IPV6_OFF_FOR_NEW_LINKS;
/** A sandbox on two networks is no way from one to the other. */
const OVERLAY_IPV6: Readonly<Record<string, string>> = { ...NO_IPV6, "net/ipv6/conf/all/forwarding": "0" };

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
  const hasIpv6 = carriesIpv6(facts, state);
  return {
    id: facts.id,
    vni: facts.vni,
    gatewayPrefix: facts.gatewayPrefix,
    ...(hasIpv6 && { gatewayPrefix6: facts.gatewayPrefix6! }),
    mtu: networkMtu(facts, state.underlayMtu),
    vxlanPort: state.vxlanPort,
    remotes: remoteEndpoints(facts.id, state.nodeId, rows, hasIpv6),
  };
}

/** @param hasIpv6 with the addresses of IPv6 */
export function remoteEndpoints(
  networkId: string,
  nodeId: string,
  rows: RowTable,
  hasIpv6: boolean,
): readonly RemoteEndpoint[] {
  const remotes: RemoteEndpoint[] = [];
  for (const endpoint of rows.endpointsOf(networkId).values()) {
    if (endpoint.nodeId === nodeId) continue;
    const { address, address6, mac, tunnelAddress } = endpoint;
    remotes.push(
      hasIpv6 && address6 !== "" ? { address, address6, mac, tunnelAddress } : { address, mac, tunnelAddress },
    );
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
  const sixOf = ({ networkId, addressPrefix6 }: LocalAttachment) => {
    const facts = state.networks.get(networkId);
    return facts && carriesIpv6(facts, state) ? addressPrefix6 : undefined;
  };
  const ipv6 = task.attachments.some(sixOf) ? OVERLAY_IPV6 : NO_IPV6;
  return {
    id: task.id,
    interfaces: task.attachments.map((attachment, index) =>
      overlayInterface(attachment, names.overlays[index]!, sixOf(attachment)),
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
    sysctls: state.hasIpv6 ? { ...TASK_SYSCTLS, ...ipv6 } : TASK_SYSCTLS,
  };
}

function ingressSandbox(state: NodeNetworkState): Sandbox | undefined {
  const gatewayPrefix = state.gatewayAddresses.get(INGRESS_SANDBOX);
  if (!state.ingress || gatewayPrefix === undefined) return undefined;
  const names = interfaceNames(1, true);
  return {
    id: INGRESS_SANDBOX,
    interfaces: [overlayInterface(state.ingress, names.overlays[0]!)],
    gateway: { name: names.gateway!, addressPrefix: gatewayPrefix },
    returnRoutes: [],
    sysctls: state.hasIpv6 ? { ...INGRESS_SYSCTLS, ...NO_IPV6 } : INGRESS_SYSCTLS,
  };
}

function overlayInterface(
  { networkId, addressPrefix }: Pick<LocalAttachment, "networkId" | "addressPrefix">,
  name: string,
  addressPrefix6?: string,
): OverlayInterface {
  const six = addressPrefix6 === undefined ? {} : { addressPrefix6 };
  return { networkId, name, addressPrefix, ...six, mac: macFromAddress(bareAddress(addressPrefix)) };
}
