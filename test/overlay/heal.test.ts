import { kernelTest } from "../kernel/kernel-test.js";
import { pings, run, runIn } from "./host-bed.js";
import { eachIsHealed, type Tampering } from "./tampering.js";

const REMOTE = "02:42:0a:4d:00:0b";

/** Each is done by hand to a node in order; the drift must name it, and one reconciliation heal it. */
const acts: readonly Tampering[] = [
  ["VXLAN device deleted", ({ network }) => run("ip", "-n", network, "link", "del", "vxlan0"), /missing link vxlan0/],
  [
    "VXLAN device down",
    ({ network }) => run("ip", "-n", network, "link", "set", "vxlan0", "down"),
    /different link vxlan0 up/,
  ],
  [
    "VXLAN device of another VNI",
    ({ network }) => {
      run("ip", "-n", network, "link", "del", "vxlan0");
      run("ip", "-n", network, "link", "add", "vxlan0", "type", "vxlan", "id", "9999", "dstport", "4789", "nolearning");
    },
    /different link vxlan0 .*vxlan.vni vxlan.proxy vxlan.underlayIsHost/,
  ],
  [
    "VXLAN device that learns",
    ({ network }) => run("ip", "-n", network, "link", "set", "vxlan0", "type", "vxlan", "learning"),
    /different link vxlan0 vxlan.learning/,
  ],
  [
    "VXLAN device out of the bridge",
    ({ network }) => run("ip", "-n", network, "link", "set", "vxlan0", "nomaster"),
    /different link vxlan0 master/,
  ],
  ["bridge deleted", ({ network }) => run("ip", "-n", network, "link", "del", "br0"), /missing link br0/],
  [
    "bridge with other options",
    ({ network }) =>
      run("ip", "-n", network, "link", "set", "br0", "type", "bridge", "stp_state", "1", "mcast_snooping", "1"),
    /different link br0 bridge.stp bridge.multicastSnooping/,
  ],
  [
    "bridge's address removed",
    ({ network }) => run("ip", "-n", network, "addr", "del", "10.77.0.1/24", "dev", "br0"),
    /missing address 10.77.0.1\/24 dev br0/,
  ],
  [
    "MTU changed",
    ({ network, sandbox }) => {
      run("ip", "-n", network, "link", "set", "vxlan0", "mtu", "1300");
      run("ip", "-n", sandbox, "link", "set", "eth0", "mtu", "1300");
    },
    /different link eth0 mtu/,
  ],
  [
    "neighbour deleted",
    ({ network }) => run("ip", "-n", network, "neigh", "del", "10.77.0.11", "dev", "vxlan0"),
    /missing neighbour 10.77.0.11/,
  ],
  [
    "neighbour with another MAC",
    ({ network }) =>
      run(
        "ip",
        "-n",
        network,
        "neigh",
        "replace",
        "10.77.0.11",
        "lladdr",
        "02:42:0a:4d:00:77",
        "dev",
        "vxlan0",
        "nud",
        "reachable",
      ),
    /different neighbour 10.77.0.11 dev vxlan0 mac permanent/,
  ],
  [
    "FDB entry deleted",
    ({ network }) => run("bridge", "-n", network, "fdb", "del", REMOTE, "dev", "vxlan0"),
    /missing fdb 02:42:0a:4d:00:0b/,
  ],
  [
    "FDB entry to another host",
    ({ network }) => run("bridge", "-n", network, "fdb", "replace", REMOTE, "dev", "vxlan0", "dst", "192.168.200.99"),
    /different fdb 02:42:0a:4d:00:0b dev vxlan0 tunnel/,
  ],
  [
    "foreign entries added",
    ({ network }) => {
      run("bridge", "-n", network, "fdb", "add", "02:42:0a:4d:00:fe", "dev", "vxlan0", "dst", "192.168.200.9");
      run("bridge", "-n", network, "fdb", "append", "00:00:00:00:00:00", "dev", "vxlan0", "dst", "192.168.200.9");
      run(
        "bridge",
        "-n",
        network,
        "fdb",
        "append",
        "00:00:00:00:00:00",
        "dev",
        "vxlan0",
        "dst",
        "192.168.200.8",
        "port",
        "4790",
      );
      run("bridge", "-n", network, "fdb", "add", "02:42:0a:4d:00:fd", "dev", "vxlan0", "master", "static");
      run("ip", "-n", network, "neigh", "add", "10.77.0.254", "lladdr", "02:42:0a:4d:00:fe", "dev", "vxlan0");
    },
    /extra fdb 02:42:0a:4d:00:fe dev vxlan0/,
  ],
  [
    "local entry deleted",
    ({ network, port }) => run("bridge", "-n", network, "fdb", "del", "02:42:0a:4d:00:0a", "dev", port, "master"),
    /missing fdb 02:42:0a:4d:00:0a/,
  ],
  ["port deleted", ({ network, port }) => run("ip", "-n", network, "link", "del", port), /missing link eth0/],
  [
    "port treated differently",
    ({ network, port }) => run("bridge", "-n", network, "link", "set", "dev", port, "isolated", "on", "learning", "on"),
    /different link v\S+ port.isolated port.learning/,
  ],
  ["interface deleted", ({ sandbox }) => run("ip", "-n", sandbox, "link", "del", "eth0"), /missing link eth0/],
  [
    "interface down",
    ({ sandbox }) => run("ip", "-n", sandbox, "link", "set", "eth0", "down"),
    /different link eth0 up/,
  ],
  [
    "interface with another MAC",
    ({ sandbox }) => run("ip", "-n", sandbox, "link", "set", "eth0", "address", "02:00:00:00:00:09"),
    /different link eth0 mac/,
  ],
  [
    "interface that is somebody's own",
    ({ sandbox }) => {
      run("ip", "-n", sandbox, "link", "del", "eth0");
      run("ip", "-n", sandbox, "link", "add", "eth0", "type", "veth", "peer", "name", "other");
    },
    /different link eth0 .*peer/,
  ],
  ["loopback down", ({ sandbox }) => run("ip", "-n", sandbox, "link", "set", "lo", "down"), /different link lo up/],
  [
    "loopback without address",
    ({ sandbox }) => run("ip", "-n", sandbox, "addr", "del", "127.0.0.1/8", "dev", "lo"),
    /missing address 127.0.0.1\/8 dev lo/,
  ],
  [
    "address deleted",
    ({ sandbox }) => run("ip", "-n", sandbox, "addr", "flush", "dev", "eth0"),
    /missing address 10.77.0.10\/24 dev eth0/,
  ],
  [
    "address added",
    ({ sandbox }) => run("ip", "-n", sandbox, "addr", "add", "10.77.0.99/24", "dev", "eth0"),
    /extra address 10.77.0.99\/24 dev eth0/,
  ],
  [
    "address in another's place",
    ({ sandbox }) => {
      run("ip", "-n", sandbox, "addr", "flush", "dev", "eth0");
      run("ip", "-n", sandbox, "addr", "add", "10.77.0.99/24", "dev", "eth0");
      run("ip", "-n", sandbox, "addr", "add", "10.77.0.10/24", "dev", "eth0");
    },
    /extra address 10.77.0.99\/24 dev eth0/,
  ],
  [
    "subnet's route deleted",
    ({ sandbox }) => run("ip", "-n", sandbox, "route", "del", "10.77.0.0/24"),
    /missing route 10.77.0.0\/24/,
  ],
  [
    "default route deleted",
    ({ sandbox }) => run("ip", "-n", sandbox, "route", "del", "default"),
    /missing route 0.0.0.0\/0/,
  ],
  [
    "default route elsewhere",
    ({ sandbox }) => run("ip", "-n", sandbox, "route", "replace", "default", "via", "10.77.0.1", "dev", "eth0"),
    /different route 0.0.0.0\/0 table 254 via link/,
  ],
  [
    "routes added",
    ({ sandbox }) => {
      run("ip", "-n", sandbox, "route", "add", "1.2.3.0/24", "via", "172.31.0.1");
      run("ip", "-n", sandbox, "route", "add", "default", "via", "10.77.0.1", "metric", "5");
      run("ip", "-n", sandbox, "route", "add", "blackhole", "5.6.7.0/24");
      run("ip", "-n", sandbox, "route", "add", "default", "via", "10.77.0.1", "table", "77");
    },
    /extra route 5.6.7.0\/24/,
  ],
  [
    "rule deleted",
    ({ sandbox }) => run("ip", "-n", sandbox, "rule", "del", "fwmark", "0x40000001"),
    /missing rule 100: fwmark 0x40000001/,
  ],
  [
    "rule added at our priority",
    ({ sandbox }) => run("ip", "-n", sandbox, "rule", "add", "fwmark", "0x7/0xff", "lookup", "77", "priority", "100"),
    /extra rule 100: fwmark 0x7\/0xff lookup 77/,
  ],
  [
    "setting changed",
    ({ sandbox }) => runIn(sandbox, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1"),
    /different sysctl net\/ipv4\/conf\/all\/rp_filter value/,
  ],
  [
    "forwarding off in the host",
    ({ host }) => runIn(host, "sysctl", "-qw", "net.ipv4.ip_forward=0"),
    /different sysctl net\/ipv4\/ip_forward/,
  ],
  ["gateway bridge deleted", ({ host }) => run("ip", "-n", host, "link", "del", "tsw_gw"), /missing link tsw_gw/],
  [
    "gateway bridge down",
    ({ host }) => run("ip", "-n", host, "link", "set", "tsw_gw", "down"),
    /different link tsw_gw up/,
  ],
  [
    "gateway bridge's address changed",
    ({ host }) => {
      run("ip", "-n", host, "addr", "flush", "dev", "tsw_gw");
      run("ip", "-n", host, "addr", "add", "172.30.0.1/24", "dev", "tsw_gw");
    },
    /missing address 172.31.0.1\/24 dev tsw_gw/,
  ],
  ["gateway interface deleted", ({ sandbox }) => run("ip", "-n", sandbox, "link", "del", "eth1"), /missing link eth1/],
  [
    "foreign links in our namespaces",
    ({ network, sandbox }) => {
      run("ip", "-n", network, "link", "add", "foreign0", "type", "bridge");
      run("ip", "-n", sandbox, "link", "add", "foreign1", "type", "veth", "peer", "name", "foreign2");
    },
    /extra link foreign0/,
  ],
  [
    "network's namespace deleted",
    ({ network }) => run("ip", "netns", "del", network),
    /missing namespace tsw-\S+-net-network0/,
  ],
  [
    "sandbox's namespace deleted",
    ({ sandbox }) => run("ip", "netns", "del", sandbox),
    /missing namespace tsw-\S+-sbx-task0/,
  ],
];

kernelTest(
  "every kind of tampering is seen, named and healed; a second look writes nothing",
  { needs: ["vxlan", "bridge"] },
  (t) => {
    eachIsHealed(t, acts, {}, ({ sandbox }, cluster, when) => {
      t.true(pings(sandbox, cluster.address(0, 1), 1450), `${when}: across the tunnel`);
      t.true(pings(sandbox, "172.31.0.1"), `${when}: to the gateway`);
    });
  },
);
