import test from "ava";
import type { ActualNode, NamespaceRole } from "../../overlay/actual-state.js";
import { expectedNode } from "../../overlay/expected-state.js";
import { HOST, type KernelObject, keyOf, type Place } from "../../overlay/kernel-objects.js";
import { gatewayPortName, networkNamespace, portName, sandboxNamespace } from "../../overlay/names.js";
import { plan } from "../../overlay/plan.js";
import { describeStep, type Step } from "../../overlay/steps.js";
import type { NodeWanted } from "../../overlay/wanted.js";
import { ModelKernel } from "./model-kernel.js";
import { DUAL_SAMPLE, SAMPLE, SAMPLE_NODE } from "./sample-wanted.js";

const NET = networkNamespace(SAMPLE_NODE, "net1");
const BOX = sandboxNamespace(SAMPLE_NODE, "task1");
const PORT = portName(BOX, "eth0");
const GATEWAY = gatewayPortName(SAMPLE_NODE, BOX);
const EMPTY: NodeWanted = { ...SAMPLE, networks: [], sandboxes: [] };

test("bring-up: what is used comes before its users", (t) => {
  t.deepEqual(descriptions(new World().plan(SAMPLE)), [
    "set net/ipv4/ip_forward to 1 @host",
    "add bridge tsw_gw @host",
    "set mtu 1500, up true of link tsw_gw @host",
    "set address 172.18.0.1/16 dev tsw_gw @host",
    "set net/ipv4/conf/tsw_gw/route_localnet to 1 @host",
    "make the namespace itself @net",
    "set net/bridge/bridge-nf-call-iptables to 0 @net",
    "set net/bridge/bridge-nf-call-ip6tables to 0 @net",
    "set net/bridge/bridge-nf-call-arptables to 0 @net",
    "set net/ipv6/conf/all/disable_ipv6 to 1 @net",
    "set net/ipv6/conf/default/disable_ipv6 to 1 @net",
    "set up true of link lo @net",
    "add bridge br0 @net",
    "set mtu 1450, up true of link br0 @net",
    "set address 10.0.1.1/24 dev br0 @net",
    "add VXLAN device vxlan0 (VNI 4097, port 4789, MTU 1450) @net",
    "set FDB entry 02:42:0a:00:01:05 dev vxlan0 to 192.168.56.12 @net",
    "set FDB entry 02:42:0a:00:01:06 dev vxlan0 to 192.168.56.13 @net",
    "set neighbour 10.0.1.5 dev vxlan0 to 02:42:0a:00:01:05 @net",
    "set neighbour 10.0.1.6 dev vxlan0 to 02:42:0a:00:01:06 @net",
    "set master br0, up true, isolated false, learning false, unicastFlood true, multicastFlood false of link vxlan0 @net",
    "make the namespace itself @box",
    "set net/ipv4/conf/all/rp_filter to 0 @box",
    "set up true of link lo @box",
    "add veth PORT to eth0 of box @net",
    "set master br0, up true, isolated false, learning false, unicastFlood false, multicastFlood true of link PORT @net",
    "set FDB entry 02:42:0a:00:01:04 dev PORT master @net",
    "set up true of link eth0 @box",
    "add veth GATEWAY to eth1 of box @host",
    "set master tsw_gw, up true, isolated true, learning true, unicastFlood true, multicastFlood true of link GATEWAY @host",
    "set up true of link eth1 @box",
    "set net/ipv4/conf/eth0/rp_filter to 0 @box",
    "set address 10.0.1.4/24 dev eth0 @box",
    "set address 172.18.0.3/16 dev eth1 @box",
    "set route 0.0.0.0/0 table 254 via 172.18.0.1 dev eth1 @box",
    "set route 0.0.0.0/0 table 1002 via 10.0.1.2 dev eth0 @box",
    "add rule 100: fwmark 0x40000002/0xffffffff lookup 1002 @box",
  ]);
});

