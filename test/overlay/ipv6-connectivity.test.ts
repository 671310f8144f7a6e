import { networkNamespace } from "../../overlay/names.js";
import { removeAll } from "../../overlay/remove-all.js";
import type { NodeWanted } from "../../overlay/wanted.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { GATEWAY_BRIDGE, HostBed, pings, pings6, run, runIn, succeedsIn } from "./host-bed.js";
import { sampleCluster } from "./sample-cluster.js";
import { sendStream } from "./stream.js";

kernelTest(
  "sandboxes of three hosts reach each other by IPv6 on two networks, with packets of full size",
  { needs: ["vxlan", "bridge", "ipv6"] },
  (t) => {
    const bed = new HostBed({ hosts: 3 });
    t.teardown(() => bed.remove());
    const cluster = sampleCluster(bed.hosts, { networks: 2, ipv6: true });
    for (const [index, host] of bed.hosts.entries()) {
      const { failures, drift } = host.reconcile(cluster.wanted[index]!);
      t.deepEqual([failures.map(({ text }) => text), drift], [[], []]);
      t.is(host.reconcile(cluster.wanted[index]!).done, 0);
    }
    for (const [from, sandbox] of cluster.sandboxes.entries()) {
      for (const to of cluster.sandboxes.keys()) {
        for (const network of [0, 1]) {
          const how = `${from} to ${to} on network ${network}`;
          t.true(pings6(sandbox, cluster.address6(network, to), 1450), how);
          t.true(pings(sandbox, cluster.address(network, to), 1450), how);
        }
      }
      t.true(pings6(sandbox, "fd00:77:1::1"), "the network's bridge");
      t.regex(runIn(sandbox, "cat", "/proc/net/snmp6"), /^Ip6FragCreates\s+0$/m);
    }
    t.false(pings6(cluster.sandboxes[0]!, "fd00:77:1::250"), "an address that nobody has");
  },
);

kernelTest(
  "IPv6 is on for the links that need it alone, and has none but its wanted addresses",
  { needs: ["vxlan", "bridge", "ipv6"] },
  (t) => {
    const bed = new HostBed({ hosts: 2 });
    t.teardown(() => bed.remove());
    const [host] = bed.hosts;
    const [both] = sampleCluster(bed.hosts, { networks: 2, ipv6: true }).wanted;
    const wanted = withIpv4Alone(both!, "network1");
    t.deepEqual(host!.reconcile(wanted).drift, []);
    const [six, four] = ["network0", "network1"].map((id) => networkNamespace(host!.nodeId, id));
    const sandbox = `tsw-${host!.nodeId.slice(0, 8)}-sbx-task0`;
    t.deepEqual(addresses6(six!), ["br0 fd00:77:1::1/64"]);
    t.deepEqual(addresses6(four!), []);
    t.deepEqual(addresses6(sandbox), ["eth0 fd00:77:1::10/64", "lo ::1/128"]);
    const route = run("ip", "-n", sandbox, "-6", "route", "show").trim();
    t.regex(route, /^fd00:77:1::\/64 dev eth0 proto kernel metric 256\b[^\n]*$/);
    for (const link of ["eth1", "eth2"]) {
      t.is(runIn(sandbox, "cat", `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`).trim(), "1", link);
    }
    t.is(run("ip", "-n", four!, "-6", "neigh", "show", "nud", "permanent").trim(), "");
    t.regex(run("bridge", "-n", four!, "-d", "link", "show", "dev", "vxlan0"), /mcast_flood off/);
    t.regex(run("bridge", "-n", six!, "-d", "link", "show", "dev", "vxlan0"), /mcast_flood on/);
    t.deepEqual(host!.run(() => removeAll(host!.nodeId, GATEWAY_BRIDGE)).failures, []);
    t.false(run("ip", "netns", "list").includes(host!.nodeId.slice(0, 8)));
    t.false(run("ip", "-n", host!.namespace, "-o", "link").includes(GATEWAY_BRIDGE));
  },
);

kernelTest(
  "sandboxes of one host, and of two, speak TCP over IPv6; no group packet leaves the host",
  { needs: ["vxlan", "bridge", "ipv6"] },
  async (t) => {
    const bed = new HostBed({ hosts: 2 });
    t.teardown(() => bed.remove());
    const cluster = sampleCluster(bed.hosts, { networks: 1, ipv6: true });
    const [first, second] = bed.hosts;
    const [wanted, others] = cluster.wanted;
    const neighbour = { id: "neighbour", interfaces: [NEIGHBOUR], returnRoutes: [], sysctls: {} };
    first!.reconcile({ ...wanted!, sandboxes: [...wanted!.sandboxes, neighbour] });
    second!.reconcile(others!);
    const network = networkNamespace(first!.nodeId, "network0");
    const sentBefore = packetsSent(network);
    t.true(pings6(cluster.sandboxes[0]!, "fd00:77:1::60"));
    const group = ["ping6", "-c", "1", "-W", "2", "-I", "eth0", "ff05::1"];
    succeedsIn(cluster.sandboxes[0]!, "busybox", ...group);
    t.is(packetsSent(network), sentBefore, "groups and neighbours of one host are none of the tunnel's business");
    const beside = `tsw-${first!.nodeId.slice(0, 8)}-sbx-neighbour`;
    for (const [namespace, address] of [
      [beside, "fd00:77:1::60"],
      [cluster.sandboxes[1]!, cluster.address6(0, 1)],
    ] as const) {
      const bytes = 1024 * 1024;
      t.deepEqual(
        await sendStream(t, { from: cluster.sandboxes[0]!, to: namespace, address, bytes }),
        { received: bytes, answer: "done", callers: [cluster.address6(0, 0)] },
        address,
      );
    }
  },
);

