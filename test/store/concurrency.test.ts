import test from "ava";
import fc from "fast-check";
import { Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { timestampMs } from "../../src/api/time.js";
import { RaftError } from "../../src/raft/node/raft.js";
import { versionOf } from "../../src/store/change.js";
import { StoreError } from "../../src/store/errors.js";
import type { Store } from "../../src/store/store.js";
import { contents, newReplica } from "./replicas.js";

const service = (id: string, name = id) => Service.fromPartial({ id, spec: { annotations: { name } } });
const task = (id: string, slot = 0) => Task.fromPartial({ id, slot });

function increment(store: Store, id: string): Promise<number> {
  return store.update((tx) => {
    const current = tx.get("task", id)!;
    tx.update("task", { ...current, slot: current.slot + 1 });
    return current.slot + 1;
  });
}

test("transactions in flight stand on each other: none waits, none runs twice", async (t) => {
  const { store, log } = newReplica();
  let runs = 0;
  const created = store.update((tx) => tx.create("task", task("t")));
  const increments = Array.from({ length: 4 }, () => {
    runs++;
    return increment(store, "t");
  });
  t.is(log.waiting, 5, "all are in the log before anything is committed");
  t.is(
    store.view((read) => read.get("task", "t")),
    undefined,
    "and nobody sees what is not safe",
  );
  await log.settle();
  await created;
  t.deepEqual(await Promise.all(increments), [1, 2, 3, 4]);
  t.is(runs, 4);
  const stored = store.view((read) => read.get("task", "t"))!;
  t.is(stored.slot, 4);
  t.is(versionOf(stored), 5);
});

test("a change that is safe does not uncover what stands on it", async (t) => {
  const { store, log } = newReplica();
  const created = store.update((tx) => tx.create("task", task("t")));
  const first = [increment(store, "t"), increment(store, "t")];
  log.commit(2);
  const second = [increment(store, "t"), increment(store, "t")];
  await log.settle();
  await created;
  t.deepEqual(await Promise.all([...first, ...second]), [1, 2, 3, 4]);
});

test("update resolves once its changes can be read", async (t) => {
  const { store, log } = newReplica();
  let isDone = false;
  const done = store
    .update((tx) => tx.create("task", task("t")))
    .then(() => {
      isDone = true;
      return store.view((read) => versionOf(read.get("task", "t")!));
    });
  await new Promise((resolve) => setImmediate(resolve));
  t.false(isDone);
  log.commit();
  t.is(await done, 1);
});

test("two in flight that take the same name: one is refused, and only once the other is safe", async (t) => {
  const { store, log } = newReplica();
  const first = store.update((tx) => tx.create("service", service("s1", "web")));
  let refused: unknown;
  const second = store.update((tx) => tx.create("service", service("s2", "WEB"))).catch((error) => (refused = error));
  await new Promise((resolve) => setImmediate(resolve));
  t.is(refused, undefined, "it may yet be that the name is not taken");
  t.is(log.waiting, 1);
  await log.settle();
  await first;
  await second;
  t.true(refused instanceof StoreError && refused.code === "name-taken");
});

test("a name that was taken by what is lost is free", async (t) => {
  const { store, log } = newReplica();
  const first = store.update((tx) => tx.create("service", service("s1", "web")));
  const second = store.update((tx) => tx.create("service", service("s2", "web")));
  const outcomes = Promise.allSettled([first, second]);
  log.depose(0);
  log.elect();
  await log.settle();
  const [lost, taken] = await outcomes;
  t.like(lost, { status: "rejected", reason: { code: "outcome-unknown" } });
  t.is(taken.status, "fulfilled");
  t.deepEqual(
    store.view((read) => read.all("service").map(({ id }) => id)),
    ["s2"],
  );
});

test("a stale version is refused at once, whatever is in flight", async (t) => {
  const { store, log } = newReplica();
  const both = Promise.all([store.update((tx) => tx.create("task", task("t"))), increment(store, "t")]);
  await log.settle();
  await both;
  const pending = increment(store, "t");
  const error = await t.throwsAsync(
    store.update((tx) => tx.update("task", { ...task("t"), meta: { version: { index: 1 } } as never })),
    { instanceOf: StoreError },
  );
  t.is(error.code, "out-of-sequence");
  await log.settle();
  t.is(await pending, 2);
});

test("what is given up and applied after all is there", async (t) => {
  const { store, log } = newReplica();
  const outcomes = Promise.allSettled([
    store.update((tx) => tx.create("task", task("a"))),
    store.update((tx) => tx.create("task", task("b"))),
  ]);
  log.depose(1);
  t.deepEqual(
    (await outcomes).map(({ status }) => status),
    ["rejected", "rejected"],
  );
  t.deepEqual(
    store.view((read) => read.all("task").map(({ id }) => id)),
    ["a"],
  );
  const refused = await t.throwsAsync(
    store.update((tx) => tx.create("task", task("c"))),
    { instanceOf: RaftError },
  );
  t.is(refused.code, "not-leader");
});

test("a new term does not stand on what an earlier one lost, even when nobody has said that it is lost", async (t) => {
  const { store, log } = newReplica();
  void store.update((tx) => tx.create("task", task("ghost")));
  const unsure = store.update((tx) => tx.all("task").length);
  log.depose(0, false);
  log.elect();
  const seen = store.update((tx) => {
    tx.create("task", task("real"));
    return tx.all("task").map(({ id }) => id);
  });
  t.is(log.waiting, 1, "it does not wait for the ghost");
  await log.settle();
  t.deepEqual(await seen, ["real"]);
  t.is(await unsure, 1, "who had seen the ghost looked again");
});

for (const refuses of ["throws", "rejects"] as const) {
  test(`a log that is busy and ${refuses}: transactions wait for room, and stand on nothing that was refused`, async (t) => {
    const { store, log } = newReplica();
    log.refuses = refuses;
    log.capacity = 2;
    const created = Array.from({ length: 6 }, (_, i) => store.update((tx) => tx.create("service", service(`s${i}`))));
    t.is(log.waiting, 2);
    await log.settle();
    await Promise.all(created);
    t.deepEqual(
      store.view((read) => read.all("service").map(versionOf)).sort((a, b) => a - b),
      [1, 2, 3, 4, 5, 6],
    );
  });
}

test("without a leader the error says what to do", async (t) => {
  const { store, log } = newReplica();
  log.depose(0);
  const error = await t.throwsAsync(
    store.update((tx) => tx.create("task", task("t"))),
    { instanceOf: RaftError },
  );
  t.regex(error.message, /more than half of the managers are online/);
});

test("created_at grows from leader to leader, also when a clock is behind", async (t) => {
  const first = newReplica();
  const second = newReplica();
  first.clock.advance(60_000);
  const done = first.store.update((tx) => tx.create("task", task("a")));
  await first.log.settle();
  await done;
  for (const { data } of first.log.entries) second.log.follow(data);
  const later = second.store.update((tx) => tx.create("task", task("b")));
  await second.log.settle();
  await later;
  const createdAt = (id: string) => timestampMs(second.store.view((read) => read.get("task", id))!.meta?.createdAt);
  t.true(createdAt("b") > createdAt("a"));
});

test("a batch keeps several entries under way, in its order, and stops at the first failure", async (t) => {
  const { store, log } = newReplica();
  const items = Array.from({ length: 2000 }, (_, i) => i);
  const done = store.batch(items, (tx, i) => tx.create("task", task(String(i).padStart(5, "0"), i)));
  const failed = t.throwsAsync(done, { instanceOf: RaftError });
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  t.is(log.waiting, 8);
  log.commit(3);
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  t.is(log.waiting, 7, "all are in the log");
  log.depose(1);
  await failed;
  t.deepEqual(
    store.view((read) => read.all("task").map(({ slot }) => slot)),
    items.slice(0, 800),
  );
});

test("a batch splits by bytes; one transaction that is too large says how large", async (t) => {
  const { store, log } = newReplica();
  const blob = Buffer.alloc(400 * 1024, 7);
  const secret = (id: string, data: Buffer) =>
    ({
      id,
      meta: undefined,
      internal: false,
      spec: { annotations: { name: id, labels: {}, indices: [] }, data },
    }) as never;
  const done = store.batch(
    Array.from({ length: 7 }, (_, i) => `s${i}`),
    (tx, id) => tx.create("secret", secret(id, blob)),
  );
  await log.settle();
  await done;
  t.deepEqual(
    log.entries.map(({ data }) => Math.round(data.length / 400 / 1024)),
    [3, 3, 1],
  );
  const error = await t.throwsAsync(
    store.update((tx) => tx.create("secret", secret("large", Buffer.alloc(2_000_000)))),
    { instanceOf: StoreError },
  );
  t.is(error.code, "too-large");
  t.regex(error.message, /takes 20000\d\d bytes, more than the 1572864/);
  t.is(log.waiting, 0);
});

/** What a client does with two counters, one of which follows the other, and a name. */
const operation = fc.oneof(
  fc.record({ kind: fc.constant("increment" as const), id: fc.constantFrom("a", "b") }),
  fc.record({ kind: fc.constant("copy" as const), from: fc.constantFrom("a", "b"), to: fc.constantFrom("a", "b") }),
  fc.record({
    kind: fc.constant("claim" as const),
    id: fc.constantFrom("s1", "s2", "s3"),
    name: fc.constantFrom("x", "Y"),
  }),
  fc.record({ kind: fc.constant("free" as const), id: fc.constantFrom("s1", "s2", "s3") }),
  fc.record({ kind: fc.constant("sum" as const) }),
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ step: fc.constant("begin" as const), operation }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant("commit" as const), count: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constant("pause" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      step: fc.constant("depose" as const),
      survivors: fc.integer({ min: 0, max: 3 }),
      told: fc.boolean(),
    }),
  },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function run(tx: Parameters<Parameters<Store["update"]>[0]>[0], one: Operation): string {
  const slotOf = (id: string) => tx.get("task", id)?.slot ?? -1;
  const put = (id: string, slot: number) => {
    const current = tx.get("task", id);
    if (current) tx.update("task", { ...current, slot });
    else tx.create("task", task(id, slot));
  };
  switch (one.kind) {
    case "increment":
      put(one.id, slotOf(one.id) + 1);
      return `${one.id}=${slotOf(one.id)}`;
    case "copy":
      put(one.to, slotOf(one.from) + 10);
      return `${one.to}=${slotOf(one.to)}`;
    case "claim":
      tx.create("service", service(one.id, one.name));
      return "claimed";
    case "free":
      tx.remove("service", one.id);
      return "freed";
    case "sum":
      return `${slotOf("a")}+${slotOf("b")} ${tx.all("service").length}`;
  }
}