test("bring-up with IPv6: a link is told to speak it when it can do no harm, and before it has to", (t) => {
  const before = descriptions(new World().plan(SAMPLE));
  const added = descriptions(new World().plan(DUAL_SAMPLE)).filter((step) => !before.includes(step));
  const on = (link: string, place: string) =>
    [
      ["addr_gen_mode", 1],
      ["accept_ra", 0],
      ["autoconf", 0],
      ["accept_redirects", 0],
      ["dad_transmits", 0],
      ["accept_dad", 0],
      ["disable_ipv6", 0],
    ].map(([name, value]) => `set net/ipv6/conf/${link}/${name} to ${value} @${place}`);
  t.deepEqual(added, [
    ...on("br0", "net"),
    "set address fd00:1::1/64 dev br0 @net",
    ...on("vxlan0", "net"),
    "set neighbour fd00:1::5 dev vxlan0 to 02:42:0a:00:01:05 @net",
    "set master br0, up true, isolated false, learning false, unicastFlood true, multicastFlood true of link vxlan0 @net",
    "set net/ipv6/conf/default/disable_ipv6 to 1 @box",
    ...on("eth0", "box"),
    "set address fd00:1::4/64 dev eth0 @box",
  ]);
});

test("the host takes as many neighbours of IPv6 as of IPv4, once there is a network with IPv6", (t) => {
  const limits = (wanted: NodeWanted) =>
    expectedNode(wanted, SAMPLE_NODE)
      .namespaces.get(HOST)!
      .sysctls.flatMap(({ path, value }) => (path.startsWith("net/ipv6/") ? [`${path.slice(-10)} ${value}`] : []));
  t.deepEqual(limits(SAMPLE), []);
  t.deepEqual(limits(DUAL_SAMPLE), ["gc_thresh3 65536", "gc_thresh2 49152", "gc_thresh1 8192"]);
});

test("repair: IPv6 that somebody has turned on for all links of a network goes off and comes back where it belongs", (t) => {
  const world = new World(DUAL_SAMPLE);
  world.kernel.setSysctl(NET, "net/ipv6/conf/all/disable_ipv6", "0");
  const planned = world.plan(DUAL_SAMPLE);
  for (const step of planned) world.kernel.take(step);
  t.deepEqual(descriptions(world.plan(DUAL_SAMPLE)), []);
  t.is(descriptions(planned)[0], "set net/ipv6/conf/all/disable_ipv6 to 1 @net");
  t.is(descriptions(planned).at(-1), "set neighbour fd00:1::5 dev vxlan0 to 02:42:0a:00:01:05 @net");
});

test("an IPv6 address that moves here with another MAC address is no neighbour of the tunnel any more", (t) => {
  const [network] = DUAL_SAMPLE.networks;
  const stale = {
    address: "10.0.1.9",
    address6: "fd00:1::4",
    mac: "02:42:0a:00:01:09",
    tunnelAddress: "192.168.56.12",
  };
  const wanted = { ...DUAL_SAMPLE, networks: [{ ...network!, remotes: [...network!.remotes, stale] }] };
  const steps = descriptions(new World().plan(wanted));
  t.true(steps.some((step) => step.startsWith("set neighbour 10.0.1.9 ")));
  t.false(steps.some((step) => step.startsWith("set neighbour fd00:1::4 ")));
});

test("removal goes the other way round", (t) => {
  t.deepEqual(descriptions(new World(SAMPLE).plan(EMPTY)), [
    "remove link eth0 @box",
    "remove link eth1 @box",
    "remove the namespace itself @box",
    "remove link vxlan0 @net",
    "remove link br0 @net",
    "remove the namespace itself @net",
  ]);
});

test("what is there is left alone", (t) => {
  t.deepEqual(new World(SAMPLE).plan(SAMPLE), []);
});

test("a sandbox without a gateway has no default route", (t) => {
  const [sandbox] = SAMPLE.sandboxes;
  const steps = new World().plan({ ...SAMPLE, sandboxes: [{ ...sandbox!, gateway: undefined, returnRoutes: [] }] });
  t.false(steps.some((step) => step.kind === "replace-route"));
  t.false(steps.some((step) => step.kind === "create-veth" && step.place === HOST));
});

test("an endpoint that moves here gives way to its sandbox before that comes up", (t) => {
  const [network] = SAMPLE.networks;
  const elsewhere: NodeWanted = {
    ...SAMPLE,
    networks: [
      {
        ...network!,
        remotes: [{ address: "10.0.1.4", mac: "02:42:0a:00:01:04", tunnelAddress: "192.168.56.12" }],
      },
    ],
    sandboxes: [],
  };
  const both: NodeWanted = { ...elsewhere, sandboxes: SAMPLE.sandboxes };
  const steps = descriptions(new World(elsewhere).plan(both));
  t.deepEqual(steps.slice(0, 2), [
    "remove neighbour 10.0.1.4 dev vxlan0 @net",
    "remove FDB entry 02:42:0a:00:01:04 dev vxlan0 to 192.168.56.12 @net",
  ]);
  t.true(steps.includes("set FDB entry 02:42:0a:00:01:04 dev PORT master @net"));
});