kernelTest("an endpoint that moves is reached where it is now", { needs: ["vxlan", "bridge", "ipv6"] }, (t) => {
  const bed = new HostBed({ hosts: 3 });
  t.teardown(() => bed.remove());
  const cluster = sampleCluster(bed.hosts, { networks: 1, ipv6: true });
  const [first, second, third] = bed.hosts;
  const [caller, from, to] = cluster.wanted;
  for (const [index, host] of bed.hosts.entries()) host.reconcile(cluster.wanted[index]!);
  const moving = { id: "moving", interfaces: [NEIGHBOUR], returnRoutes: [], sysctls: {} };
  const at = (wanted: NodeWanted, tunnelAddress: string) => {
    const [network] = wanted.networks;
    const remote = { address: "10.77.0.60", address6: "fd00:77:1::60", mac: NEIGHBOUR.mac, tunnelAddress };
    return { ...wanted, networks: [{ ...network!, remotes: [...network!.remotes, remote] }] };
  };
  const here = (wanted: NodeWanted) => ({ ...wanted, sandboxes: [...wanted.sandboxes, moving] });
  const states: readonly (readonly NodeWanted[])[] = [
    [at(caller!, second!.address), here(from!), at(to!, second!.address)],
    [at(caller!, third!.address), at(from!, third!.address), here(to!)],
    [here(caller!), at(from!, first!.address), at(to!, first!.address)],
    [at(caller!, third!.address), at(from!, third!.address), here(to!)],
  ];
  for (const [round, state] of states.entries()) {
    for (const [index, host] of bed.hosts.entries()) {
      const { failures, drift } = host.reconcile(state[index]!);
      t.deepEqual([failures.map(({ text }) => text), drift], [[], []], `round ${round}, host ${index}`);
    }
    for (const sandbox of cluster.sandboxes) t.true(pings6(sandbox, "fd00:77:1::60", 1450), `round ${round}`);
  }
  for (const [index, host] of bed.hosts.entries()) {
    const { drift } = host.reconcile(cluster.wanted[index]!);
    t.deepEqual(drift, []);
    t.false(run("ip", "-n", networkNamespace(host.nodeId, "network0"), "-6", "neigh").includes("fd00:77:1::60"));
  }
  t.false(pings6(cluster.sandboxes[0]!, "fd00:77:1::60"));
});

const NEIGHBOUR = {
  networkId: "network0",
  name: "eth0",
  addressPrefix: "10.77.0.60/24",
  addressPrefix6: "fd00:77:1::60/64",
  mac: "02:42:0a:4d:00:3c",
};

/** Takes IPv6 from one of the networks. */
function withIpv4Alone(wanted: NodeWanted, networkId: string): NodeWanted {
  return {
    ...wanted,
    networks: wanted.networks.map(({ gatewayPrefix6, ...network }) =>
      network.id === networkId
        ? { ...network, remotes: network.remotes.map(({ address6: _, ...remote }) => remote) }
        : { ...network, gatewayPrefix6 },
    ),
    sandboxes: wanted.sandboxes.map((sandbox) => ({
      ...sandbox,
      interfaces: sandbox.interfaces.map(({ addressPrefix6, ...one }) =>
        one.networkId === networkId ? one : { ...one, addressPrefix6 },
      ),
    })),
  };
}

/** "link prefix" of each IPv6 address, link-local ones too. */
function addresses6(namespace: string): readonly string[] {
  const lines = run("ip", "-n", namespace, "-6", "-o", "address", "show").trim().split("\n");
  return lines
    .flatMap((line) => {
      const [, link, , prefix] = line.split(/\s+/);
      return link === undefined ? [] : [`${link} ${prefix}`];
    })
    .sort();
}

/** By the VXLAN device, to other hosts. */
function packetsSent(network: string): number {
  const [link] = JSON.parse(run("ip", "-n", network, "-s", "-j", "link", "show", "vxlan0")) as [
    { readonly stats64: { readonly tx: { readonly packets: number } } },
  ];
  return link.stats64.tx.packets;
}
