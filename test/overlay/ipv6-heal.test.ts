import { networkNamespace } from "../../overlay/names.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { HostBed, pings, pings6, run, runIn } from "./host-bed.js";
import { sampleCluster } from "./sample-cluster.js";
import { eachIsHealed, type Tampering } from "./tampering.js";

const REMOTE = "fd00:77:1::11";
const MADE_BY_HAND = ["lladdr", "02:42:0a:4d:00:fe", "dev", "vxlan0"];

/** Each is done by hand to a node in order; the drift must name it, and one reconciliation heal it. */
const acts: readonly Tampering[] = [
  [
    "neighbour deleted",
    ({ network }) => run("ip", "-n", network, "-6", "neigh", "del", REMOTE, "dev", "vxlan0"),
    /missing neighbour fd00:77:1::11 dev vxlan0/,
  ],
  [
    "neighbour with another MAC",
    ({ network }) => run("ip", "-n", network, "-6", "neigh", "replace", REMOTE, ...MADE_BY_HAND, "nud", "reachable"),
    /different neighbour fd00:77:1::11 dev vxlan0 mac permanent/,
  ],
  [
    "neighbour added",
    ({ network }) => run("ip", "-n", network, "-6", "neigh", "add", "fd00:77:1::254", ...MADE_BY_HAND),
    /extra neighbour fd00:77:1::254 dev vxlan0/,
  ],
  [
    "solicitations kept from the tunnel",
    ({ network }) => run("bridge", "-n", network, "link", "set", "dev", "vxlan0", "mcast_flood", "off"),
    /different link vxlan0 port.multicastFlood/,
  ],
  [
    "VXLAN device without IPv6",
    ({ network }) => switchOff(network, "vxlan0"),
    /different sysctl net\/ipv6\/conf\/vxlan0\/disable_ipv6 value[\s\S]*missing neighbour|missing neighbour[\s\S]*vxlan0\/disable_ipv6 value/,
  ],
  [
    "VXLAN device deleted",
    ({ network }) => run("ip", "-n", network, "link", "del", "vxlan0"),
    /missing neighbour fd00:77:1::11 dev vxlan0/,
  ],
  [
    "VXLAN device down",
    ({ network }) => run("ip", "-n", network, "link", "set", "vxlan0", "down"),
    /missing neighbour fd00:77:1::11 dev vxlan0/,
  ],
  [
    "VXLAN device too small for IPv6",
    ({ network }) => run("ip", "-n", network, "link", "set", "vxlan0", "mtu", "1200"),
    /different link vxlan0 mtu/,
  ],
  [
    "bridge's address deleted",
    ({ network }) => run("ip", "-n", network, "addr", "del", "fd00:77:1::1/64", "dev", "br0"),
    /missing address fd00:77:1::1\/64 dev br0/,
  ],
  ["bridge without IPv6", ({ network }) => switchOff(network, "br0"), /missing address fd00:77:1::1\/64 dev br0/],
  ["bridge deleted", ({ network }) => run("ip", "-n", network, "link", "del", "br0"), /missing address fd00:77:1::1/],
  [
    "IPv6 on for every link of the network",
    ({ network }) => setting(network, "all", "disable_ipv6", "0"),
    /different sysctl net\/ipv6\/conf\/all\/disable_ipv6 value/,
  ],
  [
    "address deleted",
    ({ sandbox }) => run("ip", "-n", sandbox, "addr", "del", "fd00:77:1::10/64", "dev", "eth0"),
    /missing address fd00:77:1::10\/64 dev eth0/,
  ],
  [
    "addresses added",
    ({ sandbox, network }) => {
      run("ip", "-n", sandbox, "addr", "add", "fd00:77:1::99/64", "dev", "eth0", "nodad");
      run("ip", "-n", sandbox, "addr", "add", "fe80::99/64", "dev", "eth0", "nodad");
      run("ip", "-n", network, "addr", "add", "fd00:99::1/64", "dev", "br0", "nodad");
    },
    /extra address fd00:77:1::99\/64 dev eth0\nextra address fe80::99\/64 dev eth0/,
  ],
  [
    "address with another length",
    ({ sandbox }) => {
      run("ip", "-n", sandbox, "addr", "del", "fd00:77:1::10/64", "dev", "eth0");
      run("ip", "-n", sandbox, "addr", "add", "fd00:77:1::10/48", "dev", "eth0", "nodad");
    },
    /extra address fd00:77:1::10\/48 dev eth0/,
  ],
  [
    "subnet's route deleted",
    ({ sandbox }) => run("ip", "-n", sandbox, "-6", "route", "del", "fd00:77:1::/64"),
    /missing route fd00:77:1::\/64 table 254 metric 256/,
  ],
  [
    "subnet's route deleted on the bridge",
    ({ network }) => run("ip", "-n", network, "-6", "route", "del", "fd00:77:1::/64"),
    /missing route fd00:77:1::\/64 table 254 metric 256/,
  ],
  [
    "routes added",
    ({ sandbox }) => {
      run("ip", "-n", sandbox, "-6", "route", "add", "default", "via", "fd00:77:1::1");
      run("ip", "-n", sandbox, "-6", "route", "add", "blackhole", "fd00:5::/64");
      run("ip", "-n", sandbox, "-6", "route", "add", "unreachable", "fd00:6::/64", "metric", "7");
      run("ip", "-n", sandbox, "-6", "route", "add", "default", "via", "fd00:77:1::1", "table", "77");
    },
    /extra route ::\/0 table 254 metric 1024/,
  ],
  ["interface without IPv6", ({ sandbox }) => switchOff(sandbox, "eth0"), /missing address fd00:77:1::10\/64 dev eth0/],
  ["no IPv6 at all", ({ sandbox }) => switchOff(sandbox, "all"), /missing address fd00:77:1::10\/64 dev eth0/],
  [
    "an interface that listens to routers and makes addresses up",
    ({ sandbox }) => {
      for (const [name, value] of [
        ["accept_ra", "2"],
        ["autoconf", "1"],
        ["accept_redirects", "1"],
        ["accept_dad", "1"],
        ["dad_transmits", "1"],
        ["addr_gen_mode", "0"],
      ] as const)
        setting(sandbox, "eth0", name, value);
    },
    /extra address fe80::42:aff:fe4d:a\/64 dev eth0[\s\S]*addr_gen_mode value/,
  ],
  [
    "interface down",
    ({ sandbox }) => run("ip", "-n", sandbox, "link", "set", "eth0", "down"),
    /missing address fd00:77:1::10\/64 dev eth0/,
  ],
  ["interface deleted", ({ sandbox }) => run("ip", "-n", sandbox, "link", "del", "eth0"), /missing link eth0/],
  ["port deleted", ({ network, port }) => run("ip", "-n", network, "link", "del", port), /missing link eth0/],
  ["network's namespace deleted", ({ network }) => run("ip", "netns", "del", network), /missing namespace tsw-\S+-net/],
  ["sandbox's namespace deleted", ({ sandbox }) => run("ip", "netns", "del", sandbox), /missing namespace tsw-\S+-sbx/],
];