test("an endpoint that moves to another node is replaced in place", (t) => {
  const [network] = SAMPLE.networks;
  const [first, second] = network!.remotes;
  const moved = [{ ...first!, tunnelAddress: "192.168.56.13" }, second!];
  const steps = new World(SAMPLE).plan({ ...SAMPLE, networks: [{ ...network!, remotes: moved }] });
  t.deepEqual(descriptions(steps), ["set FDB entry 02:42:0a:00:01:05 dev vxlan0 to 192.168.56.13 @net"]);
});

const repairs: readonly [what: string, tamper: (kernel: ModelKernel) => void, steps: readonly string[]][] = [
  [
    "a VXLAN device with learning on is made anew, with all its entries",
    (kernel) => {
      const link = kernel.namespaces.get(NET)!.links.get("vxlan0")!;
      link.vxlan = { ...link.vxlan!, learning: true };
    },
    [
      "remove link vxlan0 (wrong vxlan.learning) @net",
      "add VXLAN device vxlan0 (VNI 4097, port 4789, MTU 1450) @net",
      "set FDB entry 02:42:0a:00:01:05 dev vxlan0 to 192.168.56.12 @net",
      "set FDB entry 02:42:0a:00:01:06 dev vxlan0 to 192.168.56.13 @net",
      "set neighbour 10.0.1.5 dev vxlan0 to 02:42:0a:00:01:05 @net",
      "set neighbour 10.0.1.6 dev vxlan0 to 02:42:0a:00:01:06 @net",
      "set master br0, up true, isolated false, learning false, unicastFlood true, multicastFlood false of link vxlan0 @net",
    ],
  ],
  [
    "a VXLAN device that is down comes up after its neighbours",
    (kernel) => kernel.setLink(NET, "vxlan0", { up: false }),
    [
      "set neighbour 10.0.1.5 dev vxlan0 to 02:42:0a:00:01:05 @net",
      "set neighbour 10.0.1.6 dev vxlan0 to 02:42:0a:00:01:06 @net",
      "set up true of link vxlan0 @net",
    ],
  ],
  [
    "a lost bridge takes its ports back",
    (kernel) => kernel.removeLink(NET, "br0"),
    [
      "add bridge br0 @net",
      "set mtu 1450, up true of link br0 @net",
      "set address 10.0.1.1/24 dev br0 @net",
      "set master br0, isolated false, learning false, unicastFlood true, multicastFlood false of link vxlan0 @net",
      "set master br0, isolated false, learning false, unicastFlood false, multicastFlood true of link PORT @net",
      "set FDB entry 02:42:0a:00:01:04 dev PORT master @net",
    ],
  ],
  [
    "a lost interface comes back with its port, its addresses and routes",
    (kernel) => kernel.removeLink(BOX, "eth0"),
    [
      "add veth PORT to eth0 of box @net",
      "set master br0, up true, isolated false, learning false, unicastFlood false, multicastFlood true of link PORT @net",
      "set FDB entry 02:42:0a:00:01:04 dev PORT master @net",
      "set up true of link eth0 @box",
      "set net/ipv4/conf/eth0/rp_filter to 0 @box",
      "set address 10.0.1.4/24 dev eth0 @box",
      "set route 0.0.0.0/0 table 1002 via 10.0.1.2 dev eth0 @box",
    ],
  ],
  [
    "an interface that went down gets its routes again",
    (kernel) => kernel.setLink(BOX, "eth1", { up: false }),
    ["set up true of link eth1 @box", "set route 0.0.0.0/0 table 254 via 172.18.0.1 dev eth1 @box"],
  ],
  [
    "MTU, MAC address and isolation are set right in place",
    (kernel) => {
      kernel.setLink(BOX, "eth0", { mtu: 1300, mac: "02:00:00:00:00:01" });
      kernel.namespaces.get(HOST)!.links.get(GATEWAY)!.port = {
        isolated: false,
        learning: true,
        unicastFlood: true,
        multicastFlood: true,
      };
    },
    [
      "set isolated true, learning true, unicastFlood true, multicastFlood true of link GATEWAY @host",
      "set mtu 1450, mac 02:42:0a:00:01:04 of link eth0 @box",
    ],
  ],
  [
    "a subnet's route that somebody removed is put back",
    (kernel) => kernel.namespaces.get(BOX)!.routes.delete("10.0.1.0/24 table 254"),
    ["set route 10.0.1.0/24 table 254 dev eth0 @box"],
  ],
  [
    "another default route, rule, address and link go",
    (kernel) => {
      const box = kernel.namespaces.get(BOX)!;
      const [route] = [...box.routes.values()].filter(({ destination }) => destination === "0.0.0.0/0");
      const put = <T extends KernelObject>(objects: Map<string, T>, object: T) => objects.set(keyOf(object), object);
      put(box.routes, { ...route!, metric: 50 });
      put(box.rules, { kind: "rule", priority: 100, mark: 7, mask: 7, table: 7 });
      put(box.addresses, { kind: "address", link: "eth0", prefix: "10.0.1.99/24" });
      kernel.take({ kind: "create-bridge", place: BOX, link: "foreign", mac: "02:00:00:00:00:01" });
    },
    [
      "remove rule 100: fwmark 0x7/0x7 lookup 7 @box",
      "remove route 0.0.0.0/0 table 254 metric 50 via 172.18.0.1 dev eth1 @box",
      "remove address 10.0.1.99/24 dev eth0 @box",
      "remove link foreign @box",
    ],
  ],
  [
    "links of others in the host's namespace stay",
    (kernel) => kernel.take({ kind: "create-bridge", place: HOST, link: "docker0", mac: "02:00:00:00:00:01" }),
    [],
  ],
  [
    "a gateway leg of this node that nobody wants goes",
    (kernel) => {
      const name = gatewayPortName(SAMPLE_NODE, "another sandbox");
      kernel.take({ kind: "create-veth", place: HOST, link: name, mtu: 1500, peer: { place: HOST, link: "x" } });
    },
    [`remove link ${gatewayPortName(SAMPLE_NODE, "another sandbox")} @host`],
  ],
];

