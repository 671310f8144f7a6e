/** Wanted states of hosts that share overlay networks: each has one sandbox on each, and knows the others'. */
import { macFromAddress } from "../../overlay/mac-address.js";
import { sandboxNamespace } from "../../overlay/names.js";
import type { NodeWanted, OverlayNetwork, RemoteEndpoint, Sandbox } from "../../overlay/wanted.js";
import { GATEWAY_BRIDGE, type TestHost } from "./host-bed.js";

export interface ClusterShape {
  readonly networks: number;
  readonly mtu?: number;
  /** Networks with an IPv6 subnet too. */
  readonly ipv6?: boolean;
  /** Sandboxes without a way out. */
  readonly internal?: boolean;
}

export interface Cluster {
  readonly wanted: readonly NodeWanted[];
  /** Names of the sandboxes' namespaces, one per host. */
  readonly sandboxes: readonly string[];
  /** Of host `host`'s sandbox on network `network`. */
  address(network: number, host: number): string;
  address6(network: number, host: number): string;
}

export function sampleCluster(
  hosts: readonly TestHost[],
  { networks, mtu = 1450, ipv6 = false, internal = false }: ClusterShape,
): Cluster {
  const address = (network: number, host: number) => `10.77.${network}.${10 + host}`;
  const address6 = (network: number, host: number) => `fd00:77:${network + 1}::${10 + host}`;
  const wanted = hosts.map((own, index) => ({
    gatewayBridge: { name: GATEWAY_BRIDGE, addressPrefix: "172.31.0.1/24", mtu: 1500 },
    networks: Array.from({ length: networks }, (_, network) => overlayNetwork(network, own)),
    sandboxes: [sandbox(index)],
  }));
  return {
    wanted,
    sandboxes: hosts.map(({ nodeId }, index) => sandboxNamespace(nodeId, `task${index}`)),
    address,
    address6,
  };

  function overlayNetwork(network: number, own: TestHost): OverlayNetwork {
    return {
      id: `network${network}`,
      vni: 4096 + network,
      gatewayPrefix: `10.77.${network}.1/24`,
      ...(ipv6 ? { gatewayPrefix6: `fd00:77:${network + 1}::1/64` } : {}),
      mtu,
      vxlanPort: 4789,
      remotes: hosts.flatMap((host, index) => (host === own ? [] : [remote(network, index, host)])),
    };
  }

  function remote(network: number, index: number, host: TestHost): RemoteEndpoint {
    const endpoint = address(network, index);
    return {
      address: endpoint,
      ...(ipv6 ? { address6: address6(network, index) } : {}),
      mac: macFromAddress(endpoint),
      tunnelAddress: host.address,
    };
  }

  function sandbox(index: number): Sandbox {
    const interfaces = Array.from({ length: networks }, (_, network) => ({
      networkId: `network${network}`,
      name: network === 0 ? "eth0" : `eth${network + 1}`,
      addressPrefix: `${address(network, index)}/24`,
      ...(ipv6 ? { addressPrefix6: `${address6(network, index)}/64` } : {}),
      mac: macFromAddress(address(network, index)),
    }));
    return {
      id: `task${index}`,
      interfaces,
      ...(internal ? {} : { gateway: { name: "eth1", addressPrefix: `172.31.0.${10 + index}/24` } }),
      returnRoutes: [
        { mark: 0x40000001, mask: 0xffffffff, table: 0x40000001, via: address(0, 89), interfaceName: "eth0" },
      ],
      sysctls: { "net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/default/rp_filter": "0" },
    };
  }
}
