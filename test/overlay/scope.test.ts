import type { ExecutionContext } from "ava";
import { networkNamespace, sandboxNamespace } from "../../overlay/names.js";
import type { NodeWanted } from "../../overlay/wanted.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { HostBed, pings, run } from "./host-bed.js";
import { sampleCluster } from "./sample-cluster.js";

function setUp(t: ExecutionContext) {
  const bed = new HostBed({ hosts: 2 });
  t.teardown(() => bed.remove());
  const cluster = sampleCluster(bed.hosts, { networks: 2 });
  for (const [index, host] of bed.hosts.entries()) host.reconcile(cluster.wanted[index]!);
  const host = bed.hosts[0]!;
  const wanted = cluster.wanted[0]!;
  const places = ["network0", "network1"].map((id) => networkNamespace(host.nodeId, id));
  return { host, wanted, cluster, places, sandbox: sandboxNamespace(host.nodeId, "task0") };
}

kernelTest(
  "scope entries: only FDB entries and neighbours of that network are looked at",
  { needs: ["vxlan", "bridge"] },
  (t) => {
    const { host, wanted, places } = setUp(t);
    for (const place of places) {
      run("ip", "-n", place, "neigh", "flush", "dev", "vxlan0", "nud", "permanent");
      run("ip", "-n", place, "addr", "del", place === places[0] ? "10.77.0.1/24" : "10.77.1.1/24", "dev", "br0");
    }
    t.is(host.reconcile(wanted, { scope: { entries: ["network0"] }, verify: false }).done, 1);
    t.is(host.reconcile(wanted, { scope: { entries: ["network0"] } }).done, 0);
    t.deepEqual(host.drift(wanted), [
      "missing address 10.77.0.1/24 dev br0",
      "missing route 10.77.0.0/24 table 254",
      "missing address 10.77.1.1/24 dev br0",
      "missing route 10.77.1.0/24 table 254",
      "missing neighbour 10.77.1.11 dev vxlan0",
    ]);
  },
);

kernelTest(
  "scope entries: without its VXLAN device the whole network is looked at",
  { needs: ["vxlan", "bridge"] },
  (t) => {
    const { host, wanted, places, sandbox, cluster } = setUp(t);
    run("ip", "-n", places[0]!, "link", "del", "vxlan0");
    t.deepEqual(host.reconcile(wanted, { scope: { entries: ["network0"] } }).drift, []);
    t.deepEqual(host.drift(wanted), []);
    t.true(pings(sandbox, cluster.address(0, 1), 1450));
  },
);

kernelTest(
  "scope sandboxes: one is made, with its ports, or removed, and others are not looked at",
  { needs: ["vxlan", "bridge"] },
  (t) => {
    const { host, wanted, sandbox } = setUp(t);
    const second = {
      ...wanted.sandboxes[0]!,
      id: "second",
      interfaces: [{ networkId: "network0", name: "eth0", addressPrefix: "10.77.0.60/24", mac: "02:42:0a:4d:00:3c" }],
      gateway: { name: "eth1", addressPrefix: "172.31.0.60/24" },
    };
    const more: NodeWanted = { ...wanted, sandboxes: [...wanted.sandboxes, second] };
    run("ip", "-n", sandbox, "route", "del", "default");
    t.deepEqual(host.reconcile(more, { scope: { sandboxes: ["second"] } }).drift, []);
    t.deepEqual(host.drift(more), ["missing route 0.0.0.0/0 table 254"]);
    const made = sandboxNamespace(host.nodeId, "second");
    t.true(pings(made, "10.77.0.10"));
    t.true(pings(made, "172.31.0.1"));
    t.deepEqual(host.reconcile(wanted, { scope: { sandboxes: ["second"] }, part: "extend" }).done, 0);
    t.deepEqual(host.reconcile(wanted, { scope: { sandboxes: ["second"] }, part: "trim" }).drift, []);
    t.deepEqual(host.drift(wanted), ["missing route 0.0.0.0/0 table 254"]);
  },
);

kernelTest("scope sandboxes: a network that is not there yet is made", { needs: ["vxlan", "bridge"] }, (t) => {
  const bed = new HostBed({ hosts: 2 });
  t.teardown(() => bed.remove());
  const cluster = sampleCluster(bed.hosts, { networks: 1 });
  for (const [index, host] of bed.hosts.entries()) {
    t.deepEqual(host.reconcile(cluster.wanted[index]!, { scope: { sandboxes: [`task${index}`] } }).drift, []);
  }
  t.true(pings(cluster.sandboxes[0]!, cluster.address(0, 1), 1450));
});

kernelTest("scope networks: a network that nobody wants goes", { needs: ["vxlan", "bridge"] }, (t) => {
  const { host, wanted, places } = setUp(t);
  const [sandbox] = wanted.sandboxes;
  const less: NodeWanted = {
    ...wanted,
    networks: wanted.networks.slice(0, 1),
    sandboxes: [{ ...sandbox!, interfaces: sandbox!.interfaces.slice(0, 1) }],
  };
  const scope = { entries: ["network1"], sandboxes: ["task0"] };
  t.deepEqual(host.reconcile(less, { scope }).drift, []);
  t.deepEqual(host.drift(less), []);
  t.throws(() => run("ip", "-n", places[1]!, "link"));
});
