import test from "ava";
import { Node } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { EndpointSpec_ResolutionMode as Mode } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { ADDRESS_REST_MS } from "../../../src/manager/allocator/offset-pool.js";
import { end, network, ports, type ServiceFields, service, task, World } from "./world.js";

test("the ingress network, nodes, a network of its own, a service and its tasks", async (t) => {
  const world = new World(t);
  await world.change((tx) => {
    tx.create("network", network("ingress", { ingress: true }));
    tx.create("network", network("shop", { driverConfig: { options: { "com.docker.network.driver.mtu": "1400" } } }));
    tx.create("node", Node.fromPartial({ id: "n1" }));
    tx.create("service", service("web", ["shop"], { endpoint: ports(8080) }));
    tx.create("task", task("t1", "web", ["shop"]));
  });
  world.start();
  await world.idle();
  t.deepEqual(
    world.network("ingress").ipam?.configs.map(({ subnet, gateway }) => [subnet, gateway]),
    [["10.0.0.0/24", "10.0.0.1"]],
  );
  t.deepEqual(world.network("shop").driverState?.options, {
    "com.docker.network.driver.mtu": "1400",
    "com.docker.network.driver.overlay.vxlanid_list": "4097",
  });
  t.deepEqual(world.store.view((read) => read.get("node", "n1"))?.attachments[0]?.addresses, ["10.0.0.2/24"]);
  t.deepEqual(world.virtualIps("web"), ["10.0.0.3/24", "10.0.1.2/24"]);
  t.deepEqual(world.addresses("t1"), ["10.0.0.4/24", "10.0.1.3/24"]);
  t.is(world.task("t1").status?.state, TaskState.PENDING);
  t.is(world.task("t1").networks[0]?.network?.id, "ingress");
});

test("chosen subnet, gateway, range, reserved addresses and VXLAN id are taken as they are", async (t) => {
  const world = new World(t);
  world.start();
  const config = {
    subnet: "192.168.7.0/24",
    gateway: "192.168.7.254",
    range: "192.168.7.16/29",
    reserved: { printer: "192.168.7.18" },
  };
  const options = { "com.docker.network.driver.overlay.vxlanid_list": "5000" };
  await world.change((tx) => {
    tx.create("network", network("shop", { ipam: { configs: [config] }, driverConfig: { options } }));
    tx.create("service", service("web", ["shop"]));
    for (const id of ["t1", "t2"]) tx.create("task", task(id, "web", ["shop"]));
  });
  t.is(world.network("shop").driverState?.options["com.docker.network.driver.overlay.vxlanid_list"], "5000");
  t.is(world.network("shop").ipam?.configs[0]?.gateway, "192.168.7.254");
  t.deepEqual([world.virtualIps("web"), world.addresses("t1"), world.addresses("t2")].flat(), [
    "192.168.7.16/24",
    "192.168.7.17/24",
    "192.168.7.19/24",
  ]);
});

test("with DNS round robin a service has no virtual IP; without networks it has nothing", async (t) => {
  const world = new World(t);
  world.start();
  await world.change((tx) => {
    tx.create("network", network("shop"));
    tx.create("service", service("rr", ["shop"], { endpoint: { mode: Mode.DNSRR } }));
    tx.create("service", service("alone", []));
    tx.create("task", task("t1", "rr", ["shop"]));
    tx.create("task", task("t2", "alone"));
  });
  t.deepEqual(world.virtualIps("rr"), []);
  t.deepEqual(world.addresses("t1"), ["10.0.0.2/24"]);
  t.deepEqual(world.service("alone").endpoint, { spec: undefined, ports: [], virtualIps: [] });
  t.is(world.task("t2").status?.state, TaskState.PENDING);
});

