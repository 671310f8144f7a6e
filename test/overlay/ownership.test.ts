import { existsSync, rmSync, writeFileSync } from "node:fs";
import { namespacePrefix } from "../../netns/names.js";
import { listNamespaces, NAMESPACE_FOLDER } from "../../netns/namespace.js";
import { InvalidWantedError } from "../../overlay/errors.js";
import { gatewayPortName, networkNamespace, sandboxNamespace } from "../../overlay/names.js";
import { removeAll } from "../../overlay/remove-all.js";
import type { NodeWanted } from "../../overlay/wanted.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { GATEWAY_BRIDGE, HostBed, pings, run, type TestHost } from "./host-bed.js";
import { sampleCluster } from "./sample-cluster.js";

function linksOf(namespace: string): readonly string[] {
  return run("ip", "-n", namespace, "-br", "link")
    .trim()
    .split("\n")
    .map((line) => line.split(/[\s@]/)[0]!);
}

function namespacesOf({ nodeId }: TestHost): readonly string[] {
  return listNamespaces(namespacePrefix(nodeId));
}

kernelTest("a VNI that a stale namespace of this node holds is taken over", { needs: ["vxlan", "bridge"] }, (t) => {
  const bed = new HostBed({ hosts: 1 });
  t.teardown(() => bed.remove());
  const [host] = bed.hosts;
  const [wanted] = sampleCluster(bed.hosts, { networks: 1 }).wanted;
  const stale = networkNamespace(host!.nodeId, "stale");
  run("ip", "netns", "add", stale);
  const device = ["type", "vxlan", "id", "4096", "dstport", "4789"];
  run("ip", "-n", host!.namespace, "link", "add", "old", "netns", stale, ...device);
  // Part "extend" removes nothing that nobody wants; yet the device is in the way.
  t.deepEqual(host!.reconcile(wanted!, { part: "extend" }).failures, []);
  t.deepEqual(linksOf(stale), ["lo"]);
  t.deepEqual(host!.drift(wanted!), [`extra namespace ${stale}`]);
  t.deepEqual(host!.reconcile(wanted!).drift, []);
  t.false(existsSync(`${NAMESPACE_FOLDER}/${stale}`));
});

kernelTest(
  "a VNI that somebody else holds is left to him, and the error says which and who",
  { needs: ["vxlan", "bridge"] },
  (t) => {
    const bed = new HostBed({ hosts: 1 });
    t.teardown(() => bed.remove());
    const [host] = bed.hosts;
    const [wanted] = sampleCluster(bed.hosts, { networks: 1 }).wanted;
    run("ip", "-n", host!.namespace, "link", "add", "flannel", "type", "vxlan", "id", "4096", "dstport", "4789");
    const { failures, drift } = host!.reconcile(wanted!);
    const [first, ...rest] = failures;
    t.is(first?.code, "EEXIST");
    t.regex(
      first!.text,
      /^add VXLAN device vxlan0 .* VNI 4096 on UDP port 4789 is taken by flannel in the host's namespace/,
    );
    t.true(rest.length > 0);
    for (const { text } of rest) t.regex(text, /left out, because there is no link vxlan0/);
    t.true(drift.some(({ kind, key, state }) => kind === "link" && key === "vxlan0" && state === "missing"));
    t.true(linksOf(host!.namespace).includes("flannel"));
    // All that does not need the device stands.
    t.true(pings(sandboxNamespace(host!.nodeId, "task0"), "172.31.0.1"));
    run("ip", "-n", host!.namespace, "link", "del", "flannel");
    t.deepEqual(host!.reconcile(wanted!).drift, []);
  },
);

kernelTest("a foreign link with the gateway bridge's name is not touched", { needs: ["vxlan", "bridge"] }, (t) => {
  const bed = new HostBed({ hosts: 1 });
  t.teardown(() => bed.remove());
  const [host] = bed.hosts;
  const [wanted] = sampleCluster(bed.hosts, { networks: 1 }).wanted;
  run("ip", "-n", host!.namespace, "link", "add", GATEWAY_BRIDGE, "type", "veth", "peer", "name", "x");
  const { failures } = host!.reconcile(wanted!);
  t.regex(
    failures[0]!.text,
    /add bridge tsw_gw in the host's namespace: .*EEXIST.* \(a link of another kind has this name\)/,
  );
  t.true(linksOf(host!.namespace).includes("x"));
});