kernelTest(
  "every kind of tampering with IPv6 is seen, named and healed; a second look writes nothing",
  { needs: ["vxlan", "bridge", "ipv6"] },
  (t) => {
    eachIsHealed(t, acts, { ipv6: true }, ({ sandbox }, cluster, when) => {
      t.true(pings6(sandbox, cluster.address6(0, 1), 1450), `${when}: across the tunnel`);
      t.true(pings(sandbox, cluster.address(0, 1), 1450), `${when}: across the tunnel by IPv4`);
      t.true(pings6(sandbox, "fd00:77:1::1"), `${when}: the network's bridge`);
    });
  },
);

kernelTest(
  "scope entries: a VXLAN device that somebody has made anew gets its neighbours of both families",
  { needs: ["vxlan", "bridge", "ipv6"] },
  (t) => {
    const bed = new HostBed({ hosts: 2 });
    t.teardown(() => bed.remove());
    const cluster = sampleCluster(bed.hosts, { networks: 1, ipv6: true });
    for (const [index, host] of bed.hosts.entries()) host.reconcile(cluster.wanted[index]!);
    const [host] = bed.hosts;
    const network = networkNamespace(host!.nodeId, "network0");
    run("ip", "-n", network, "link", "del", "vxlan0");
    run("ip", "-n", network, "link", "add", "vxlan0", "type", "vxlan", "id", "9999", "dstport", "4789", "nolearning");
    const { failures, drift } = host!.reconcile(cluster.wanted[0]!, { scope: { entries: ["network0"] } });
    t.deepEqual([failures.map(({ text }) => text), drift], [[], []]);
    t.deepEqual(host!.drift(cluster.wanted[0]!), []);
    t.true(pings6(cluster.sandboxes[0]!, cluster.address6(0, 1), 1450));
  },
);

function switchOff(namespace: string, link: string): void {
  setting(namespace, link, "disable_ipv6", "1");
}

function setting(namespace: string, link: string, name: string, value: string): void {
  runIn(namespace, "sysctl", "-qw", `net.ipv6.conf.${link}.${name}=${value}`);
}