test("a service keeps its virtual IPs over changes, and gives back those of networks that it leaves", async (t) => {
  const world = new World(t);
  world.start();
  await world.change((tx) => {
    for (const id of ["ingress", "one", "two"]) tx.create("network", network(id, { ingress: id === "ingress" }));
    tx.create("service", service("web", ["one"]));
  });
  const [first] = world.virtualIps("web");
  const respec = (networks: readonly string[], spec: ServiceFields = {}) =>
    world.change((tx) =>
      tx.update("service", { ...tx.get("service", "web")!, spec: service("web", networks, spec).spec }),
    );
  await respec(["one", "two"], { endpoint: ports(8080, 0) });
  t.deepEqual(world.virtualIps("web"), ["10.0.0.2/24", first, "10.0.2.2/24"]);
  t.deepEqual(
    world.service("web").endpoint?.ports.map(({ publishedPort }) => publishedPort),
    [8080, 30_000],
  );
  await respec(["two"], { endpoint: ports() });
  t.deepEqual(world.virtualIps("web"), ["10.0.2.2/24"]);
  t.deepEqual(world.service("web").endpoint?.ports, []);
  await world.change((tx) => tx.create("service", service("other", ["one"], { endpoint: ports(8080) })));
  t.deepEqual(world.virtualIps("other"), ["10.0.0.3/24", "10.0.1.3/24"], "what was given back rests");
  t.is(world.service("other").endpoint?.ports[0]?.publishedPort, 8080);
});

test("no address left: the task says so, and goes on when one has come back and rested", async (t) => {
  const world = new World(t);
  world.start();
  await world.change((tx) => {
    tx.create("network", network("tiny", { ipam: { configs: [{ subnet: "10.9.0.0/29" }] } }));
    tx.create("service", service("web", ["tiny"]));
    for (let i = 1; i <= 5; i++) tx.create("task", task(`t${i}`, "web", ["tiny"]));
  });
  t.is(world.task("t5").status?.state, TaskState.NEW);
  t.is(world.task("t5").status?.err, "no address is left in network tiny (10.9.0.0/29)");
  await world.change((tx) => end(tx, "t2"));
  t.is(world.task("t5").status?.state, TaskState.NEW);
  world.clock.advance(ADDRESS_REST_MS - 1);
  await world.idle();
  t.is(world.task("t5").status?.state, TaskState.NEW);
  world.clock.advance(1);
  await world.idle();
  t.is(world.task("t5").status?.state, TaskState.PENDING);
  t.is(world.task("t5").status?.err, "");
  t.deepEqual(world.addresses("t5"), ["10.9.0.4/29"]);
  t.is(world.clock.pending, 0, "nobody waits: no alarm is set");
});

test("a port that another service has: the tasks say so, and go on when it is free", async (t) => {
  const world = new World(t);
  world.start();
  await world.change((tx) => {
    tx.create("network", network("ingress", { ingress: true }));
    tx.create("service", service("one", [], { endpoint: ports(8080) }));
    tx.create("service", service("two", [], { endpoint: ports(8080) }));
    tx.create("task", task("t2", "two"));
  });
  t.is(world.task("t2").status?.err, "port 8080/tcp is already published by service one");
  await world.change((tx) => tx.remove("service", "one"));
  t.is(world.task("t2").status?.state, TaskState.PENDING);
  t.is(world.service("two").endpoint?.ports[0]?.publishedPort, 8080);
});

test("a network that waits for a subnet gets the one of a network that goes", async (t) => {
  const world = new World(t);
  world.start();
  const asked = { ipam: { configs: [{ subnet: "10.9.0.0/16" }] } };
  await world.change((tx) => tx.create("network", network("one", asked)));
  await world.change((tx) => {
    tx.create("network", network("two", asked));
    tx.create("service", service("web", ["two"]));
    tx.create("task", task("t1", "web", ["two"]));
  });
  t.is(world.task("t1").status?.err, "network two has no subnet yet");
  t.regex(world.logged.join("\n"), /network two: subnet 10\.9\.0\.0\/16 overlaps 10\.9\.0\.0\/16 of network one/);
  await world.change((tx) => tx.remove("network", "one"));
  t.is(world.network("two").ipam?.configs[0]?.subnet, "10.9.0.0/16");
  t.is(world.task("t1").status?.state, TaskState.PENDING);
});

