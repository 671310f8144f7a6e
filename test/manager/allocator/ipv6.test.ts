import test from "ava";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { network, service, task, World } from "./world.js";

test("a network of both families gives tasks and services an address of each, IPv4 first", async (t) => {
  const world = new World(t);
  world.start();
  const configs = [
    { subnet: "10.1.0.0/24" },
    { subnet: "fd00:1::/64", range: "fd00:1::a0/124", gateway: "fd00:1::fe" },
  ];
  await world.change((tx) => {
    tx.create("network", network("chosen", { ipv6Enabled: true, ipam: { configs } }));
    tx.create("network", network("given", { ipv6Enabled: true }));
    tx.create("service", service("web", ["chosen", "given"]));
    tx.create("task", task("t1", "web", ["chosen", "given"]));
  });
  t.deepEqual(
    world.network("given").ipam?.configs.map(({ subnet, gateway }) => [subnet, gateway]),
    [
      ["10.0.0.0/24", "10.0.0.1"],
      ["fd00::/64", "fd00::1"],
    ],
  );
  t.deepEqual(world.virtualIps("web"), ["10.1.0.2/24", "fd00:1::a0/64", "10.0.0.2/24", "fd00::2/64"]);
  t.deepEqual(world.addresses("t1"), ["10.1.0.3/24", "fd00:1::a1/64", "10.0.0.3/24", "fd00::3/64"]);
  await world.restart();
  await world.change((tx) => tx.create("task", task("t2", "web", ["chosen", "given"])));
  t.is(world.task("t2").status?.state, TaskState.PENDING);
  t.is(new Set([...world.addresses("t1"), ...world.addresses("t2"), ...world.virtualIps("web")]).size, 12);
});

test("a task that can have no IPv6 address takes none of IPv4 either, and says why", async (t) => {
  const world = new World(t);
  world.start();
  const configs = [{ subnet: "10.1.0.0/24" }, { subnet: "fd00:1::/126" }];
  await world.change((tx) => {
    tx.create("network", network("one", { ipv6Enabled: true, ipam: { configs } }));
    tx.create("service", service("web", ["one"]));
    for (const id of ["t1", "t2"]) tx.create("task", task(id, "web", ["one"]));
  });
  t.deepEqual(world.addresses("t1"), ["10.1.0.3/24", "fd00:1::3/126"]);
  t.is(world.task("t2").status?.err, "no address is left in network one (fd00:1::/126)");
  t.deepEqual(world.addresses("t2"), []);
});
