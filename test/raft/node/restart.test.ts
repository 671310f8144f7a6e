import test from "ava";
import { RaftStartError } from "../../../src/raft/node/boot.js";
import { TestCluster } from "./test-cluster.js";

test("a single member has all again after a restart, and leads at once", async (t) => {
  const cluster = await TestCluster.of(1);
  for (const value of ["one", "two"]) await cluster.write(value);
  const { id } = cluster.get("a").node;
  cluster.kill("a");
  const { node, machine } = await cluster.start("a", { kind: "restart" });
  await cluster.until(() => node.leadership.role === "leader", "it leads");
  t.is(node.id, id);
  t.deepEqual(machine.values, ["one", "two"]);
  await cluster.write("three");
  await cluster.end();
});

test("all three restart, and nothing that was acknowledged is lost", async (t) => {
  const cluster = await TestCluster.of(3);
  for (let i = 0; i < 20; i++) await cluster.write(`value ${i}`);
  for (const name of "abc") cluster.kill(name);
  for (const name of "abc") await cluster.start(name, { kind: "restart" });
  await cluster.until(() => cluster.leader !== undefined, "one leads");
  await cluster.write("after");
  t.is(cluster.leader!.machine.values.length, 21);
  await cluster.agree(t);
  await cluster.end();
});

test("bootstrap and join count only for a new log", async (t) => {
  const cluster = await TestCluster.of(2);
  await cluster.write("kept");
  const ids = ["a", "b"].map((name) => cluster.get(name).node.id);
  for (const name of "ab") cluster.kill(name);
  const a = await cluster.start("a", { kind: "bootstrap" });
  const b = await cluster.start("b", {
    kind: "join",
    request: async () => t.fail("it has joined already") as never,
  });
  t.deepEqual([a.node.id, b.node.id], ids);
  await cluster.until(() => cluster.leader !== undefined, "one leads");
  await cluster.agree(t);
  await cluster.end();
});

test("there is nothing to restart, or to force, without a log", async (t) => {
  const cluster = new TestCluster();
  for (const kind of ["restart", "force-new-cluster"] as const) {
    await t.throwsAsync(cluster.start("a", { kind }), { instanceOf: RaftStartError, message: /no log/ });
  }
});

test("the log of another node is not taken up", async (t) => {
  const cluster = await TestCluster.of(1);
  cluster.kill("a");
  cluster.moveDisk("a", "b");
  await t.throwsAsync(cluster.start("b", { kind: "restart" }), { instanceOf: RaftStartError, message: /node-a/ });
});

for (const snapshotEntries of [10, 10_000]) {
  test(`one survivor of three is a cluster of its own by force, and has all (snapshot after ${snapshotEntries})`, async (t) => {
    const cluster = await TestCluster.of(3, { snapshotEntries, keepEntries: 2 });
    for (let i = 0; i < 25; i++) await cluster.write(`value ${i}`);
    await cluster.agree(t);
    const survivor = cluster.others(cluster.leader!)[0]!.name;
    const lost = [...cluster.members.values()].filter(({ name }) => name !== survivor);
    for (const name of "abc") cluster.kill(name);
    const { node, machine } = await cluster.start(survivor, { kind: "force-new-cluster" });
    await cluster.until(() => node.leadership.role === "leader", "it leads alone");
    t.is(machine.values.length, 25);
    t.deepEqual(
      node.members().map(({ nodeId }) => nodeId),
      [`node-${survivor}`],
    );
    t.deepEqual([...node.removedMembers()].sort(), lost.map((one) => one.node.id).sort());
    await cluster.write("goes on");

    // One of the lost comes back after all: it is refused.
    const late = await cluster.start(lost[0]!.name, { kind: "restart" });
    await cluster.pass(5000);
    t.is(node.leadership.role, "leader");
    await cluster.outcome(late.node.stop());
    cluster.members.delete(late.name);

    cluster.kill(survivor);
    const again = await cluster.start(survivor, { kind: "restart" });
    await cluster.until(() => again.node.leadership.role === "leader", "it leads after a restart");
    t.is(again.machine.values.length, 26);
    await cluster.join("d");
    await cluster.write("two again");
    await cluster.agree(t);
    await cluster.end();
  });
}

test("what a survivor does not know to be committed stays: it may have been acknowledged", async (t) => {
  const cluster = await TestCluster.of(3);
  const leader = cluster.leader!;
  const survivor = cluster.others(leader)[0]!;
  await cluster.agree(t);
  const acknowledged = leader.node.propose(Buffer.from("precious"), "precious");
  await cluster.until(() => leader.machine.values.includes("precious"), "it is committed");
  await acknowledged;
  // The followers have the entry, and not the word that it is committed.
  t.false(survivor.machine.values.includes("precious"));
  for (const name of "abc") cluster.kill(name);
  const { node, machine } = await cluster.start(survivor.name, { kind: "force-new-cluster" });
  await cluster.until(() => node.leadership.role === "leader", "it leads");
  t.true(machine.values.includes("precious"));
  await cluster.end();
});
