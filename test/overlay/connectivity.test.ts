import { overlayMtu } from "../../overlay/mtu.js";
import { sandboxNamespace } from "../../overlay/names.js";
import { bridgedFramesAreFiltered, underlayPath } from "../../overlay/underlay.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { GATEWAY_BRIDGE, HostBed, pings, run, runIn, succeedsIn } from "./host-bed.js";
import { sampleCluster } from "./sample-cluster.js";
import { sendStream } from "./stream.js";

const MASQUERADE = ["-t", "nat", "-A", "POSTROUTING", "-s", "172.31.0.0/24", "-o", "eth0", "-j", "MASQUERADE"];

kernelTest(
  "sandboxes of three hosts reach each other on two networks, with packets of full size",
  { needs: ["vxlan", "bridge"] },
  (t) => {
    const bed = new HostBed({ hosts: 3 });
    t.teardown(() => bed.remove());
    const cluster = sampleCluster(bed.hosts, { networks: 2 });
    for (const [index, host] of bed.hosts.entries()) {
      const { failures, drift, done } = host.reconcile(cluster.wanted[index]!);
      t.deepEqual([failures, drift], [[], []]);
      t.true(done > 30);
    }
    for (const [from, sandbox] of cluster.sandboxes.entries()) {
      for (const to of cluster.sandboxes.keys()) {
        for (const network of [0, 1]) {
          t.true(pings(sandbox, cluster.address(network, to), 1450), `${from} to ${to} on network ${network}`);
        }
      }
      t.is(fragmentsMade(sandbox), 0);
    }
    t.false(pings(cluster.sandboxes[0]!, "10.77.0.250"), "an address that nobody has");
    for (const host of bed.hosts) t.is(fragmentsMade(host.namespace), 0);
  },
);

kernelTest("a TCP stream arrives whole across the tunnel", { needs: ["vxlan", "bridge"] }, async (t) => {
  const bed = new HostBed({ hosts: 2 });
  t.teardown(() => bed.remove());
  const cluster = sampleCluster(bed.hosts, { networks: 1 });
  for (const [index, host] of bed.hosts.entries()) host.reconcile(cluster.wanted[index]!);
  const [from, to] = cluster.sandboxes as readonly [string, string];
  const bytes = 4 * 1024 * 1024;
  t.deepEqual(await sendStream(t, { from, to, address: cluster.address(0, 1), bytes }), {
    received: bytes,
    answer: "done",
    callers: [cluster.address(0, 0)],
  });
});

kernelTest(
  "the gateway bridge leads out to other hosts, in from its own, and not from sandbox to sandbox",
  { needs: ["vxlan", "bridge", "iptables-legacy"] },
  (t) => {
    const bed = new HostBed({ hosts: 1 });
    t.teardown(() => bed.remove());
    const [host] = bed.hosts;
    const [wanted] = sampleCluster(bed.hosts, { networks: 1 }).wanted;
    const second = {
      ...wanted!.sandboxes[0]!,
      id: "second",
      interfaces: [],
      returnRoutes: [],
      gateway: { name: "eth0", addressPrefix: "172.31.0.60/24" },
    };
    const both = { ...wanted!, sandboxes: [...wanted!.sandboxes, second] };
    t.deepEqual(host!.reconcile(both).drift, []);
    const [first, other] = both.sandboxes.map(({ id }) => `tsw-${host!.nodeId.slice(0, 8)}-sbx-${id}`);

    t.false(pings(first!, bed.clientAddress), "without masquerading the client cannot answer");
    runIn(host!.namespace, "iptables-legacy", ...MASQUERADE);
    t.true(pings(first!, bed.clientAddress, 1500));
    t.true(pings(other!, bed.clientAddress));

    t.true(pings(host!.namespace, "172.31.0.10"), "the host reaches its sandboxes");
    t.true(pings(other!, "172.31.0.1"), "and they the host");
    t.false(pings(other!, "172.31.0.10"), "but not each other");

    t.is(runIn(host!.namespace, "cat", "/proc/sys/net/ipv4/conf/tsw_gw/route_localnet").trim(), "1");
    t.is(runIn(host!.namespace, "cat", "/proc/sys/net/ipv4/ip_forward").trim(), "1");
  },
);

kernelTest(
  "a task reaches a published port of its own host, whether or not the packet filter sees bridged frames",
  { needs: ["vxlan", "bridge", "iptables-legacy"] },
  (t) => {
    const bed = new HostBed({ hosts: 1 });
    t.teardown(() => bed.remove());
    const [host] = bed.hosts;
    const [wanted] = sampleCluster(bed.hosts, { networks: 1 }).wanted;
    const target = {
      ...wanted!.sandboxes[0]!,
      id: "target",
      interfaces: [],
      returnRoutes: [],
      gateway: { name: "eth0", addressPrefix: "172.31.0.60/24" },
    };
    const [caller, called] = ["task0", "target"].map((id) => sandboxNamespace(host!.nodeId, id));
    const iptables = (...args: readonly string[]) => runIn(host!.namespace, "iptables-legacy", ...args);
    for (const filtered of [true, false]) {
      const setting = `net.bridge.bridge-nf-call-iptables=${filtered ? 1 : 0}`;
      if (!succeedsIn(host!.namespace, "sysctl", "-qw", setting)) continue;
      t.is(host!.run(bridgedFramesAreFiltered), filtered);
      const gatewayBridge = { ...wanted!.gatewayBridge, isolated: !filtered };
      const both = { ...wanted!, gatewayBridge, sandboxes: [...wanted!.sandboxes, target] };
      t.deepEqual(host!.reconcile(both).drift, []);
      iptables("-F");
      iptables("-t", "nat", "-F");
      const published = ["-d", host!.address, "-p", "icmp"];
      iptables("-t", "nat", "-A", "PREROUTING", ...published, "-j", "DNAT", "--to-destination", "172.31.0.60");
      iptables("-t", "nat", "-A", "POSTROUTING", "-s", "172.31.0.0/24", "-o", GATEWAY_BRIDGE, "-j", "MASQUERADE");
      for (const state of ["DNAT", "ESTABLISHED"]) {
        iptables("-A", "FORWARD", "-o", GATEWAY_BRIDGE, "-m", "conntrack", "--ctstate", state, "-j", "ACCEPT");
      }
      iptables("-A", "FORWARD", "-o", GATEWAY_BRIDGE, "-j", "DROP");
      const when = `filtered: ${filtered}`;
      t.true(pings(bed.client, host!.address), `${when}: a client`);
      t.true(pings(caller!, host!.address), `${when}: a task of the same host`);
      t.false(pings(caller!, "172.31.0.60"), `${when}: not past the host`);
      t.true(pings(called!, "172.31.0.1"), when);
    }
  },
);

