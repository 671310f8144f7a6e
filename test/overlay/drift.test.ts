import test from "ava";
import type { NamespaceRole } from "../../overlay/actual-state.js";
import { drift, type OverlayDrift } from "../../overlay/drift.js";
import { expectedNode } from "../../overlay/expected-state.js";
import { HOST, type Place } from "../../overlay/kernel-objects.js";
import { gatewayPortName, networkNamespace, portName, sandboxNamespace } from "../../overlay/names.js";
import { plan } from "../../overlay/plan.js";
import { ModelKernel } from "./model-kernel.js";
import { SAMPLE, SAMPLE_NODE } from "./sample-wanted.js";

const NET = networkNamespace(SAMPLE_NODE, "net1");
const BOX = sandboxNamespace(SAMPLE_NODE, "task1");

function builtKernel(): ModelKernel {
  const roleOf = (place: Place): NamespaceRole => (place === HOST ? "host" : place === BOX ? "sandbox" : "network");
  const kernel = new ModelKernel(SAMPLE_NODE, roleOf);
  for (const step of plan(look(kernel), SAMPLE)) kernel.take(step);
  return kernel;
}

function look(kernel: ModelKernel) {
  const { namespaces } = expectedNode(SAMPLE, SAMPLE_NODE);
  return kernel.observe(namespaces.keys(), (place) => namespaces.get(place)?.sysctls.map(({ path }) => path) ?? []);
}

function rows(kernel: ModelKernel): readonly OverlayDrift[] {
  return drift(look(kernel), SAMPLE);
}

test("everything that is wanted has a row, also when it is in order", (t) => {
  const all = rows(builtKernel());
  t.true(all.every(({ state }) => state === "present"));
  const kinds = new Set(all.map(({ kind }) => kind));
  t.deepEqual([...kinds].sort(), ["address", "fdb", "link", "namespace", "neighbour", "route", "rule", "sysctl"]);
  const find = (place: Place, key: string) => all.find((row) => row.place === place && row.key === key);
  t.like(find(NET, "02:42:0a:00:01:05 dev vxlan0"), {
    kind: "fdb",
    wanted: "tunnel=192.168.56.12 fixed=true",
    found: "tunnel=192.168.56.12 fixed=true",
    networkId: "net1",
  });
  t.like(find(NET, portName(BOX, "eth0")), { kind: "link", networkId: "net1", sandboxId: "task1" });
  t.like(find(HOST, gatewayPortName(SAMPLE_NODE, BOX)), { kind: "link", sandboxId: "task1" });
  t.like(find(BOX, "0.0.0.0/0 table 254"), {
    kind: "route",
    wanted: "type=unicast via=172.18.0.1 link=eth1 source=10.0.1.4",
    sandboxId: "task1",
  });
});

test("missing, different and extra objects are told with what is wanted and what was found", (t) => {
  const kernel = builtKernel();
  const network = kernel.namespaces.get(NET)!;
  network.neighbours.delete("10.0.1.5 dev vxlan0");
  const key = "02:42:0a:00:01:06 dev vxlan0";
  network.fdb.set(key, { ...network.fdb.get(key)!, tunnel: "192.168.56.99" });
  network.addresses.set("x", { kind: "address", link: "br0", prefix: "10.0.1.200/24" });
  kernel.take({ kind: "create-namespace", place: networkNamespace(SAMPLE_NODE, "old") });
  const found = rows(kernel).filter(({ state }) => state !== "present");
  t.deepEqual(found, [
    { kind: "address", place: NET, key: "10.0.1.200/24 dev br0", state: "extra", found: "", networkId: "net1" },
    {
      kind: "fdb",
      place: NET,
      key,
      state: "different",
      wanted: "tunnel=192.168.56.13 fixed=true",
      found: "tunnel=192.168.56.99 fixed=true",
      attributes: ["tunnel"],
      networkId: "net1",
    },
    {
      kind: "neighbour",
      place: NET,
      key: "10.0.1.5 dev vxlan0",
      state: "missing",
      wanted: "mac=02:42:0a:00:01:05 permanent=true",
      networkId: "net1",
    },
    {
      kind: "namespace",
      place: networkNamespace(SAMPLE_NODE, "old"),
      key: networkNamespace(SAMPLE_NODE, "old"),
      state: "extra",
    },
  ]);
});
