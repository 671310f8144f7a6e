import test from "ava";
import fc from "fast-check";
import { Node, Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { InternalRaftRequest, Snapshot } from "../../src/api/generated/docker/swarmkit/v1/raft.js";
import type { StoreEvent } from "../../src/store/change.js";
import { HistoryError } from "../../src/store/errors.js";
import type { Store } from "../../src/store/store.js";
import { KINDS, type Kind } from "../../src/store/tables.js";
import { contents, newReplica, type Replica, stream } from "./replicas.js";

const KIND_NAMES = ["task", "service", "node", "secret"] as const;
const change = fc.record({
  kind: fc.constantFrom(...KIND_NAMES),
  id: fc.constantFrom("a", "b", "c", "d"),
  remove: fc.boolean(),
  slot: fc.nat(5),
});
const transactions = fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 15 });
type Changes = typeof transactions extends fc.Arbitrary<infer T> ? T : never;

function objectOf(kind: Kind, id: string, slot: number): never {
  const annotations = { name: `${kind}-${id}`, labels: { slot: String(slot) } };
  if (kind === "task") {
    const spec = { runtime: { $case: "container" as const, value: { image: "nginx", env: [`SLOT=${slot % 2}`] } } };
    return Task.fromPartial({ id, slot, annotations, spec, serviceId: `s${slot % 2}` }) as never;
  }
  if (kind === "node") return Node.fromPartial({ id, role: slot % 2, description: { hostname: id } }) as never;
  return Service.fromPartial({ id, spec: { annotations } }) as never;
}

async function perform({ store, log }: Replica, list: Changes): Promise<void> {
  const all = list.map((changes) =>
    store.update((tx) => {
      for (const { kind, id, remove, slot } of changes) {
        const current = tx.get(kind, id);
        const next = kind === "secret" ? secretOf(id, slot) : objectOf(kind, id, slot);
        if (!current) tx.create(kind, next);
        else if (remove) tx.remove(kind, id);
        else tx.update(kind, { ...(next as typeof current), meta: current.meta } as never);
      }
    }),
  );
  await log.settle();
  await Promise.all(all);
}

function secretOf(id: string, slot: number): never {
  const spec = {
    annotations: { name: id, labels: {}, indices: [] },
    data: Buffer.from([slot]),
    templating: undefined,
    driver: undefined,
  };
  return { id, meta: undefined, spec, internal: false } as never;
}

/** Applies a watch's events to a copy, as a loop that only hears of changes would hold it. */
class Mirror {
  readonly objects = new Map<string, unknown>();

  constructor(store: Store) {
    const take = (events: readonly StoreEvent[]) => {
      for (const { kind, action, object, previous } of events) {
        const key = `${kind} ${object.id}`;
        const known = this.objects.get(key);
        if (known !== previous) throw new Error(`${action} of ${key}: what was before is not what is known`);
        if (action === "create" ? known !== undefined : known === undefined) throw new Error(`${action} of ${key}`);
        if (action === "remove") this.objects.delete(key);
        else this.objects.set(key, object);
      }
    };
    store.watch(
      KINDS.map((kind) => ({ kind })),
      take,
    );
  }

  matches(store: Store): boolean {
    const stored = store.view((read) =>
      KINDS.flatMap((kind) => read.all(kind).map((one) => [`${kind} ${one.id}`, one])),
    );
    return stored.length === this.objects.size && stored.every(([key, one]) => this.objects.get(key as string) === one);
  }
}

test("a follower that decodes the entries has the same objects; its watchers hear the same", async (t) => {
  const property = fc.asyncProperty(transactions, async (list) => {
    const leader = newReplica();
    const follower = newReplica(0, 2);
    const mirror = new Mirror(follower.store);
    await perform(leader, list);
    for (const { data } of leader.log.entries) follower.log.follow(data);
    t.deepEqual(contents(follower.store), contents(leader.store));
    t.is(follower.store.version, leader.store.version);
    t.true(mirror.matches(follower.store));
    t.deepEqual(follower.logged, []);
  });
  await t.notThrowsAsync(fc.assert(property, { numRuns: 60 }));
});

test("a snapshot from any point and the entries after it give the same, over any state from before", async (t) => {
  const property = fc.asyncProperty(transactions, fc.nat(), fc.nat(), async (list, at, before) => {
    const leader = newReplica();
    await perform(leader, list);
    const { entries } = leader.log;
    const snapshotAt = at % (entries.length + 1);
    const staleAt = before % (snapshotAt + 1);

    const source = newReplica(0, 2);
    for (const { data } of entries.slice(0, snapshotAt)) source.log.follow(data);
    const parts = source.replicated.machine.snapshot();
    // Later changes are not among what it holds.
    for (const { data } of entries.slice(snapshotAt)) source.log.follow(data);

    const follower = newReplica(snapshotAt, 3);
    const mirror = new Mirror(follower.store);
    for (const { index, term, data } of entries.slice(0, staleAt)) {
      follower.replicated.machine.apply([{ index, term, data, local: undefined }]);
    }
    await follower.replicated.machine.restore(stream(parts), snapshotAt);
    t.is(follower.store.version, snapshotAt);
    for (const { data } of entries.slice(snapshotAt)) follower.log.follow(data);
    t.deepEqual(contents(follower.store), contents(leader.store));
    t.true(mirror.matches(follower.store));
    // What led to the snapshot is not known here.
    if (snapshotAt > 0) t.throws(() => follower.store.commitsAfter(snapshotAt - 1), { instanceOf: HistoryError });
    t.deepEqual(
      follower.store.commitsAfter(snapshotAt).map(({ version }) => version),
      leader.store.commitsAfter(snapshotAt).map(({ version }) => version),
    );
  });
  await t.notThrowsAsync(fc.assert(property, { numRuns: 60 }));
});