kernelTest(
  "orphans of this node go, those of others and half-made names of ours too",
  { needs: ["vxlan", "bridge"] },
  (t) => {
    const bed = new HostBed({ hosts: 2 });
    t.teardown(() => bed.remove());
    const [host, other] = bed.hosts;
    const { wanted } = sampleCluster(bed.hosts, { networks: 1 });
    other!.reconcile(wanted[1]!);
    const neighbours = namespacesOf(other!);
    const orphan = sandboxNamespace(host!.nodeId, "orphan");
    const halfMade = networkNamespace(host!.nodeId, "half-made");
    const halfMadeWanted = networkNamespace(host!.nodeId, "network0");
    run("ip", "netns", "add", orphan);
    writeFileSync(`${NAMESPACE_FOLDER}/${halfMade}`, "");
    writeFileSync(`${NAMESPACE_FOLDER}/${halfMadeWanted}`, "");
    t.teardown(() => {
      rmSync(`${NAMESPACE_FOLDER}/${halfMade}`, { force: true });
    });
    const leg = gatewayPortName(host!.nodeId, orphan);
    run("ip", "-n", host!.namespace, "link", "add", leg, "type", "veth", "peer", "name", "kept");
    const foreignLeg = gatewayPortName("othernode", orphan);
    run("ip", "-n", host!.namespace, "link", "add", foreignLeg, "type", "veth", "peer", "name", "kept2");
    t.deepEqual(host!.reconcile(wanted[0]!).drift, []);
    t.deepEqual([...namespacesOf(host!)].sort(), [halfMadeWanted, sandboxNamespace(host!.nodeId, "task0")].sort());
    t.false(linksOf(host!.namespace).includes(leg));
    t.true(linksOf(host!.namespace).includes(foreignLeg));
    t.deepEqual(namespacesOf(other!), neighbours);
  },
);

kernelTest("removeAll leaves nothing of the node and all of others", { needs: ["vxlan", "bridge"] }, (t) => {
  const bed = new HostBed({ hosts: 2 });
  t.teardown(() => bed.remove());
  const [host, other] = bed.hosts;
  const { wanted } = sampleCluster(bed.hosts, { networks: 2 });
  const before = linksOf(host!.namespace);
  for (const [index, one] of bed.hosts.entries()) one.reconcile(wanted[index]!);
  const { failures, done } = host!.run(() => removeAll(host!.nodeId, GATEWAY_BRIDGE));
  t.deepEqual(failures, []);
  t.true(done > 0);
  t.deepEqual(namespacesOf(host!), []);
  t.deepEqual(linksOf(host!.namespace), before);
  t.deepEqual(other!.drift(wanted[1]!), []);
  t.is(host!.run(() => removeAll(host!.nodeId, GATEWAY_BRIDGE)).done, 0);
});

kernelTest("a wanted state that cannot be is refused, and nothing is written", { needs: ["vxlan", "bridge"] }, (t) => {
  const bed = new HostBed({ hosts: 1 });
  t.teardown(() => bed.remove());
  const [host] = bed.hosts;
  const [wanted] = sampleCluster(bed.hosts, { networks: 1 }).wanted;
  const [network] = wanted!.networks;
  const twice: NodeWanted = { ...wanted!, networks: [network!, { ...network!, id: "again" }] };
  t.throws(() => host!.reconcile(twice), {
    instanceOf: InvalidWantedError,
    message: /VNI 4096 is already that of network/,
  });
  t.deepEqual(namespacesOf(host!), []);
});

kernelTest("a setting that the kernel lacks is reported, and the rest is done", { needs: ["vxlan", "bridge"] }, (t) => {
  const bed = new HostBed({ hosts: 1 });
  t.teardown(() => bed.remove());
  const [host] = bed.hosts;
  const cluster = sampleCluster(bed.hosts, { networks: 1 });
  const [sandbox] = cluster.wanted[0]!.sandboxes;
  const sysctls = { ...sandbox!.sysctls, "net/ipv4/no_such_setting": "1" };
  const { failures, drift } = host!.reconcile({ ...cluster.wanted[0]!, sandboxes: [{ ...sandbox!, sysctls }] });
  t.deepEqual(
    failures.map(({ code, text }) => [code, text.split(":")[0]]),
    [["ENOENT", `set net/ipv4/no_such_setting to 1 in ${cluster.sandboxes[0]}`]],
  );
  t.deepEqual(
    drift.map(({ key, state }) => [key, state]),
    [["net/ipv4/no_such_setting", "different"]],
  );
  t.true(pings(cluster.sandboxes[0]!, "172.31.0.1"));
});
