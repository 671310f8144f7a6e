import test from "ava";
import fc from "fast-check";
import { Endpoint } from "../../../src/api/generated/tswarm/v1/link.js";
import { RelayMachine } from "../../../src/manager/link/relay-machine.js";
import { RelayWorld } from "./relay-world.js";

const ids = (map: ReadonlyMap<string, unknown>) => [...map.keys()].sort();

test("a row reaches those who take part in its network, and nobody else", (t) => {
  const world = new RelayWorld(3);
  for (const number of [1, 2, 3]) world.link(number);
  world.subscribe(1, "shop");
  world.subscribe(2, "shop", "back");
  world.subscribe(3, "back");
  world.publish(1, "web", "shop", 1);
  world.settle();
  t.deepEqual(ids(world.agent(2).endpoints), ["n1.web"]);
  t.deepEqual(ids(world.agent(3).endpoints), []);
});

test("who subscribes later gets all rows at once, who leaves a network loses its rows", (t) => {
  const world = new RelayWorld(2);
  world.link(1);
  world.subscribe(1, "shop");
  world.publish(1, "a", "shop", 1);
  world.publish(1, "b", "shop", 1);
  world.setService("s", ["shop"], "10.0.1.2");
  world.settle();
  world.link(2);
  world.subscribe(2, "shop");
  world.settle();
  t.deepEqual(ids(world.agent(2).endpoints), ["n1.a", "n1.b"]);
  t.deepEqual(ids(world.agent(2).services), ["s/shop"]);
  world.subscribe(2);
  world.settle();
  t.deepEqual(ids(world.agent(2).endpoints), []);
  t.deepEqual(ids(world.agent(2).services), []);
});

test("the owner hears that a row is applied when the last of the others has applied it, and not before", (t) => {
  const world = new RelayWorld(3);
  for (const number of [1, 2, 3]) {
    world.link(number);
    world.subscribe(number, "shop");
  }
  world.settle();
  world.publish(1, "web", "shop", 7);
  world.managerReceives(1);
  world.flush();
  world.agent(2).receive();
  world.managerReceives(2);
  t.is(world.flush(), 0);
  t.false(world.agent(1).acknowledged.has("n1.web@7"));
  world.agent(3).receive();
  world.managerReceives(3);
  world.flush();
  while (world.agent(1).fromManager.length > 0) world.agent(1).receive();
  t.true(world.agent(1).acknowledged.has("n1.web@7"));
});

test("an older revision that a node has applied says nothing of a newer row", (t) => {
  const world = new RelayWorld(2);
  for (const number of [1, 2]) {
    world.link(number);
    world.subscribe(number, "shop");
  }
  world.publish(1, "web", "shop", 1);
  world.settle();
  world.publish(1, "web", "shop", 2);
  world.managerReceives(1);
  world.machine.applied("n2", world.agent(2).revision);
  world.machine.applied("n2", 1_000_000);
  t.true(world.flush() > 0);
  t.false(world.agent(1).acknowledged.has("n1.web@2"));
  world.settle();
  t.true(world.agent(1).acknowledged.has("n1.web@2"));
});

test("nobody waits for a node that has no link, but for one that joins the network meanwhile", (t) => {
  const world = new RelayWorld(3);
  for (const number of [1, 2]) {
    world.link(number);
    world.subscribe(number, "shop");
  }
  world.settle();
  world.publish(1, "web", "shop", 1);
  world.managerReceives(1);
  world.link(3);
  world.subscribe(3, "shop");
  while (world.managerReceives(3));
  world.flush();
  world.unlink(2);
  t.is(world.machine.flush().length, 0);
  world.agent(3).receive();
  world.agent(3).receive();
  while (world.managerReceives(3));
  world.flush();
  while (world.agent(1).fromManager.length > 0) world.agent(1).receive();
  t.true(world.agent(1).acknowledged.has("n1.web@1"));
});

test("with nobody else in the network a row is applied at once; said again after a break, it is answered again", (t) => {
  const world = new RelayWorld(1);
  world.link(1);
  world.subscribe(1, "shop");
  world.publish(1, "web", "shop", 1);
  world.settle();
  t.true(world.agent(1).acknowledged.delete("n1.web@1"));
  world.link(1);
  world.settle();
  t.true(world.agent(1).acknowledged.has("n1.web@1"));
});

