/**
 * The wanted links, addresses, routes, neighbours and FDB entries of one node, as plain data.
 * Addresses are IPv4 in dotted form; `…Prefix` fields carry a prefix length ("10.0.1.4/24"). `…6` fields are IPv6, written as
 * RFC 5952 says ("fd00:1::4/64"). A network may have an IPv6 subnet beside its IPv4 one, never alone.
 */

/** An endpoint on another node. Local endpoints need no entry. */
export interface RemoteEndpoint {
  readonly address: string;
  /** Only where the network has {@link OverlayNetwork.gatewayPrefix6}. */
  readonly address6?: string;
  readonly mac: string;
  /** Where its VXLAN packets go: the address of the other node's tunnel endpoint. */
  readonly tunnelAddress: string;
}

export interface OverlayNetwork {
  /** Cluster-wide id of the network. */
  readonly id: string;
  /** VXLAN network identifier, 4096…16777215. */
  readonly vni: number;
  /** The bridge's own address, "10.0.1.1/24". */
  readonly gatewayPrefix: string;
  /** The same of its IPv6 subnet, "fd00:1::1/64". Without it no link of the network speaks IPv6. */
  readonly gatewayPrefix6?: string;
  /** MTU of every link of the overlay: the underlay's less 50 (IPv4 underlay) or 70 (IPv6). At least 1280 for IPv6 inside. */
  readonly mtu: number;
  readonly vxlanPort: number;
  readonly remotes: readonly RemoteEndpoint[];
}

/** An interface of a sandbox on an overlay. */
export interface OverlayInterface {
  readonly networkId: string;
  /** eth0, eth1 … */
  readonly name: string;
  readonly addressPrefix: string;
  /** Only where the network has {@link OverlayNetwork.gatewayPrefix6}. */
  readonly addressPrefix6?: string;
  readonly mac: string;
}

/** A sandbox's way out: an interface on the gateway bridge, with the default route. */
export interface GatewayInterface {
  readonly name: string;
  readonly addressPrefix: string;
  /** Preferred source of the default route; the interface's own address when absent. */
  readonly sourceAddress?: string;
}

/** Answers to marked connections leave by the gateway that they came from. */
export interface ReturnRoute {
  readonly mark: number;
  readonly mask: number;
  readonly table: number;
  readonly via: string;
  readonly interfaceName: string;
}

export interface Sandbox {
  /** Unique on the node and stable; becomes a part of the namespace's name. */
  readonly id: string;
  readonly interfaces: readonly OverlayInterface[];
  readonly gateway?: GatewayInterface;
  readonly returnRoutes: readonly ReturnRoute[];
  /** Path below /proc/sys → value, for example "net/ipv4/conf/all/arp_ignore" → "1". */
  readonly sysctls: Readonly<Record<string, string>>;
}

/** The bridge in the host's namespace that leads sandboxes out and published ports in. */
export interface GatewayBridge {
  readonly name: string;
  readonly addressPrefix: string;
  readonly mtu: number;
  /**
   * Whether the bridge itself keeps sandboxes from each other; true when absent. Where the packet filter sees bridged frames
   * (see bridgedFramesAreFiltered) that is its task, and this must be false: there a task that calls a published port of its
   * own host is sent on from port to port, which isolated ports do not allow.
   */
  readonly isolated?: boolean;
}

export interface NodeWanted {
  readonly gatewayBridge: GatewayBridge;
  readonly networks: readonly OverlayNetwork[];
  readonly sandboxes: readonly Sandbox[];
}
