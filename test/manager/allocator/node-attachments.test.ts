import test from "ava";
import { Node } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { waitsForAttachments } from "../../../src/manager/allocator/node-networks.js";
import type { Transaction } from "../../../src/store/transaction.js";
import { attachmentTask, DOCKER, end, network, service, TSWARM, task, World } from "./world.js";

const node = (id: string, description: typeof DOCKER | typeof TSWARM) => Node.fromPartial({ id, description });
const run = (tx: Transaction, id: string, nodeId: string) => {
  const current = tx.get("task", id)!;
  tx.update("task", { ...current, nodeId, status: { ...current.status!, state: TaskState.ASSIGNED } });
};

test("who waits for addresses on the networks of its tasks", (t) => {
  t.true(waitsForAttachments(Node.fromPartial({ description: DOCKER }).description));
  t.false(waitsForAttachments(Node.fromPartial({ description: TSWARM }).description));
  t.false(waitsForAttachments(undefined), "nothing was heard of it yet");
  t.false(waitsForAttachments(Node.fromPartial({ description: { engine: { engineVersion: "1" } } }).description));
});

test("a Docker node has an address on each network of its tasks while one of them is not over; others on ingress alone", async (t) => {
  const world = new World(t);
  world.start();
  await world.change((tx) => {
    tx.create("network", network("ingress", { ingress: true }));
    for (const id of ["one", "two"]) tx.create("network", network(id));
    tx.create("node", node("docker", DOCKER));
    tx.create("node", node("tswarm", TSWARM));
    tx.create("service", service("web", ["one", "two"]));
    for (const id of ["t1", "t2", "t3"]) tx.create("task", task(id, "web", ["one", "two"]));
  });
  t.deepEqual(world.attachments("docker"), ["ingress 10.0.0.2/24"]);
  await world.change((tx) => {
    run(tx, "t1", "docker");
    run(tx, "t2", "docker");
    run(tx, "t3", "tswarm");
  });
  const all = ["ingress 10.0.0.2/24", "one 10.0.1.6/24", "two 10.0.2.6/24"];
  t.deepEqual(world.attachments("docker"), all);
  t.deepEqual(world.attachments("tswarm"), ["ingress 10.0.0.3/24"]);
  await world.restart();
  t.deepEqual(world.attachments("docker"), all, "another leader leaves them");
  await world.change((tx) => end(tx, "t1"));
  t.deepEqual(world.attachments("docker"), all, "another task needs them");
  await world.change((tx) => tx.remove("task", "t2"));
  t.deepEqual(world.attachments("docker"), ["ingress 10.0.0.2/24"]);
});

test("a node of which it is learnt later that it is Docker's gets what its tasks need", async (t) => {
  const world = new World(t);
  world.start();
  await world.change((tx) => {
    tx.create("network", network("one"));
    tx.create("node", Node.fromPartial({ id: "n1" }));
    tx.create("service", service("web", ["one"]));
    tx.create("task", task("t1", "web", ["one"]));
  });
  await world.change((tx) => run(tx, "t1", "n1"));
  t.deepEqual(world.attachments("n1"), []);
  await world.change((tx) => tx.update("node", { ...world.node("n1"), description: node("n1", DOCKER).description }));
  t.deepEqual(world.attachments("n1"), ["one 10.0.0.4/24"]);
  await world.change((tx) => tx.update("node", { ...world.node("n1"), description: node("n1", TSWARM).description }));
  t.deepEqual(world.attachments("n1"), []);
});

test("a node that cannot have an address on one network has those on the others", async (t) => {
  const world = new World(t);
  world.start();
  await world.change((tx) => {
    tx.create("network", network("full", { ipam: { configs: [{ subnet: "10.9.0.0/30" }] } }));
    tx.create("network", network("free"));
    tx.create("node", node("docker", DOCKER));
    for (const [id, target] of [
      ["a1", "full"],
      ["a2", "free"],
    ] as const)
      tx.create("task", attachmentTask(id, "docker", target));
  });
  t.deepEqual(world.attachments("docker"), ["free 10.0.0.3/24"]);
  t.regex(world.logged.join("\n"), /node docker .*no address is left in network full \(10\.9\.0\.0\/30\)/);
});

test("a container's own attachment gets the address that it asks for, or says why not", async (t) => {
  const world = new World(t);
  world.start();
  await world.change((tx) => {
    tx.create("network", network("one", { ipv6Enabled: true }));
    tx.create("node", node("n1", TSWARM));
    tx.create("task", attachmentTask("a1", "n1", "one", "10.0.0.77"));
    tx.create("task", attachmentTask("a2", "n1", "one", "10.0.0.77"));
    tx.create("task", attachmentTask("a3", "n1", "one", "10.1.0.1"));
    tx.create("task", attachmentTask("a4", "n1", "one", "fd00::99", "10.0.0.78"));
  });
  t.deepEqual(world.addresses("a1"), ["10.0.0.77/24", "fd00::2/64"]);
  t.is(world.task("a1").status?.state, TaskState.PENDING);
  t.is(world.task("a2").status?.err, "10.0.0.77 of network one: the address is in use");
  t.is(world.task("a3").status?.err, "10.1.0.1 is no address of network one");
  t.deepEqual(world.addresses("a4"), ["10.0.0.78/24", "fd00::99/64"]);
  await world.change((tx) => tx.remove("task", "a1"));
  world.clock.advance(60_000);
  await world.idle();
  t.deepEqual(world.addresses("a2")[0], "10.0.0.77/24");
});