test("an owner whose link broke while its row is on the way is not told before the others have it", (t) => {
  const world = new RelayWorld(2);
  for (const number of [1, 2]) {
    world.link(number);
    world.subscribe(number, "shop");
  }
  world.settle();
  world.publish(1, "web", "shop", 1);
  world.managerReceives(1);
  world.flush();
  world.link(1);
  while (world.managerReceives(1));
  world.flush();
  while (world.agent(1).fromManager.length > 0) world.agent(1).receive();
  t.false(world.agent(1).acknowledged.has("n1.web@1"));
  world.settle();
  t.true(world.agent(1).acknowledged.has("n1.web@1"));
});

test("an owner that takes no messages hears of its applied rows later, of each once", (t) => {
  const machine = new RelayMachine();
  machine.linkUp("n1");
  machine.subscribe("n1", []);
  machine.flush();
  machine.blocked("n1", true);
  for (const revision of [1, 2]) {
    const row = Endpoint.fromPartial({ id: "e", nodeId: "n1", networkId: "shop", revision });
    machine.update("n1", { complete: false, endpoints: [row], removedIds: [] });
    t.deepEqual(machine.flush(), []);
  }
  machine.blocked("n1", false);
  t.true(machine.hasOutput);
  const [output, ...more] = machine.flush();
  t.deepEqual(more, []);
  const applied = output?.message.message;
  t.deepEqual(applied, { $case: "applied", value: { rows: [{ endpointId: "e", revision: 2 }] } });
});

test("rows outlive a broken link and go with the node; a node that comes again has to say them again", (t) => {
  const world = new RelayWorld(2);
  for (const number of [1, 2]) {
    world.link(number);
    world.subscribe(number, "shop");
  }
  world.publish(1, "web", "shop", 1);
  world.settle();
  world.unlink(1);
  world.settle();
  t.deepEqual(ids(world.agent(2).endpoints), ["n1.web"]);
  world.machine.nodeGone("n1");
  world.settle();
  t.deepEqual(ids(world.agent(2).endpoints), []);
  world.link(1);
  world.settle();
  t.deepEqual(ids(world.agent(2).endpoints), ["n1.web"]);
});

test("rows of others are not taken from a node, nor removed by it", (t) => {
  const world = new RelayWorld(2);
  for (const number of [1, 2]) {
    world.link(number);
    world.subscribe(number, "shop");
  }
  world.publish(1, "web", "shop", 1);
  world.settle();
  const forged = Endpoint.fromPartial({ id: "n1.web", nodeId: "n1", networkId: "shop", revision: 9 });
  world.machine.update("n2", { complete: true, endpoints: [forged], removedIds: ["n1.web"] });
  t.is(world.machine.rows.endpoints.get("n1.web")?.revision, 1);
});

test("a link that takes nothing gets one complete update instead of a growing queue", (t) => {
  const machine = new RelayMachine();
  for (const nodeId of ["n1", "n2"]) {
    machine.linkUp(nodeId);
    machine.subscribe(nodeId, ["shop"]);
  }
  machine.flush();
  machine.blocked("n2", true);
  const row = (i: number) => Endpoint.fromPartial({ id: `e${i}`, nodeId: "n1", networkId: "shop", revision: 1 });
  for (let i = 0; i < 5000; i++) machine.update("n1", { complete: false, endpoints: [row(i)], removedIds: [] });
  t.true(machine.flush().every(({ nodeId }) => nodeId === "n1"));
  machine.blocked("n2", false);
  const [output, ...more] = machine.flush();
  t.is(more.length, 0);
  const rows = output?.message.message?.$case === "rows" ? output.message.message.value : undefined;
  t.true(rows?.complete);
  t.is(rows?.endpoints.length, 5000);
});

test("links with the same to learn share one message", (t) => {
  const machine = new RelayMachine();
  for (const nodeId of ["n1", "n2", "n3"]) {
    machine.linkUp(nodeId);
    machine.subscribe(nodeId, ["shop"]);
  }
  machine.flush();
  const endpoint = Endpoint.fromPartial({ id: "e", nodeId: "n1", networkId: "shop", revision: 1 });
  machine.update("n1", { complete: false, endpoints: [endpoint], removedIds: [] });
  t.is(new Set(machine.flush().map(({ message }) => message)).size, 1);
});

test("a new manager keeps complete updates back until the nodes that it knows have said their rows", (t) => {
  const world = new RelayWorld(2);
  world.machine.expect(["n1", "n2"]);
  world.agent(1).subscription = ["shop"];
  world.agent(2).subscription = ["shop"];
  world.link(1);
  world.publish(1, "web", "shop", 1);
  world.settle();
  t.is(world.agent(1).revision, 0);
  world.link(2);
  world.settle();
  t.deepEqual(ids(world.agent(2).endpoints), ["n1.web"]);
  t.true(world.agent(1).revision > 0);
});