kernelTest("a sandbox without a gateway has no way out", { needs: ["vxlan", "bridge"] }, (t) => {
  const bed = new HostBed({ hosts: 1 });
  t.teardown(() => bed.remove());
  const cluster = sampleCluster(bed.hosts, { networks: 1, internal: true });
  bed.hosts[0]!.reconcile(cluster.wanted[0]!);
  const [sandbox] = cluster.sandboxes;
  t.is(runIn(sandbox!, "ip", "route", "show", "default").trim(), "");
  t.false(succeedsIn(sandbox!, "ip", "route", "get", bed.clientAddress));
});

kernelTest("marked packets leave by the gateway of their return route", { needs: ["vxlan", "bridge"] }, (t) => {
  const bed = new HostBed({ hosts: 1 });
  t.teardown(() => bed.remove());
  const cluster = sampleCluster(bed.hosts, { networks: 1 });
  bed.hosts[0]!.reconcile(cluster.wanted[0]!);
  const [sandbox] = cluster.sandboxes;
  t.regex(runIn(sandbox!, "ip", "route", "get", "8.8.8.8"), /via 172.31.0.1 dev eth1/);
  t.regex(runIn(sandbox!, "ip", "route", "get", "8.8.8.8", "mark", "0x40000001"), /via 10.77.0.99 dev eth0/);
});

kernelTest("what ip(8) and bridge(8) say of a network's namespace", { needs: ["vxlan", "bridge"] }, (t) => {
  const bed = new HostBed({ hosts: 2 });
  t.teardown(() => bed.remove());
  const [host] = bed.hosts;
  const cluster = sampleCluster(bed.hosts, { networks: 1 });
  host!.reconcile(cluster.wanted[0]!);
  const network = `tsw-${host!.nodeId.slice(0, 8)}-net-network0`;
  const vxlan = run("ip", "-n", network, "-d", "link", "show", "vxlan0");
  t.regex(vxlan, /vxlan id 4096 .*dstport 4789 .*nolearning proxy/);
  t.notRegex(vxlan, /l2miss|l3miss/);
  t.regex(vxlan, new RegExp(`link-netns ${host!.namespace}`));
  t.regex(vxlan, /mtu 1450 .*master br0 .*learning off flood on .*mcast_flood off/s);
  t.regex(run("ip", "-n", network, "-d", "link", "show", "br0"), /mcast_snooping 0/);
  t.regex(run("ip", "-n", network, "address", "show", "br0"), /inet 10.77.0.1\/24 /);
  t.is(
    run("ip", "-n", network, "neigh", "show", "dev", "vxlan0").trim(),
    "10.77.0.11 lladdr 02:42:0a:4d:00:0b PERMANENT",
  );
  const entries = run("bridge", "-n", network, "fdb", "show");
  t.regex(entries, /02:42:0a:4d:00:0b dev vxlan0 dst 192.168.200.2 .*self permanent/);
  t.regex(entries, /02:42:0a:4d:00:0a dev v\S+ master br0 static/);
  const port = run("ip", "-n", host!.namespace, "-d", "link", "show", "master", "tsw_gw");
  t.regex(port, /isolated on/);
});

kernelTest("the MTU of the way to other nodes", { needs: ["bridge"] }, (t) => {
  const bed = new HostBed({ hosts: 1, mtu: 1400 });
  t.teardown(() => bed.remove());
  const [host] = bed.hosts;
  const path = (address: string) => host!.run(() => underlayPath(address));
  t.deepEqual(path(bed.clientAddress), { family: 4, mtu: 1400 });
  t.deepEqual(path(host!.address), { family: 4, mtu: 1400 });
  run("ip", "-n", host!.namespace, "route", "add", "10.9.0.0/16", "via", bed.clientAddress, "mtu", "1300");
  t.deepEqual(path("10.9.1.2"), { family: 4, mtu: 1300 });
  t.is(overlayMtu(path("10.9.1.2"), { encrypted: true }), 1224);
  t.throws(() => path("11.0.0.1"), { message: /ENETUNREACH/ });
});

function fragmentsMade(namespace: string): number {
  const [names, values] = runIn(namespace, "cat", "/proc/net/snmp")
    .split("\n")
    .filter((line) => line.startsWith("Ip:"))
    .map((line) => line.split(" "));
  return Number(values![names!.indexOf("FragCreates")]);
}
