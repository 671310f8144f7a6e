import test from "ava";
import fc from "fast-check";
import { Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { InternalRaftRequest, Snapshot } from "../../src/api/generated/docker/swarmkit/v1/raft.js";
import type { Change } from "../../src/store/change.js";
import { EntryCodec } from "../../src/store/encoding/entry-codec.js";
import { MessageReader } from "../../src/store/encoding/message-reader.js";
import { MessageWriter } from "../../src/store/encoding/message-writer.js";
import { readObject, WIRE_KINDS, writeObject } from "../../src/store/encoding/object-kinds.js";
import { Recent } from "../../src/store/encoding/recent.js";
import { SharedMessages } from "../../src/store/encoding/shared-messages.js";
import { readSnapshotPart, writeSnapshot } from "../../src/store/encoding/snapshot-part.js";
import { KINDS, type Kind } from "../../src/store/tables.js";
import { randomMessage } from "./random-message.js";

const typeName = (kind: Kind) => `.docker.swarmkit.v1.${kind[0]!.toUpperCase()}${kind.slice(1)}`;
const seeds = fc.integer({ min: 0, max: 2 ** 31 });

function withLength(bytes: Uint8Array): Uint8Array {
  const writer = new MessageWriter(new SharedMessages());
  return writer.bytes(bytes).finish();
}

for (const kind of KINDS) {
  test(`a ${kind} of any content, unknown fields too, is read and written as the generated code does it`, (t) => {
    const shared = new SharedMessages();
    const { fns } = WIRE_KINDS[kind];
    fc.assert(
      fc.property(seeds, fc.boolean(), (seed, withUnknown) => {
        const random = randomMessage(typeName(kind), seed, withUnknown);
        const expected = fns.decode(random);
        // What a sender wrote in another way than the generated code does may be passed on as it came.
        const bytes = withUnknown ? random : fns.encode(expected as never).finish();
        // Twice: what was decoded or encoded before is taken from memory.
        for (let round = 0; round < 2; round++) {
          const read = readObject(kind, new MessageReader(withLength(bytes), shared));
          t.deepEqual(read, expected as never);
          if (withUnknown) continue;
          const writer = new MessageWriter(shared);
          writeObject(kind, read, writer);
          t.deepEqual(Buffer.from(writer.finish()), Buffer.from(fns.encode(expected as never).finish()));
        }
        const fresh = new MessageWriter(new SharedMessages());
        writeObject(kind, expected as never, fresh);
        t.deepEqual(Buffer.from(fresh.finish()), Buffer.from(fns.encode(expected as never).finish()));
      }),
      { numRuns: kind === "task" ? 200 : 40 },
    );
  });
}

test("tasks of a service share what they have in common, frozen, and nothing else", (t) => {
  const shared = new SharedMessages();
  const read = (id: string, image: string) => {
    const task = Task.fromPartial({
      id,
      serviceId: "s".repeat(25),
      spec: { runtime: { $case: "container", value: { image, env: ["A=1", "B=2"] } } },
      networks: [{ network: { id: "net", spec: { annotations: { name: "front" } } }, addresses: [`10.0.0.${id}/24`] }],
      endpoint: { virtualIps: [{ networkId: "net", addr: "10.0.0.2/24" }] },
    });
    return readObject("task", new MessageReader(withLength(Task.encode(task).finish()), shared));
  };
  const [a, b, c] = [read("3", "nginx:1"), read("4", "nginx:1"), read("5", "nginx:2")];
  t.is(a.spec, b.spec);
  t.is(a.endpoint, b.endpoint);
  t.is(a.networks[0]!.network, c.networks[0]!.network);
  t.not(a.spec, c.spec);
  t.not(a.networks[0], b.networks[0]);
  t.true(Object.isFrozen(a.spec));
  t.throws(() => (a.spec!.runtime!.value as unknown as { env: string[] }).env.push("C=3"), { instanceOf: TypeError });
});

test("messages of different types with the same bytes stay different", (t) => {
  const shared = new SharedMessages();
  const bytes = Buffer.from([10, 1, 97]);
  const one = shared.decode(bytes, 0, 3, WIRE_KINDS.network.fns);
  const other = shared.decode(bytes, 0, 3, WIRE_KINDS.service.fns);
  t.is(one.id, "a");
  t.false("endpoint" in one);
  t.true("endpoint" in other);
});

test("what was used of late is kept, within its bounds", (t) => {
  const recent = new Recent<number, number>(10);
  for (let i = 0; i < 1000; i++) {
    recent.set(i, i);
    t.is(recent.get(i), i);
    recent.get(0);
  }
  t.is(recent.get(0), 0, "what is asked for stays");
  const kept = Array.from({ length: 1000 }, (_, i) => recent.get(i)).filter((value) => value !== undefined);
  t.true(kept.length <= 20);
});

const change = fc.record({
  kind: fc.constantFrom(...KINDS),
  action: fc.constantFrom("create" as const, "update" as const, "remove" as const),
  seed: seeds,
});

test("an entry is SwarmKit's: read by the generated code, and read back", (t) => {
  const shared = new SharedMessages();
  const codec = new EntryCodec(shared);
  const ids = new Set<string>();
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (list) => {
      const changes = list.map(({ kind, action, seed }) => {
        const object = WIRE_KINDS[kind].fns.decode(randomMessage(typeName(kind), seed, false));
        return { kind, action, object } as unknown as Change;
      });
      const data = codec.encode(changes);
      const theirs = InternalRaftRequest.decode(data);
      t.false(ids.has(theirs.id));
      ids.add(theirs.id);
      t.deepEqual(
        theirs.action.map(({ action, target }) => [action, target?.$case, target?.value.id]),
        changes.map(({ kind, action, object }) => [{ create: 1, update: 2, remove: 3 }[action], kind, object.id]),
      );
      const expected = changes.map((one) => {
        if (one.action !== "remove") return one;
        return { ...one, object: WIRE_KINDS[one.kind].fns.decode(idAlone(one.object.id)) };
      });
      const skipped: string[] = [];
      t.deepEqual(
        codec.decode(data, (reason) => skipped.push(reason)),
        expected as never,
      );
      t.deepEqual(skipped, []);
    }),
    { numRuns: 100 },
  );
});

