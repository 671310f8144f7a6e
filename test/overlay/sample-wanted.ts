/** A small node with every kind of object, for table tests. */
import type { NodeWanted } from "../../overlay/wanted.js";

export const SAMPLE_NODE = "4bk3ac0example";

export const SAMPLE: NodeWanted = {
  gatewayBridge: { name: "tsw_gw", addressPrefix: "172.18.0.1/16", mtu: 1500 },
  networks: [
    {
      id: "net1",
      vni: 4097,
      gatewayPrefix: "10.0.1.1/24",
      mtu: 1450,
      vxlanPort: 4789,
      remotes: [
        { address: "10.0.1.5", mac: "02:42:0a:00:01:05", tunnelAddress: "192.168.56.12" },
        { address: "10.0.1.6", mac: "02:42:0a:00:01:06", tunnelAddress: "192.168.56.13" },
      ],
    },
  ],
  sandboxes: [
    {
      id: "task1",
      interfaces: [{ networkId: "net1", name: "eth0", addressPrefix: "10.0.1.4/24", mac: "02:42:0a:00:01:04" }],
      gateway: { name: "eth1", addressPrefix: "172.18.0.3/16", sourceAddress: "10.0.1.4" },
      returnRoutes: [{ mark: 0x40000002, mask: 0xffffffff, table: 1002, via: "10.0.1.2", interfaceName: "eth0" }],
      sysctls: { "net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/eth0/rp_filter": "0" },
    },
  ],
};

const [NETWORK] = SAMPLE.networks;
const [SANDBOX] = SAMPLE.sandboxes;

/** The same with an IPv6 subnet, and a remote endpoint whose node has no IPv6. */
export const DUAL_SAMPLE: NodeWanted = {
  ...SAMPLE,
  networks: [
    {
      ...NETWORK!,
      gatewayPrefix6: "fd00:1::1/64",
      remotes: [{ ...NETWORK!.remotes[0]!, address6: "fd00:1::5" }, NETWORK!.remotes[1]!],
    },
  ],
  sandboxes: [{ ...SANDBOX!, interfaces: [{ ...SANDBOX!.interfaces[0]!, addressPrefix6: "fd00:1::4/64" }] }],
};
