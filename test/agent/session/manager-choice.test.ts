import test from "ava";
import { ManagerChoice, ManagerList } from "../../../src/agent/session/manager-choice.js";

function choice(local: string | undefined, known: readonly string[], told: readonly string[], random = () => 0) {
  const list = new ManagerList(told);
  list.setLocal(local);
  list.setKnown(known);
  return { list, choice: new ManagerChoice(list, random) };
}

test("the local manager first, then those that the cluster names, then those that were told", (t) => {
  const { choice: way } = choice("/socket", ["a:1"], ["told:1", "a:1"]);
  const order = [0, 1, 2].map((nowMs) => {
    const address = way.pick(nowMs);
    way.failed(address, "refused", nowMs);
    return address;
  });
  t.deepEqual(order, ["/socket", "a:1", "told:1"]);
  t.is(way.pick(3), "/socket", "all failed: the one that did so longest ago");
});

test("one that was silent comes after all that answered", (t) => {
  const { choice: way } = choice(undefined, ["dead:1", "b:1", "c:1"], []);
  way.failed("dead:1", "silent", 0);
  const picks: string[] = [];
  for (let nowMs = 100; nowMs < 4900; nowMs += 100) {
    const address = way.pick(nowMs);
    picks.push(address);
    way.failed(address, "refused", nowMs);
  }
  t.false(picks.includes("dead:1"));
  t.deepEqual(new Set(picks), new Set(["b:1", "c:1"]));
});

test("failures are forgiven, so that a manager that came back is found", (t) => {
  const { choice: way } = choice("/socket", ["a:1"], []);
  way.failed("/socket", "silent", 0);
  t.is(way.pick(1000), "a:1");
  t.is(way.pick(30_000), "/socket");
});

test("managers of one rank are drawn by chance, so that nodes spread", (t) => {
  const draws = [0, 0.34, 0.67, 0.999].values();
  const { choice: way } = choice(undefined, ["a:1", "b:1", "c:1"], [], () => draws.next().value ?? 0);
  t.deepEqual(
    [0, 1, 2, 3].map((nowMs) => way.pick(nowMs)),
    ["a:1", "b:1", "c:1", "c:1"],
  );
});

test("changes of the list count at once; without any manager that is said", (t) => {
  const { list, choice: way } = choice("/socket", [], []);
  list.setLocal(undefined);
  t.throws(() => way.pick(0), { message: "no manager of the cluster is known" });
  list.setKnown(["new:1"]);
  t.is(way.pick(0), "new:1");
});
