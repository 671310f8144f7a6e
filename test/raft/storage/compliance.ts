/** What every log storage does, whatever it stands on. */
import test from "ava";
import type { LogStorage } from "../../../src/raft/storage/log-storage.js";
import { SnapshotMissingError } from "../../../src/raft/storage/log-storage.js";
import { batch, chunksOf, entries, entry, hardState, shown, snapshotAt, storeSnapshot } from "./log-contents.js";

export interface StorageBed {
  /** The storage of a new life on the same log; the one before was closed or has crashed. Not loaded. */
  open(): Promise<LogStorage>;
  /** Removes what the bed made. */
  dispose(): Promise<void>;
}

type Run = (bed: StorageBed, t: import("ava").ExecutionContext) => Promise<void>;

const RULES: readonly (readonly [name: string, run: Run])[] = [
  [
    "a new one is empty",
    async (bed, t) => {
      const storage = await bed.open();
      const state = await storage.load();
      t.deepEqual(state, {
        identity: undefined,
        hardState: { term: 0, vote: "0", commit: 0 },
        snapshot: { confState: undefined, index: 0, term: 0 },
        entries: [],
        notes: [],
      });
      await storage.close();
    },
  ],
  [
    "what was appended comes back, byte for byte",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      const data = Buffer.from(Array.from({ length: 5000 }, (_, at) => at & 0xff));
      const large = { ...entry(3, 2, data), Type: 2 };
      await storage.append(batch(entries(1, 2), hardState(1, 0, "9223372036854775807")));
      await storage.append(batch([large], hardState(2, 2, "9223372036854775807")));
      const state = await reloaded(bed, storage);
      t.deepEqual(shown(state.entries), shown([...entries(1, 2), large]));
      t.deepEqual(state.hardState, hardState(2, 2, "9223372036854775807"));
      t.deepEqual(state.notes, []);
    },
  ],
  [
    "an entry replaces what stands at its index, and drops what follows",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      await storage.append(batch(entries(1, 6)));
      await storage.append(batch([entry(3, 2)]));
      await storage.append(batch([entry(4, 2), entry(5, 2), entry(4, 3)]));
      const state = await reloaded(bed, storage);
      t.deepEqual(shown(state.entries), shown([...entries(1, 2), entry(3, 2), entry(4, 3)]));
    },
  ],
  [
    "the whole log may be replaced from its first entry on",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      await storage.append(batch(entries(1, 3)));
      await storage.append(batch(entries(1, 2, 4)));
      t.deepEqual(shown((await reloaded(bed, storage)).entries), shown(entries(1, 2, 4)));
    },
  ],
  [
    "calls that overlap resolve in their order and all count",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      const order: number[] = [];
      await Promise.all(
        Array.from({ length: 50 }, async (_, at) => {
          await storage.append({
            entries: at % 5 === 4 ? [] : [entry(at - Math.floor(at / 5) + 1)],
            hardState: at % 5 === 4 ? hardState(1, at - Math.floor(at / 5)) : undefined,
            mustSync: at % 5 !== 4,
          });
          order.push(at);
        }),
      );
      t.deepEqual(
        order,
        Array.from({ length: 50 }, (_, at) => at),
      );
      const state = await reloaded(bed, storage);
      t.deepEqual(shown(state.entries), shown(entries(1, 40)));
      t.is(state.hardState.commit, 40);
    },
  ],
  [
    "what need not be durable is written when the storage is closed",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      await storage.append(batch(entries(1, 2), hardState(1, 0)));
      await storage.append({ entries: [], hardState: hardState(1, 2), mustSync: false });
      t.is((await reloaded(bed, storage)).hardState.commit, 2);
    },
  ],
  [
    "the identity stays, through compaction and later lives, and can be changed",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      await storage.setIdentity(Buffer.from("member 1"));
      await storage.append(batch(entries(1, 10), hardState(1, 10)));
      await storeSnapshot(storage, snapshotAt(10));
      await storage.compact(snapshotAt(10), 11, 1);
      await storage.close();
      const second = await bed.open();
      t.is(Buffer.from((await second.load()).identity!).toString(), "member 1");
      await second.setIdentity(Buffer.from("member 2"));
      t.is(Buffer.from((await reloaded(bed, second)).identity!).toString(), "member 2");
    },
  ],
  [
    "a snapshot comes back in its chunks, and only once it is committed",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      await storage.append(batch(entries(1, 5), hardState(1, 5)));
      const chunks = [Buffer.from("a"), Buffer.alloc(0), Buffer.alloc(700_000, 7), Buffer.from("z")];
      const sink = await storage.createSnapshot(snapshotAt(5));
      for (const chunk of chunks) await sink.write(chunk);
      await t.throwsAsync(chunksOf(storage, 5), { instanceOf: SnapshotMissingError });
      await sink.commit();
      t.deepEqual(await chunksOf(storage, 5), chunks);
      t.is(storage.stats().snapshotIndex, 5);
      await storage.close();
      const next = await bed.open();
      t.deepEqual((await next.load()).snapshot, snapshotAt(5));
      t.deepEqual(await chunksOf(next, 5), chunks);
      await next.close();
    },
  ],
  [
    "an aborted snapshot leaves nothing; two may be written at once",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      await storage.append(batch(entries(1, 5), hardState(1, 5)));
      const [one, two] = [await storage.createSnapshot(snapshotAt(4)), await storage.createSnapshot(snapshotAt(5))];
      await one.write(Buffer.from("one"));
      await two.write(Buffer.from("two"));
      await two.abort();
      await one.commit();
      await t.throwsAsync(chunksOf(storage, 5), { instanceOf: SnapshotMissingError });
      t.deepEqual(await chunksOf(storage, 4), [Buffer.from("one")]);
      t.is((await reloaded(bed, storage)).snapshot.index, 4);
    },
  ],
  [
    "compaction keeps the entries from keepFrom on, and as many snapshots as asked",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      for (let index = 1; index <= 60; index++) await storage.append(batch([entry(index)], hardState(1, index)));
      for (const index of [20, 40, 50]) {
        await storeSnapshot(storage, snapshotAt(index));
        await storage.compact(snapshotAt(index), index - 4, 2);
      }
      await t.throwsAsync(chunksOf(storage, 20), { instanceOf: SnapshotMissingError });
      t.deepEqual(await chunksOf(storage, 40), [Buffer.from("state at 40")]);
      const state = await reloaded(bed, storage);
      t.is(state.snapshot.index, 50);
      t.true(state.entries[0]!.Index <= 46);
      t.deepEqual(shown(state.entries), shown(entries(state.entries[0]!.Index, 60)));
    },
  ],
  [
    "a snapshot that is installed replaces the whole log, and the log goes on after it",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      await storage.append(batch(entries(1, 10), hardState(1, 3)));
      await storeSnapshot(storage, snapshotAt(100, 4));
      const installed = storage.installSnapshot(snapshotAt(100, 4), hardState(5, 100));
      const appended = storage.append(batch(entries(101, 103, 5), hardState(5, 101)));
      await Promise.all([installed, appended]);
      const state = await reloaded(bed, storage);
      t.deepEqual(state.snapshot, snapshotAt(100, 4));
      t.deepEqual(shown(state.entries), shown(entries(101, 103, 5)));
      t.deepEqual(state.hardState, hardState(5, 101));
    },
  ],
  [
    "a snapshot that was received and not installed does not count",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      await storage.append(batch(entries(1, 3), hardState(1, 3)));
      await storeSnapshot(storage, snapshotAt(100, 4));
      await storage.close();
      const next = await bed.open();
      const state = await next.load();
      t.is(state.snapshot.index, 0);
      t.deepEqual(shown(state.entries), shown(entries(1, 3)));
      await t.throwsAsync(chunksOf(next, 100), { instanceOf: SnapshotMissingError });
      await next.close();
    },
  ],
  [
    "a snapshot that is not there can be neither installed nor leant on",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      await storage.append(batch(entries(1, 3)));
      await t.throwsAsync(async () => storage.compact(snapshotAt(2), 3, 1), { instanceOf: SnapshotMissingError });
      await t.throwsAsync(async () => storage.installSnapshot(snapshotAt(9), undefined), {
        instanceOf: SnapshotMissingError,
      });
      t.deepEqual(shown((await reloaded(bed, storage)).entries), shown(entries(1, 3)));
    },
  ],
  [
    "many lives, each of which writes a little",
    async (bed, t) => {
      for (let life = 1; life <= 6; life++) {
        const storage = await bed.open();
        const state = await storage.load();
        t.is(state.entries.length, (life - 1) * 2);
        await storage.append(batch(entries(life * 2 - 1, life * 2, life), hardState(life, 0)));
        await storage.close();
      }
    },
  ],
  [
    "a closed one takes nothing any more",
    async (bed, t) => {
      const storage = await bed.open();
      await storage.load();
      await storage.append(batch(entries(1, 1)));
      await storage.close();
      await t.throwsAsync(storage.append(batch(entries(2, 2))), { message: /closed/ });
    },
  ],
];

async function reloaded(bed: StorageBed, storage: LogStorage) {
  await storage.close();
  const next = await bed.open();
  try {
    return await next.load();
  } finally {
    await next.close();
  }
}

/** One test per rule. */
export function testCompliance(name: string, makeBed: () => Promise<StorageBed>): void {
  for (const [rule, run] of RULES) {
    test(`${name}: ${rule}`, async (t) => {
      const bed = await makeBed();
      try {
        await run(bed, t);
      } finally {
        await bed.dispose();
      }
    });
  }
}