for (const [what, tamper, steps] of repairs) {
  test(`repair: ${what}`, (t) => {
    const world = new World(SAMPLE);
    tamper(world.kernel);
    const planned = world.plan(SAMPLE);
    t.deepEqual(descriptions(planned), steps);
    for (const step of planned) world.kernel.take(step);
    t.deepEqual(descriptions(world.plan(SAMPLE)), []);
  });
}

test("somebody else's link with the gateway bridge's name is not removed", (t) => {
  const world = new World();
  world.kernel.take({ kind: "create-veth", place: HOST, link: "tsw_gw", mtu: 1500, peer: { place: HOST, link: "x" } });
  const steps = world.plan(EMPTY);
  t.false(steps.some(({ kind }) => kind === "remove-link"));
  t.true(steps.some(({ kind }) => kind === "create-bridge"));
});

test("a changed VNI makes only the VXLAN device anew", (t) => {
  const [network] = SAMPLE.networks;
  const steps = new World(SAMPLE).plan({ ...SAMPLE, networks: [{ ...network!, vni: 5000 }] });
  t.deepEqual(descriptions(steps).slice(0, 2), [
    "remove link vxlan0 (wrong vxlan.vni) @net",
    "add VXLAN device vxlan0 (VNI 5000, port 4789, MTU 1450) @net",
  ]);
  t.false(steps.some((step) => step.kind === "create-veth" || step.kind === "create-bridge"));
});

class World {
  readonly kernel = new ModelKernel(SAMPLE_NODE, roleOf);

  constructor(wanted?: NodeWanted) {
    if (wanted) for (const step of this.plan(wanted)) this.kernel.take(step);
  }

  plan(wanted: NodeWanted): readonly Step[] {
    return plan(this.#look(wanted), wanted);
  }

  #look(wanted: NodeWanted): ActualNode {
    const { namespaces } = expectedNode(wanted, SAMPLE_NODE);
    return this.kernel.observe(
      namespaces.keys(),
      (place) => namespaces.get(place)?.sysctls.map(({ path }) => path) ?? [],
    );
  }
}

function roleOf(place: Place): NamespaceRole {
  if (place === HOST) return "host";
  return place === BOX ? "sandbox" : "network";
}

/** Steps in words, with short names for places and derived links. */
function descriptions(steps: readonly Step[]): readonly string[] {
  return steps.map((step) =>
    describeStep(step)
      .replace(/ in the host's namespace$/, " @host")
      .replace(` in ${NET}`, " @net")
      .replace(` in ${BOX}`, " @box")
      .replace(BOX, "box")
      .replaceAll(PORT, "PORT")
      .replaceAll(GATEWAY, "GATEWAY"),
  );
}
