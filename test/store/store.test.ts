import test from "ava";
import fc from "fast-check";
import { Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { timestampMs } from "../../src/api/time.js";
import { type StoreEvent, versionOf } from "../../src/store/change.js";
import { StoreError } from "../../src/store/errors.js";
import { newObjectId } from "../../src/store/object-id.js";
import { MemoryProposer } from "../../src/store/proposer.js";
import { MAX_CHANGES_PER_COMMIT, Store } from "../../src/store/store.js";
import { INDEXES } from "../../src/store/tables.js";
import { ManualClock, seededBytes } from "../manager/manual-clock.js";

const service = (id: string, name = id) => Service.fromPartial({ id, spec: { annotations: { name } } });
const task = (id: string, fields: Parameters<typeof Task.fromPartial>[0] = {}) => Task.fromPartial({ id, ...fields });
const newStore = (clock = new ManualClock()) => new Store(new MemoryProposer(), clock);

test("create, update, remove: versions, times, and what is seen", async (t) => {
  const clock = new ManualClock(1_000_500);
  const store = newStore(clock);
  await store.update((tx) => tx.create("service", service("s1", "Web")));
  const first = store.view((read) => read.get("service", "s1"))!;
  t.is(versionOf(first), 1);
  t.is(timestampMs(first.meta?.createdAt), 1_000_500);
  clock.advance(1000);
  await store.update((tx) => tx.update("service", { ...first, pendingDelete: true }));
  const second = store.view((read) => read.find("service", "name", "web"))[0]!;
  t.is(versionOf(second), 2);
  t.is(timestampMs(second.meta?.createdAt), 1_000_500);
  t.is(timestampMs(second.meta?.updatedAt), 1_001_500);
  t.false(first.pendingDelete, "objects that were handed out never change");
  await store.update((tx) => tx.remove("service", "s1"));
  t.is(
    store.view((read) => read.get("service", "s1")),
    undefined,
  );
  t.deepEqual(
    store.view((read) => read.find("service", "name", "web")),
    [],
  );
});

test("a stale update, a taken name and unknown objects are refused, and nothing is changed", async (t) => {
  const store = newStore();
  await store.update((tx) => tx.create("service", service("s1", "web")));
  const stale = store.view((read) => read.get("service", "s1"))!;
  await store.update((tx) => tx.update("service", { ...stale, pendingDelete: true }));
  const refused = async (code: string, body: Parameters<Store["update"]>[0]) => {
    const before = store.version;
    const error = await t.throwsAsync(store.update(body), { instanceOf: StoreError });
    t.is(error.code, code as never);
    t.is(store.version, before);
    return error.message;
  };
  t.is(await refused("out-of-sequence", (tx) => tx.update("service", stale)), "update out of sequence");
  t.is(await refused("name-taken", (tx) => tx.create("service", service("s2", "WEB"))), "service WEB already exists");
  await refused("exists", (tx) => tx.create("service", service("s1", "other")));
  await refused("not-found", (tx) => tx.remove("service", "s9"));
  await refused("not-found", (tx) => tx.update("service", service("s9")));
});

test("a transaction sees its own changes, and a failing one leaves no trace", async (t) => {
  const store = newStore();
  await store.update((tx) => tx.create("task", task("t0", { serviceId: "s" })));
  await t.throwsAsync(
    store.update((tx) => {
      tx.create("task", task("t1", { serviceId: "s" }));
      tx.remove("task", "t0");
      t.deepEqual(
        tx.find("task", "service", "s").map(({ id }) => id),
        ["t1"],
      );
      t.is(tx.get("task", "t0"), undefined);
      throw new Error("changed my mind");
    }),
    { message: "changed my mind" },
  );
  t.deepEqual(
    store.view((read) => read.all("task").map(({ id }) => id)),
    ["t0"],
  );
});

test("a name can move from a removed object to a new one in one transaction", async (t) => {
  const store = newStore();
  await store.update((tx) => tx.create("service", service("s1", "web")));
  await store.update((tx) => {
    tx.remove("service", "s1");
    tx.create("service", service("s2", "web"));
  });
  t.deepEqual(
    store.view((read) => read.find("service", "name", "web").map(({ id }) => id)),
    ["s2"],
  );
});

test("watches get what they asked for, by kind, id and index key, old key or new", async (t) => {
  const store = newStore();
  const heard: Record<string, string[]> = {};
  const listen = (name: string) => (events: readonly StoreEvent[]) => {
    heard[name] = [
      ...(heard[name] ?? []),
      ...events.map(({ kind, action, object }) => `${kind} ${action} ${object.id}`),
    ];
  };
  store.watch([{ kind: "service" }], listen("services"));
  store.watch([{ kind: "task", id: "t1" }], listen("t1"));
  store.watch([{ kind: "task", index: "node", key: "n1" }], listen("n1"));
  const end = store.watch([{ kind: "task", index: "node", key: "n2" }, { kind: "task" }], listen("n2 and all"));
  await store.update((tx) => {
    tx.create("service", service("s1"));
    tx.create("task", task("t1", { nodeId: "n1" }));
    tx.create("task", task("t2", { nodeId: "n2" }));
  });
  await store.update((tx) => tx.update("task", { ...tx.get("task", "t1")!, nodeId: "n2" }));
  end();
  await store.update((tx) => tx.remove("task", "t1"));
  t.deepEqual(heard, {
    services: ["service create s1"],
    t1: ["task create t1", "task update t1", "task remove t1"],
    n1: ["task create t1", "task update t1"],
    "n2 and all": ["task create t1", "task create t2", "task update t1"],
  });
});

test("view and watch leave no gap, also when begun inside a delivery", async (t) => {
  const store = newStore();
  const log: string[] = [];
  let second: { seen: number } | undefined;
  store.watch([{ kind: "task" }], (_events, version) => {
    log.push(`first hears ${version}`);
    if (version !== 1) return;
    // A commit inside a delivery is delivered after it; who begins to watch now has already seen it.
    void store.update((tx) => tx.create("task", task("t2")));
    second = store.viewAndWatch(
      (read) => read.all("task").length,
      [{ kind: "task" }],
      (_more, heard) => log.push(`second hears ${heard}`),
    );
  });
  await store.update((tx) => tx.create("task", task("t1")));
  t.is(second?.seen, 2);
  await store.update((tx) => tx.create("task", task("t3")));
  t.deepEqual(log, ["first hears 1", "first hears 2", "first hears 3", "second hears 3"]);
});

test("batch splits at the limit and keeps an item's changes together", async (t) => {
  const store = newStore();
  const sizes: number[] = [];
  store.watch([{ kind: "task" }], (events) => sizes.push(events.length));
  const items = Array.from({ length: 151 }, (_, i) => i);
  await store.batch(items, (tx, i) => {
    for (const part of ["a", "b", "c"]) tx.create("task", task(`${i}${part}`));
  });
  t.is(
    sizes.reduce((a, b) => a + b),
    453,
  );
  t.true(Math.max(...sizes) <= MAX_CHANGES_PER_COMMIT + 2);
  t.true(sizes.every((size) => size % 3 === 0));
});

test("indexes always say what a scan says", async (t) => {
  const operation = fc.record({
    id: fc.integer({ min: 0, max: 5 }).map(String),
    remove: fc.boolean(),
    serviceId: fc.constantFrom("", "s1", "s2"),
    nodeId: fc.constantFrom("", "n1"),
    slot: fc.integer({ min: 0, max: 2 }),
    desiredState: fc.constantFrom(TaskState.RUNNING, TaskState.SHUTDOWN),
    networks: fc.array(fc.constantFrom("net1", "net2"), { maxLength: 3 }),
  });
  const agreement = fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
      const store = newStore();
      for (const { id, remove, networks, ...fields } of operations) {
        await store.update((tx) => {
          const current = tx.get("task", id);
          const next = task(id, { ...fields, spec: { networks: networks.map((target) => ({ target })) } });
          if (!current) tx.create("task", next);
          else if (remove) tx.remove("task", id);
          else tx.update("task", { ...next, meta: current.meta });
          checkIndexes(tx);
        });
        store.view(checkIndexes);
      }
    }),
  );
  await t.notThrowsAsync(agreement);
});

function checkIndexes(read: Parameters<Parameters<Store["view"]>[0]>[0]): void {
  const all = read.all("task");
  for (const [name, keysOf] of Object.entries(INDEXES.task)) {
    for (const key of new Set(all.flatMap((one) => [...keysOf(one), "absent"]))) {
      const expected = all
        .filter((one) => keysOf(one).includes(key))
        .map(({ id }) => id)
        .sort();
      const found = read
        .find("task", name as "node", key)
        .map(({ id }) => id)
        .sort();
      if (expected.join() !== found.join()) throw new Error(`${name}=${key}: ${found} instead of ${expected}`);
    }
  }
}

test("ids have 25 characters of base 36", (t) => {
  const random = seededBytes(7);
  const ids = Array.from({ length: 200 }, () => newObjectId(random));
  t.true(ids.every((id) => /^[0-9a-z]{25}$/.test(id)));
  t.is(new Set(ids).size, 200);
  t.is(
    newObjectId((count) => new Uint8Array(count)),
    "0".repeat(25),
  );
});
