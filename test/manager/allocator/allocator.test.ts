import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { Network, Node, Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { EndpointSpec_ResolutionMode as Mode } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { Allocator } from "../../../src/manager/allocator/allocator.js";
import { parseRange } from "../../../src/manager/allocator/ip-range.js";
import { ADDRESS_REST_MS } from "../../../src/manager/allocator/offset-pool.js";
import { ControlLoop } from "../../../src/manager/loop/control-loop.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import type { Transaction } from "../../../src/store/transaction.js";
import { ManualClock } from "../manual-clock.js";

/** A store with an allocator, which a test stops and starts again. */
class World {
  readonly clock = new ManualClock();
  readonly store = new Store(new MemoryProposer(), this.clock);
  readonly logged: string[] = [];
  #loop: ControlLoop | undefined;

  constructor(t: ExecutionContext) {
    t.teardown(() => this.stop());
  }

  start(): void {
    const log = (line: string) => this.logged.push(line);
    const subnetSources = [{ pool: parseRange("10.0.0.0/8")!, subnetLength: 24 }];
    const allocator = new Allocator({ store: this.store, clock: this.clock, subnetSources, log });
    this.#loop = new ControlLoop(this.store, this.clock, [allocator], log);
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop?.stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    this.start();
    await this.idle();
  }

  async change(body: (tx: Transaction) => void): Promise<void> {
    await this.store.update(body);
    await this.idle();
  }

  async idle(): Promise<void> {
    await this.#loop?.idle();
  }

  network(id: string): Network {
    return this.store.view((read) => read.get("network", id))!;
  }

  service(id: string): Service {
    return this.store.view((read) => read.get("service", id))!;
  }

  task(id: string): Task {
    return this.store.view((read) => read.get("task", id))!;
  }

  addresses(taskId: string): readonly string[] {
    return this.task(taskId).networks.flatMap((attachment) => attachment.addresses);
  }

  virtualIps(serviceId: string): readonly string[] {
    return (this.service(serviceId).endpoint?.virtualIps ?? []).map(({ addr }) => addr);
  }
}

type NetworkFields = NonNullable<Parameters<typeof Network.fromPartial>[0]["spec"]>;
type ServiceFields = NonNullable<Parameters<typeof Service.fromPartial>[0]["spec"]>;

const network = (id: string, spec: NetworkFields = {}) =>
  Network.fromPartial({ id, spec: { annotations: { name: id }, ...spec } });
const service = (id: string, networks: readonly string[], spec: ServiceFields = {}) =>
  Service.fromPartial({
    id,
    spec: { annotations: { name: id }, task: { networks: networks.map((target) => ({ target })) }, ...spec },
  });
const task = (id: string, serviceId: string, networks: readonly string[] = []) =>
  Task.fromPartial({
    id,
    serviceId,
    spec: { networks: networks.map((target) => ({ target })) },
    desiredState: TaskState.RUNNING,
    status: { state: TaskState.NEW },
  });
const ports = (...published: readonly number[]) => ({
  ports: published.map((publishedPort) => ({ targetPort: 80, publishedPort })),
});
const end = (tx: Transaction, id: string, state = TaskState.SHUTDOWN) => {
  const current = tx.get("task", id)!;
  tx.update("task", { ...current, status: { ...current.status!, state } });
};

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

type Step =
  | { readonly kind: "task" | "end" | "remove"; readonly pick: number; readonly count: number }
  | { readonly kind: "service" | "remove-service" | "network" | "node"; readonly pick: number; readonly count: number }
  | { readonly kind: "restart" | "time"; readonly pick: number; readonly count: number };

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    ...([
      "task",
      "task",
      "task",
      "end",
      "remove",
      "service",
      "remove-service",
      "network",
      "node",
      "restart",
      "time",
    ] as const),
  ),
  pick: fc.nat({ max: 5 }),
  count: fc.integer({ min: 1, max: 4 }),
});

test("whatever happens, also over restarts: nothing is ever held twice", async (t) => {
  const run = fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const world = new World(t);
      await world.change((tx) =>
        tx.create("network", network("ingress", { ingress: true, ipam: { configs: [{ subnet: "10.0.0.0/27" }] } })),
      );
      await world.change((tx) =>
        tx.create("network", network("net0", { ipam: { configs: [{ subnet: "10.0.1.0/28" }] } })),
      );
      world.start();
      let serial = 0;
      for (const { kind, pick, count } of steps) {
        const some = <T>(all: readonly T[]) =>
          all.slice(pick % Math.max(1, all.length), (pick % Math.max(1, all.length)) + count);
        if (kind === "restart") await world.restart();
        else if (kind === "time") world.clock.advance(count * 20_000);
        else {
          await world.change((tx) => {
            const networks = tx.all("network").filter(({ spec }) => !spec?.ingress);
            const services = tx.all("service");
            if (kind === "network" && networks.length < 4) tx.create("network", network(`net${++serial}`));
            else if (kind === "node") tx.create("node", Node.fromPartial({ id: `node${++serial}` }));
            else if (kind === "service") {
              const ids = some(networks).map(({ id }) => id);
              tx.create("service", service(`s${++serial}`, ids, { endpoint: ports(...(pick % 2 ? [0] : [])) }));
            } else if (kind === "task") {
              for (const one of some(services)) {
                const targets = one.spec!.task!.networks.map(({ target }) => target);
                tx.create("task", task(`t${++serial}`, one.id, targets));
              }
            } else if (kind === "end") for (const { id } of some(tx.all("task"))) end(tx, id);
            else if (kind === "remove") for (const { id } of some(tx.all("task"))) tx.remove("task", id);
            else if (kind === "remove-service")
              for (const { id } of some(services).slice(0, 1)) tx.remove("service", id);
          });
        }
        await world.idle();
        checkUnique(world);
      }
      await world.stop();
    }),
    { numRuns: 60 },
  );
  await t.notThrowsAsync(run);
});

function checkUnique(world: World): void {
  const held = new Set<string>();
  const hold = (what: string) => {
    if (held.has(what)) throw new Error(`${what} is held twice`);
    held.add(what);
  };
  world.store.view((read) => {
    for (const one of read.all("network")) {
      for (const { subnet } of one.ipam?.configs ?? []) hold(`subnet ${subnet}`);
      hold(`vni ${one.driverState?.options["com.docker.network.driver.overlay.vxlanid_list"] ?? one.id}`);
    }
    for (const node of read.all("node")) for (const { addresses } of node.attachments) hold(addresses[0]!);
    for (const { endpoint } of read.all("service")) {
      for (const { addr } of endpoint?.virtualIps ?? []) hold(addr);
      for (const { publishedPort } of endpoint?.ports ?? []) hold(`port ${publishedPort}`);
    }
    for (const one of read.all("task")) {
      if (one.status!.state > TaskState.RUNNING) continue;
      for (const { addresses } of one.networks) hold(addresses[0]!);
    }
  });
}