test("a snapshot that breaks off changes nothing", async (t) => {
  const { replicated, store, log } = newReplica();
  const created = store.update((tx) => tx.create("task", objectOf("task", "old", 1)));
  await log.settle();
  await created;
  const before = contents(store);
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Snapshot.encode(Snapshot.fromPartial({ store: { tasks: [objectOf("task", "new", 1)] } })).finish();
    throw new Error("the disk is gone");
  }
  await t.throwsAsync(replicated.machine.restore(broken(), 10), { message: "the disk is gone" });
  async function* damaged(): AsyncGenerator<Uint8Array> {
    yield Buffer.from([26, 200, 1, 10, 5]);
  }
  await t.throwsAsync(replicated.machine.restore(damaged(), 10), { instanceOf: RangeError });
  t.deepEqual(contents(store), before);
  t.is(store.version, 1);
});

test("many restored objects are told in pieces; who begins to watch in between hears none of them", async (t) => {
  const source = newReplica();
  const done = source.store.batch(
    Array.from({ length: 1300 }, (_, i) => `t${i}`),
    (tx, id) => tx.create("task", objectOf("task", id, 1)),
  );
  await source.log.settle();
  await done;
  const { replicated, store } = newReplica(7);
  const told: [number, number][] = [];
  const late: number[] = [];
  let seen = 0;
  store.watch([{ kind: "task" }], (events, version) => {
    told.push([events.length, version]);
    if (told.length > 1) return;
    seen = store.viewAndWatch(
      (read) => read.all("task").length,
      [{ kind: "task" }],
      (_events, later) => late.push(later),
    ).seen;
  });
  await replicated.machine.restore(stream(source.replicated.machine.snapshot()), 7);
  t.deepEqual(told, [
    [500, 0],
    [500, 0],
    [300, 7],
  ]);
  t.is(seen, 1300);
  t.deepEqual(late, []);
});

test("SwarmKit's entries and snapshots are taken: versions as it gave them, what is unknown left out", async (t) => {
  const { replicated, store, log, logged } = newReplica();
  const theirs = Task.fromPartial({ id: "t", slot: 3, meta: { version: { index: 4 } } });
  // Unknown fields: 99 in the request, 90 in the action, 77 in the task.
  const task = Buffer.concat([Task.encode(theirs).finish(), Buffer.from([0xea, 0x04, 1, 1])]);
  const action = Buffer.concat([Buffer.from([8, 1, 34, task.length]), task, Buffer.from([0xd0, 0x05, 7])]);
  log.follow(
    Buffer.concat([Buffer.from([8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 18, action.length]), action]),
  );
  t.like(
    store.view((read) => read.get("task", "t")),
    { slot: 3, meta: { version: { index: 4 } } },
  );
  log.follow(InternalRaftRequest.encode({ id: "5", action: [{ action: 1, target: undefined }] }).finish());
  t.is(logged.length, 1);
  t.regex(logged[0]!, /entry 2: .*left out/);
  log.follow(Buffer.from([255, 255, 255]));
  t.regex(logged[1]!, /entry 3 cannot be read/);
  const snapshot = Snapshot.encode(
    Snapshot.fromPartial({
      membership: { members: [{ raftId: "99", nodeId: "n" }] },
      store: { tasks: [theirs, { id: "t2" }], services: [{ id: "s", spec: { annotations: { name: "web" } } }] },
    }),
  ).finish();
  await replicated.machine.restore(stream([snapshot]), 9);
  t.deepEqual(
    store.view((read) => [
      read.all("task").map(({ id }) => id),
      read.find("service", "name", "web").map(({ id }) => id),
    ]),
    [["t", "t2"], ["s"]],
  );
});

test("a listener that fails is told of in the log; the others hear the commit, and the log goes on", async (t) => {
  const { store, log, logged } = newReplica();
  let heard = 0;
  store.watch([{ kind: "task" }], () => {
    throw new Error("a defect");
  });
  store.watch([{ kind: "task" }], () => heard++);
  const created = store.update((tx) => tx.create("task", objectOf("task", "t", 1)));
  await log.settle();
  await created;
  t.is(heard, 1);
  t.regex(logged.join(), /a watcher of the store failed: Error: a defect/);
});