test("whatever commits late or is lost: what is there, and what each was told, is that of one after the other", async (t) => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
    const { store, log } = newReplica();
    const told: Promise<void>[] = [];
    /** By entry: what was done, and the answer. */
    const byVersion = new Map<number, { readonly one: Operation; readonly answer: string }>();
    const reads: {
      readonly one: Operation;
      readonly after: number;
      readonly until: number;
      readonly answer: string;
    }[] = [];
    const begin = (one: Operation) => {
      let answer = "";
      let version: number | undefined;
      const after = store.version;
      const done = store.update((tx) => {
        version = log.nextIndex;
        answer = run(tx, one);
        const changesNothing = tx.size === 0;
        if (changesNothing) version = undefined;
        else byVersion.set(version!, { one, answer });
      });
      told.push(
        done.then(
          () => void (version === undefined && reads.push({ one, after, until: store.version, answer })),
          (error: unknown) => {
            if (error instanceof RaftError) return;
            reads.push({ one, after, until: store.version, answer: (error as Error).message });
          },
        ),
      );
    };
    for (const one of steps) {
      if (one.step === "begin") begin(one.operation);
      else if (one.step === "commit") log.commit(one.count);
      else if (one.step === "depose") {
        log.depose(Math.min(one.survivors, log.waiting), one.told);
        log.elect();
      } else await new Promise((resolve) => setImmediate(resolve));
      checkNames(store);
    }
    await log.settle();
    log.depose(0);
    await new Promise((resolve) => setImmediate(resolve));

    // The same operations one after the other, each alone.
    const serial = newReplica();
    const answersAt: ((one: Operation) => string)[] = [];
    for (const { index, data } of log.entries) {
      if (data.length === 0) {
        serial.log.follow(data);
      } else {
        const done = byVersion.get(index)!;
        const answered = serial.store.update((tx) => run(tx, done.one));
        serial.log.commit();
        if ((await answered) !== done.answer) throw new Error(`entry ${index} answered ${done.answer}`);
      }
      // What a refused or reading operation may have been told after this entry.
      answersAt[index] = await snapshotOfAnswers(serial.store);
    }
    answersAt[0] = await snapshotOfAnswers(newReplica().store);
    const values = (store: Store) => withoutTimes(contents(store));
    if (JSON.stringify(values(store)) !== JSON.stringify(values(serial.store))) throw new Error("other objects");
    for (const { one, after, until, answer } of reads) {
      const possible = answersAt.slice(after, until + 1).map((at) => at(one));
      if (!possible.includes(answer))
        throw new Error(`${JSON.stringify(one)}: ${answer}, not in ${possible.join(", ")}`);
    }
  });
  await t.notThrowsAsync(fc.assert(property, { numRuns: 300 }));
});

async function snapshotOfAnswers(store: Store): Promise<(one: Operation) => string> {
  const tasks = store.view((read) => read.all("task"));
  const services = store.view((read) => read.all("service"));
  return (one) => {
    const slotOf = (id: string) => tasks.find((each) => each.id === id)?.slot ?? -1;
    switch (one.kind) {
      case "sum":
        return `${slotOf("a")}+${slotOf("b")} ${services.length}`;
      case "claim":
        if (services.some(({ id }) => id === one.id)) return `service ${one.id} already exists`;
        if (services.some(({ spec }) => spec?.annotations?.name === one.name))
          return `service ${one.name} already exists`;
        return "claimed";
      case "free":
        return services.some(({ id }) => id === one.id) ? "freed" : `service ${one.id} not found`;
      default:
        return "changes";
    }
  };
}

function checkNames(store: Store): void {
  const names = store.view((read) => read.all("service").map(({ spec }) => spec?.annotations?.name.toLowerCase()));
  if (new Set(names).size !== names.length) throw new Error(`names twice: ${names}`);
}

function withoutTimes(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner) => (key.endsWith("At") ? undefined : inner)));
}
