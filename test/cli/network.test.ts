import { IPAMConfig_AddressFamily as Family } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { ItemState, NodeObservation } from "../../src/api/generated/tswarm/v1/link.js";
import { HOST1, id, SHOP } from "./fixtures.js";
import { tsctl } from "./run.js";
import { output, test } from "./shop.js";

test("network create", async (t) => {
  t.is(
    await output(t, "network", "create", "--subnet", "10.9.0.0/24", "--gateway", "10.9.0.1", "--internal", "back"),
    "net1000000000000000000000\n",
  );
  t.like(t.context.peer.networks[1]?.spec, {
    annotations: { name: "back", labels: {}, indices: [] },
    internal: true,
    driverConfig: { name: "overlay", options: {} },
  });
  t.like(t.context.peer.networks[1]?.spec?.ipam?.configs[0], { subnet: "10.9.0.0/24", gateway: "10.9.0.1", range: "" });
});

test("network create with both families", async (t) => {
  const subnets = [
    "--subnet",
    "10.9.0.0/24",
    "--subnet",
    "fd00:1::/64",
    "--gateway",
    "10.9.0.1",
    "--gateway",
    "fd00:1::1",
  ];
  await output(t, "network", "create", "--ipv6", ...subnets, "both");
  const { ipv6Enabled, ipam } = t.context.peer.networks[1]!.spec!;
  t.true(ipv6Enabled);
  t.deepEqual(
    ipam?.configs.map(({ family, subnet, gateway }) => [family, subnet, gateway]),
    [
      [Family.IPV4, "10.9.0.0/24", "10.9.0.1"],
      [Family.IPV6, "fd00:1::/64", "fd00:1::1"],
    ],
  );
  const without = await tsctl(t.context.peer, "network", "create", "--subnet", "fd00:1::/64", "both");
  t.deepEqual(without.stderr, "tsctl: --subnet: fd00:1::/64 is an IPv6 subnet: add --ipv6\n");
});

test("net inspect asks for the network or the service, and its status tells of drift on request", async (t) => {
  const { peer } = t.context;
  const item = { kind: "fdb", place: "network shop", key: "02:42", wanted: "10.99.0.2", found: "10.99.0.2" };
  const observation = (state: ItemState) =>
    NodeObservation.fromPartial({ nodeId: HOST1.id, hostname: "host1", result: { items: [{ ...item, state }] } });
  peer.observations = [observation(ItemState.ITEM_PRESENT)];
  t.regex(
    await output(t, "net", "inspect", "shop", "--exit-code"),
    /^Network shop \(VNI 4097, 10\.0\.1\.0\/24\)\n[\s\S]*\nno drift\n$/,
  );
  t.like(peer.requests("observe")[0], { networkId: SHOP.id, serviceId: "" });
  peer.observations = [observation(ItemState.ITEM_DIFFERENT)];
  t.regex(
    await output(t, "net", "inspect", "web"),
    /^Service web \(VIP 10\.0\.1\.2\)\n[\s\S]*\n1 object drifted on 1 node\n$/,
  );
  t.like(peer.requests("observe")[1], { networkId: "", serviceId: id("sweb") });
  t.is((await tsctl(peer, "net", "inspect", "web", "--exit-code")).status, 3);
  peer.networks = [{ ...SHOP, spec: { ...SHOP.spec!, annotations: { name: "web", labels: {}, indices: [] } } }];
  const both = await tsctl(peer, "net", "inspect", "web");
  t.is(both.status, 1);
  t.regex(both.stderr, /network or service web is ambiguous, it fits 2/);
});