function idAlone(id: string): Uint8Array {
  return id === "" ? new Uint8Array(0) : new MessageWriter(new SharedMessages()).uint32(10).string(id).finish();
}

test("actions of a later version are left out, one line each; the others count", (t) => {
  const writer = new MessageWriter(new SharedMessages());
  const action = (number: number, field: number, id: string) => {
    writer.uint32(18).fork().uint32(8).int32(number);
    writer
      .uint32(field * 8 + 2)
      .fork()
      .uint32(10)
      .string(id)
      .join()
      .join();
  };
  action(1, 40, "new-kind");
  action(1, 4, "task1");
  action(9, 4, "task2");
  const skipped: string[] = [];
  const changes = new EntryCodec().decode(writer.finish(), (reason) => skipped.push(reason));
  t.deepEqual(
    changes.map(({ kind, action: what, object }) => `${what} ${kind} ${object.id}`),
    ["create task task1"],
  );
  t.is(skipped.length, 2);
  t.regex(skipped[0]!, /field 40/);
  t.regex(skipped[1]!, /action 9 on task task2/);
});

test("cut or damaged entries are refused, never read past their end", (t) => {
  const codec = new EntryCodec();
  const whole = codec.encode([
    { kind: "task", action: "create", object: Task.decode(randomMessage(".docker.swarmkit.v1.Task", 5, false)) },
  ]);
  for (let end = 1; end < whole.length; end++) {
    const cut = whole.slice(0, end);
    try {
      const { length } = codec.decode(cut, () => undefined);
      t.is(length, 0, `cut at ${end}`);
    } catch (error) {
      t.true(error instanceof Error);
    }
  }
});

test("a snapshot's parts are of moderate size, and together one Snapshot with everything", (t) => {
  const shared = new SharedMessages();
  const held = KINDS.map((kind) => {
    const objects = Array.from({ length: 60 }, (_, seed) =>
      WIRE_KINDS[kind].fns.decode(randomMessage(typeName(kind), seed, false)),
    );
    return [kind, objects] as const;
  });
  const parts = [...writeSnapshot(held as never, shared)];
  t.true(parts.length > 1);
  t.true(parts.every(({ length }) => length <= 256 * 1024));
  const { store } = Snapshot.decode(Buffer.concat(parts));
  const byKind = parts.flatMap((part) => [...readSnapshotPart(part, shared)]);
  for (const [kind, objects] of held) {
    // The generated code takes the last of several fields where protobuf merges: each part is compared instead.
    const found = byKind.filter((one) => one.kind === kind).map(({ object }) => object);
    t.deepEqual(found, objects as never);
  }
  t.truthy(store);
  t.deepEqual([...readSnapshotPart(Buffer.concat(parts), shared)].length, byKind.length);
});