type Step =
  | { readonly kind: "link" | "unlink" | "gone" | "manager" | "agent"; readonly node: number }
  | { readonly kind: "subscribe"; readonly node: number; readonly networks: readonly string[] }
  | { readonly kind: "publish"; readonly node: number; readonly name: string; readonly network: string }
  | { readonly kind: "withdraw"; readonly node: number; readonly name: string; readonly network: string }
  | { readonly kind: "service"; readonly id: string; readonly networks: readonly string[]; readonly address: string }
  | { readonly kind: "flush" };

const node = fc.integer({ min: 1, max: 4 });
const name = fc.constantFrom("a", "b", "c");
const network = fc.constantFrom("net1", "net2", "net3");
const networks = fc.uniqueArray(network, { maxLength: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("link" as const, "unlink" as const, "gone" as const), node }),
  },
  { weight: 12, arbitrary: fc.record({ kind: fc.constantFrom("manager" as const, "agent" as const), node }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("subscribe" as const), node, networks }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom("publish" as const, "withdraw" as const), node, name, network }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("service" as const),
      id: fc.constantFrom("s1", "s2"),
      networks,
      address: fc.constantFrom("10.0.0.2", "10.0.0.3"),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: "flush" as const }) },
);

test("in whatever order things happen: in the end everybody sees what was published, and every row is acknowledged", (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const world = new RelayWorld(4);
        let revision = 0;
        for (const one of steps) {
          if (one.kind === "flush") world.flush();
          else if (one.kind === "service") world.setService(one.id, one.networks, one.address);
          else if (one.kind === "link") world.link(one.node);
          else if (one.kind === "unlink") world.unlink(one.node);
          else if (one.kind === "gone") {
            world.agent(one.node).linkDown();
            world.machine.nodeGone(`n${one.node}`);
          } else if (one.kind === "manager") world.managerReceives(one.node);
          else if (one.kind === "agent") world.agent(one.node).receive();
          else if (one.kind === "subscribe") world.subscribe(one.node, ...one.networks);
          else if (one.kind === "publish") {
            // A row stays on its network: its id names it.
            world.publish(one.node, `${one.name}/${one.network}`, one.network, ++revision);
          } else if (one.kind === "withdraw") world.withdraw(one.node, `${one.name}/${one.network}`);
          checkAcknowledged(world);
        }
        for (const number of [1, 2, 3, 4]) if (!world.agent(number).linked) world.link(number);
        world.settle();
        checkConverged(world);
      }),
      { numRuns: 400 },
    ),
  );
});

/** What the owner was told is true: every linked node that takes part has the row, or a newer state of the network. */
function checkAcknowledged(world: RelayWorld): void {
  for (const owner of world.agents) {
    for (const text of owner.acknowledged) {
      const [id, revision] = text.split("@");
      const row = owner.own.get(id!);
      if (!row || row.revision !== Number(revision) || !owner.linked) continue;
      if (world.machine.rows.endpoints.get(id!)?.revision !== row.revision) continue;
      for (const other of world.agents) {
        const takesPart = other.linked && other !== owner && other.subscription.includes(row.networkId);
        // A node that joined after the acknowledgement has the row with its first update.
        if (!takesPart || other.toManager.length > 0 || other.fromManager.length > 0 || other.revision === 0) continue;
        if (!world.machine.hasOutput && other.endpoints.get(id!)?.revision !== row.revision) {
          throw new Error(`${owner.nodeId} was told that ${text} is applied, but ${other.nodeId} does not have it`);
        }
      }
    }
  }
}

function checkConverged(world: RelayWorld): void {
  for (const agent of world.agents) {
    const expected = world.agents
      .flatMap(({ own }) => [...own.values()])
      .filter((row) => agent.subscription.includes(row.networkId));
    const seen = [...agent.endpoints.values()];
    const key = (rows: readonly { id: string; revision: number }[]) =>
      rows
        .map((row) => `${row.id}@${row.revision}`)
        .sort()
        .join();
    if (key(seen) !== key(expected)) throw new Error(`${agent.nodeId} sees ${key(seen)} instead of ${key(expected)}`);
    const services = [...world.services.entries()].filter(([, row]) => agent.subscription.includes(row.networkId));
    if (
      services
        .map(([k, r]) => k + r.virtualAddress)
        .sort()
        .join() !==
      [...agent.services.entries()]
        .map(([k, r]) => k + r.virtualAddress)
        .sort()
        .join()
    ) {
      throw new Error(`${agent.nodeId} sees other services`);
    }
    for (const row of agent.own.values()) {
      if (!agent.acknowledged.has(`${row.id}@${row.revision}`))
        throw new Error(`${row.id}@${row.revision} was never acknowledged`);
    }
  }
}
