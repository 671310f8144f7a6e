import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ClientReadableStream,
  credentials,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { Resource, Secret, Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import {
  type SelectBy,
  WatchClient,
  type WatchMessage,
  WatchRequest,
} from "../../../src/api/generated/docker/swarmkit/v1/watch.js";
import { SERVER_OPTIONS } from "../../../src/api/transport-options.js";
import { StoreWatch } from "../../../src/manager/watch/watch-service.js";
import { WIRE_KINDS } from "../../../src/store/encoding/object-kinds.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock } from "../manual-clock.js";

const CREATE = 1;
const UPDATE = 2;
const REMOVE = 4;
const ALL = CREATE | UPDATE | REMOVE;

interface Bed {
  readonly store: Store;
  readonly watches: StoreWatch;
  watch(request: Parameters<typeof WatchRequest.fromPartial>[0]): Watching;
}

/** One call, its messages in order. */
class Watching {
  readonly call: ClientReadableStream<WatchMessage>;
  readonly messages: WatchMessage[] = [];
  error: ServiceError | undefined;
  #changed: () => void = () => {};

  constructor(call: ClientReadableStream<WatchMessage>) {
    this.call = call;
    call.on("data", (message: WatchMessage) => {
      this.messages.push(message);
      this.#changed();
    });
    call.on("error", (error: ServiceError) => {
      this.error = error;
      this.#changed();
    });
  }

  /** Waits until so many messages are there, the empty one included. */
  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  async got(count: number): Promise<readonly string[]> {
    await this.until(() => this.messages.length >= count || this.error !== undefined);
    return this.messages.slice(1).map(text);
  }

  async failed(): Promise<ServiceError> {
    await this.until(() => this.error !== undefined);
    return this.error!;
  }
}

const text = ({ version, events }: WatchMessage) =>
  `${version?.index}: ${events.map(({ action, object }) => `${action} ${object?.Object?.$case} ${object?.Object?.value.id}`).join(", ")}`;

async function newBed(t: ExecutionContext, store = new Store(new MemoryProposer(), new ManualClock())): Promise<Bed> {
  const dir = mkdtempSync(join(tmpdir(), "tsw-watch-"));
  const server = new Server(SERVER_OPTIONS);
  const watches = new StoreWatch(store, (line) => t.log(line));
  const { definition, implementation } = watches.service();
  server.addService(definition, implementation);
  const target = `unix:${join(dir, "watch.sock")}`;
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(target, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
  );
  const client = new WatchClient(target, credentials.createInsecure());
  t.teardown(() => {
    client.close();
    server.forceShutdown();
    rmSync(dir, { recursive: true, force: true });
  });
  return { store, watches, watch: (request) => new Watching(client.watch(WatchRequest.fromPartial(request))) };
}

const task = (id: string, fields: Parameters<typeof Task.fromPartial>[0] = {}) => Task.fromPartial({ id, ...fields });
const service = (id: string, name = id) => Service.fromPartial({ id, spec: { annotations: { name } } });

test("an empty message, then one message for each commit, with its version; other kinds and actions are not told", async (t) => {
  const { store, watch } = await newBed(t);
  const watching = watch({
    entries: [
      { kind: "task", action: CREATE | REMOVE },
      { kind: "service", action: UPDATE },
    ],
  });
  await watching.got(1);
  t.deepEqual(watching.messages[0], { events: [], version: undefined });
  await store.update((tx) => {
    tx.create("task", task("t1"));
    tx.create("service", service("s1"));
    tx.create("task", task("t2"));
  });
  await store.update((tx) => tx.update("task", { ...tx.get("task", "t1")!, slot: 1 }));
  await store.update((tx) => {
    tx.update("service", { ...tx.get("service", "s1")!, pendingDelete: true });
    tx.remove("task", "t2");
  });
  t.deepEqual(await watching.got(3), ["1: 1 task t1, 1 task t2", "3: 2 service s1, 4 task t2"]);
  t.is(watching.messages[1]!.events[0]!.oldObject, undefined);
});

test("include_old_object tells of an update what was before", async (t) => {
  const { store, watch } = await newBed(t);
  const watching = watch({ entries: [{ kind: "task", action: ALL }], includeOldObject: true });
  await watching.got(1);
  await store.update((tx) => tx.create("task", task("t1", { slot: 1 })));
  await store.update((tx) => tx.update("task", { ...tx.get("task", "t1")!, slot: 2 }));
  await watching.got(3);
  const slots = watching.messages.slice(1).map(({ events: [event] }) => {
    const [now, before] = [event!.object?.Object, event!.oldObject?.Object];
    return [now?.$case === "task" && now.value.slot, before?.$case === "task" ? before.value.slot : undefined];
  });
  t.deepEqual(slots, [
    [1, undefined],
    [2, 1],
  ]);
});

const container = { secrets: [{ secretId: "sec" }], configs: [{ configId: "conf" }] };
const CUSTOM = { key: "team", val: "blue" };

/** Each filter with an object that it takes and one that it does not. */
const FILTERS: readonly {
  readonly kind: "task" | "service" | "node" | "secret" | "resource";
  readonly by: NonNullable<SelectBy["By"]>;
  readonly taken: object;
  readonly other: object;
}[] = [
  { kind: "task", by: { $case: "id", value: "taken" }, taken: {}, other: {} },
  { kind: "task", by: { $case: "idPrefix", value: "tak" }, taken: {}, other: {} },
  {
    kind: "secret",
    by: { $case: "name", value: "KEY" },
    taken: { spec: { annotations: { name: "key" } } },
    other: { spec: { annotations: { name: "key2" } } },
  },
  {
    kind: "task",
    by: { $case: "namePrefix", value: "web." },
    taken: { annotations: { name: "Web.1" } },
    other: { annotations: { name: "db.1" } },
  },
  {
    kind: "task",
    by: { $case: "custom", value: { kind: "task", index: "team", value: "blue" } },
    taken: { annotations: { indices: [CUSTOM] } },
    other: { annotations: { indices: [{ key: "team", val: "blueish" }] } },
  },
  {
    kind: "service",
    by: { $case: "customPrefix", value: { kind: "service", index: "team", value: "bl" } },
    taken: { spec: { annotations: { name: "a", indices: [CUSTOM] } } },
    other: { spec: { annotations: { name: "b", indices: [{ key: "crew", val: "blue" }] } } },
  },
  { kind: "task", by: { $case: "serviceId", value: "s" }, taken: { serviceId: "s" }, other: { serviceId: "s2" } },
  { kind: "task", by: { $case: "nodeId", value: "n" }, taken: { nodeId: "n" }, other: {} },
  {
    kind: "task",
    by: { $case: "slot", value: { serviceId: "s", slot: 3 } },
    taken: { serviceId: "s", slot: 3 },
    other: { serviceId: "s", slot: 4 },
  },
  {
    kind: "task",
    by: { $case: "desiredState", value: TaskState.SHUTDOWN },
    taken: { desiredState: TaskState.SHUTDOWN },
    other: { desiredState: TaskState.RUNNING },
  },
  { kind: "node", by: { $case: "role", value: NodeRole.MANAGER }, taken: { role: 1 }, other: { role: 0 } },
  {
    kind: "node",
    by: { $case: "membership", value: 1 },
    taken: { spec: { membership: 1 } },
    other: { spec: { membership: 0 } },
  },
  {
    kind: "service",
    by: { $case: "referencedNetworkId", value: "net" },
    taken: { spec: { annotations: { name: "a" }, task: { networks: [{ target: "net" }] } } },
    other: { spec: { annotations: { name: "b" }, task: { networks: [{ target: "net2" }] } } },
  },
  {
    kind: "task",
    by: { $case: "referencedSecretId", value: "sec" },
    taken: { spec: { runtime: { $case: "container", value: container } } },
    other: { spec: { runtime: { $case: "container", value: {} } } },
  },
  {
    kind: "service",
    by: { $case: "referencedConfigId", value: "conf" },
    taken: { spec: { annotations: { name: "a" }, task: { runtime: { $case: "container", value: container } } } },
    other: { spec: { annotations: { name: "b" } } },
  },
  {
    kind: "service",
    by: { $case: "referencedSecretId", value: "sec" },
    taken: {
      spec: { annotations: { name: "a" }, task: { resourceReferences: [{ resourceId: "sec", resourceType: 1 }] } },
    },
    other: {
      spec: { annotations: { name: "b" }, task: { resourceReferences: [{ resourceId: "sec", resourceType: 2 }] } },
    },
  },
  {
    kind: "resource",
    by: { $case: "kind", value: "gpu" },
    taken: { annotations: { name: "a" }, kind: "gpu" },
    other: { annotations: { name: "b" }, kind: "tpu" },
  },
];

for (const { kind, by, taken, other } of FILTERS) {
  test(`${by.$case} of a ${kind}: what it takes is told, now and when it is resumed`, async (t) => {
    const { store, watch } = await newBed(t);
    const { fns } = WIRE_KINDS[kind];
    const make = (id: string, fields: object) =>
      (fns as unknown as { fromPartial(fields: object): never }).fromPartial({ id, ...fields });
    const request = { entries: [{ kind, action: ALL, filters: [{ By: by }] }] };
    const watching = watch(request);
    await watching.got(1);
    await store.update((tx) => tx.create(kind, make("other", other)));
    await store.update((tx) => tx.create(kind, make("taken", taken)));
    await store.update((tx) => tx.remove(kind, "other"));
    await store.update((tx) => tx.remove(kind, "taken"));
    const expected = [`2: 1 ${kind} taken`, `4: 4 ${kind} taken`];
    t.deepEqual(await watching.got(3), expected);
    t.deepEqual(await watch({ ...request, resumeFrom: { index: 0 } }).got(3), expected);
  });
}

test("filters of one entry all hold, entries add up, and an event is told once", async (t) => {
  const { store, watch } = await newBed(t);
  const watching = watch({
    entries: [
      {
        kind: "task",
        action: CREATE,
        filters: [{ By: { $case: "serviceId", value: "s" } }, { By: { $case: "nodeId", value: "n" } }],
      },
      { kind: "task", action: CREATE, filters: [{ By: { $case: "idPrefix", value: "x" } }] },
    ],
  });
  await watching.got(1);
  await store.update((tx) => {
    tx.create("task", task("a", { serviceId: "s" }));
    tx.create("task", task("b", { serviceId: "s", nodeId: "n" }));
    tx.create("task", task("xc", { serviceId: "s", nodeId: "n" }));
    tx.create("task", task("xd"));
  });
  t.deepEqual(await watching.got(2), ["1: 1 task b, 1 task xc, 1 task xd"]);
});

test("a kind that users made up is a kind of resources", async (t) => {
  const { store, watch } = await newBed(t);
  const watching = watch({ entries: [{ kind: "gpu", action: ALL }] });
  await watching.got(1);
  await store.update((tx) => {
    tx.create("resource", Resource.fromPartial({ id: "r1", kind: "tpu", annotations: { name: "a" } }));
    tx.create("resource", Resource.fromPartial({ id: "r2", kind: "gpu", annotations: { name: "b" } }));
  });
  t.deepEqual(await watching.got(2), ["1: 1 resource r2"]);
});

const REFUSED: readonly [string, Parameters<typeof WatchRequest.fromPartial>[0], status, RegExp][] = [
  ["no entry", {}, status.INVALID_ARGUMENT, /no entries/],
  ["no kind", { entries: [{ action: ALL }] }, status.INVALID_ARGUMENT, /names no kind/],
  ["no action", { entries: [{ kind: "task" }] }, status.INVALID_ARGUMENT, /asks for no action/],
  ["an empty filter", { entries: [{ kind: "task", action: 1, filters: [{}] }] }, status.INVALID_ARGUMENT, /is empty/],
  [
    "a filter of another kind",
    { entries: [{ kind: "secret", action: 1, filters: [{ By: { $case: "nodeId", value: "n" } }] }] },
    status.INVALID_ARGUMENT,
    /secret cannot be watched by node id/,
  ],
  [
    "a version to come",
    { entries: [{ kind: "task", action: 1 }], resumeFrom: { index: 99 } },
    status.FAILED_PRECONDITION,
    /version 99 is not known here: the latest is 0/,
  ],
];
for (const [what, request, code, message] of REFUSED) {
  test(`${what} is refused`, async (t) => {
    const { watch } = await newBed(t);
    const error = await watch(request).failed();
    t.is(error.code, code);
    t.regex(error.details, message);
  });
}

test("resumed at any version: exactly what came after it, then what comes; no gap, nothing twice", async (t) => {
  const { store, watch } = await newBed(t);
  const said: string[] = [];
  store.watch([{ kind: "task" }], (events, version) =>
    said.push(`${version}: ${events.map(({ action, object }) => `${action} ${object.id}`).join(", ")}`),
  );
  const change = async (i: number) => {
    if (i % 3 === 2) await store.update((tx) => tx.create("service", service(`s${i}`)));
    else await store.update((tx) => tx.create("task", task(`t${i}`)));
  };
  for (let i = 0; i < 30; i++) await change(i);
  const after = (version: number) => said.filter((line) => Number.parseInt(line, 10) > version);
  const words = (watching: Watching) => watching.messages.slice(1).map(text);
  const resumed = Array.from({ length: 31 }, (_, index) =>
    watch({ entries: [{ kind: "task", action: ALL }], resumeFrom: { index } }),
  );
  // Some hear of these live, some in their replay.
  for (let i = 30; i < 40; i++) {
    await change(i);
    await resumed[i - 20]!.got(1);
  }
  for (const [version, watching] of resumed.entries()) {
    const expected = after(version).map((line) => line.replaceAll("create", "1 task"));
    await watching.got(expected.length + 1);
    t.deepEqual(words(watching), expected);
  }
});

test("what is compacted is refused with a clear text", async (t) => {
  const { store, watch } = await newBed(t);
  const secret = (i: number) =>
    Secret.fromPartial({ id: `s${i}`, spec: { annotations: { name: `s${i}` }, data: Buffer.alloc(500_000) } });
  for (let i = 0; i < 40; i++) await store.update((tx) => tx.create("secret", secret(i)));
  t.true(store.oldestVersion > 0);
  const error = await watch({ entries: [{ kind: "secret", action: 1 }], resumeFrom: { index: 1 } }).failed();
  t.is(error.code, status.OUT_OF_RANGE);
  t.regex(error.details, /compacted: they are known from version \d+ on; list the objects anew/);
  const resumed = watch({
    entries: [{ kind: "secret", action: 1 }],
    resumeFrom: { index: store.oldestVersion },
  });
  const got = await resumed.got(1 + 40 - store.oldestVersion);
  t.is(got.length, 40 - store.oldestVersion);
});

test("a slow client loses nothing while the history holds it, and is cut off when it does not", async (t) => {
  const { store, watch } = await newBed(t);
  const secret = (i: number) =>
    Secret.fromPartial({ id: `s${i}`, spec: { annotations: { name: `s${i}` }, data: Buffer.alloc(100_000) } });
  const slow = watch({ entries: [{ kind: "secret", action: CREATE }] });
  const lost = watch({ entries: [{ kind: "secret", action: CREATE }] });
  await Promise.all([slow.got(1), lost.got(1)]);
  slow.call.pause();
  lost.call.pause();
  for (let i = 0; i < 70; i++) {
    await store.update((tx) => tx.create("secret", secret(i)));
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  slow.call.resume();
  const ids = (await slow.got(71)).map((line) => line.split(" ").at(-1));
  t.deepEqual(
    ids,
    Array.from({ length: 70 }, (_, i) => `s${i}`),
  );
  for (let i = 70; i < 400; i++) {
    await store.update((tx) => tx.create("secret", secret(i)));
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  lost.call.resume();
  const error = await lost.failed();
  t.is(error.code, status.RESOURCE_EXHAUSTED);
  t.regex(error.details, /more slowly than they come/);
});

test("a manager that stops ends its watches; a client that goes is forgotten", async (t) => {
  const { store, watches, watch } = await newBed(t);
  const gone = watch({ entries: [{ kind: "task", action: ALL }] });
  const stays = watch({ entries: [{ kind: "task", action: ALL }] });
  await Promise.all([gone.got(1), stays.got(1)]);
  gone.call.cancel();
  t.is((await gone.failed()).code, status.CANCELLED);
  await store.update((tx) => tx.create("task", task("t")));
  t.deepEqual(await stays.got(2), ["1: 1 task t"]);
  watches.stop();
  t.is((await stays.failed()).code, status.UNAVAILABLE);
});

test("watchFrom in the store: from any version the missing commits, each once, then the live ones", async (t) => {
  const step = fc.record({
    kind: fc.constantFrom("task" as const, "service" as const),
    id: fc.constantFrom("a", "b", "c"),
  });
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 20 }),
    fc.nat(20),
    fc.nat(20),
    async (steps, resumeAt, watchAt) => {
      const store = new Store(new MemoryProposer(), new ManualClock());
      const whole: string[] = [];
      const resumed: string[] = [];
      const into =
        (list: string[]) => (events: readonly { action: string; object: { id: string } }[], version: number) =>
          list.push(...events.map(({ action, object }) => `${version} ${action} ${object.id}`));
      store.watch([{ kind: "task" }], into(whole));
      const from = Math.min(resumeAt, watchAt, steps.length);
      for (const [i, { kind, id }] of steps.entries()) {
        if (i === Math.min(watchAt, steps.length)) store.watchFrom(from, [{ kind: "task" }], into(resumed));
        await store.update((tx) => {
          if (tx.get(kind, id)) tx.remove(kind, id);
          else tx.create(kind, (kind === "task" ? task(id) : service(id)) as never);
        });
      }
      if (watchAt >= steps.length) store.watchFrom(from, [{ kind: "task" }], into(resumed));
      const missing = whole.filter((line) => Number.parseInt(line, 10) > from);
      if (missing.join() !== resumed.join()) throw new Error(`${resumed} instead of ${missing}`);
    },
  );
  await t.notThrowsAsync(fc.assert(property));
});