test("a task that was called off gets nothing", async (t) => {
  const world = new World(t);
  world.start();
  await world.change((tx) => {
    tx.create("network", network("shop"));
    tx.create("service", service("web", ["shop"]));
    tx.create("task", { ...task("t1", "web", ["shop"]), desiredState: TaskState.SHUTDOWN });
  });
  t.is(world.task("t1").status?.state, TaskState.NEW);
  t.deepEqual(world.addresses("t1"), []);
});

test("after a change of the leader, what was freed just before rests; other addresses are given out at once", async (t) => {
  const world = new World(t);
  await world.change((tx) => {
    tx.create("network", network("shop", { ipam: { configs: [{ subnet: "10.9.0.0/28" }] } }));
    tx.create("service", service("web", ["shop"], { endpoint: { mode: Mode.DNSRR } }));
    for (let i = 1; i <= 4; i++) tx.create("task", task(`t${i}`, "web", ["shop"]));
  });
  world.start();
  await world.idle();
  t.deepEqual(world.addresses("t4"), ["10.9.0.5/28"]);
  // The last of them: a leader who does not know of it would go on with the same address.
  await world.change((tx) => tx.remove("task", "t4"));
  await world.restart();
  await world.change((tx) => {
    for (let i = 5; i <= 11; i++) tx.create("task", task(`t${i}`, "web", ["shop"]));
  });
  const given = ["t5", "t6", "t7", "t8", "t9", "t10", "t11"].flatMap((id) => world.addresses(id));
  t.is(given.length, 6, "half of what is free is known to have rested");
  t.false(given.includes("10.9.0.5/28"));
  t.is(
    world.task("t11").status?.err,
    "no address is left in network shop (10.9.0.0/28); those that came back rest for a minute",
  );
  world.clock.advance(ADDRESS_REST_MS);
  await world.idle();
  t.is(world.task("t11").status?.state, TaskState.PENDING);
});

test("of many that wait for an address as many are looked at again as there are addresses", async (t) => {
  const world = new World(t);
  world.start();
  await world.change((tx) => {
    tx.create("network", network("tiny", { ipam: { configs: [{ subnet: "10.9.0.0/29" }] } }));
    tx.create("service", service("web", ["tiny"], { endpoint: { mode: Mode.DNSRR } }));
    for (let i = 10; i < 60; i++) tx.create("task", task(`t${i}`, "web", ["tiny"]));
  });
  const waiting = () => world.store.view((read) => read.all("task").filter(({ status }) => status?.err !== ""));
  t.is(waiting().length, 45);
  const told = world.store.version;
  await world.change((tx) => {
    for (const id of ["t10", "t11"]) end(tx, id);
  });
  world.clock.advance(ADDRESS_REST_MS);
  await world.idle();
  t.deepEqual(world.addresses("t15"), ["10.9.0.2/29"], "who came first is served first");
  t.deepEqual(world.addresses("t16"), ["10.9.0.3/29"]);
  t.is(waiting().length, 43);
  t.true(world.store.version <= told + 3, "nobody else was touched");
});

test("what two objects hold is given back by the first of them alone, and the log names the other", async (t) => {
  const world = new World(t);
  await world.change((tx) => {
    tx.create("network", network("shop"));
    tx.create("service", service("web", ["shop"], { endpoint: { mode: Mode.DNSRR } }));
    for (const id of ["t1", "t2"]) tx.create("task", task(id, "web", ["shop"]));
  });
  world.start();
  await world.idle();
  // As a manager with a defect might have left it.
  await world.change((tx) => tx.update("task", { ...tx.get("task", "t2")!, networks: tx.get("task", "t1")!.networks }));
  await world.restart();
  t.regex(world.logged.join("\n"), /allocator: task t2: 10\.0\.0\.2\/24: the address is in use/);
  await world.change((tx) => tx.remove("task", "t2"));
  world.clock.advance(ADDRESS_REST_MS);
  await world.change((tx) => {
    for (let i = 0; i < 252; i++) tx.create("task", task(`more${i}`, "web", ["shop"]));
  });
  const holders = world.store.view((read) => read.all("task").filter(({ networks }) => networks.length > 0));
  t.is(holders.length, 253);
  t.is(new Set(holders.flatMap(({ id }) => world.addresses(id))).size, 253);
});
