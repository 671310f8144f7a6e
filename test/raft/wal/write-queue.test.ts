import test from "ava";
import { WriteQueue } from "../../../src/raft/wal/write-queue.js";
import { entries, entry, hardState, snapshotAt } from "../storage/log-contents.js";

const none = hardState(0, 0, "0");

test("what waits goes together, with the last hard state alone", (t) => {
  const queue = new WriteQueue(1000, none);
  queue.add({ entries: entries(1, 2), hardState: hardState(1, 0) }, true, false);
  queue.add({ entries: entries(3, 3) }, true, false);
  queue.add({ entries: [], hardState: hardState(1, 2) }, false, false);
  t.deepEqual(queue.take()!.content, {
    restart: undefined,
    entries: entries(1, 3),
    hardState: hardState(1, 2),
    identity: undefined,
    kept: undefined,
    mark: undefined,
  });
  queue.settle();
  t.is(queue.take(), undefined);
});

test("a commit index alone is no reason to write: it rides along with the next one", async (t) => {
  const queue = new WriteQueue(1000, none);
  const done = queue.add({ entries: [], hardState: hardState(1, 5) }, false, false);
  t.deepEqual(queue.take(), { content: undefined, rolls: false });
  queue.settle();
  await done;
  queue.add({ entries: entries(6, 6) }, true, false);
  t.deepEqual(queue.take()!.content, { hardState: hardState(1, 5), entries: entries(6, 6) });
  queue.settle();
  queue.add({ entries: entries(7, 7) }, true, false);
  t.deepEqual(queue.take()!.content, { entries: entries(7, 7) });
});

test("entries are durable whether or not it is asked for", (t) => {
  const queue = new WriteQueue(1000, none);
  queue.add({ entries: entries(1, 1) }, false, false);
  t.deepEqual(queue.take()!.content!.entries, entries(1, 1));
});

test("a restart of the log begins a group, and a new segment ends one", (t) => {
  const queue = new WriteQueue(1000, none);
  queue.add({ entries: entries(1, 1) }, true, false);
  queue.add({ entries: [], restart: snapshotAt(10) }, true, false);
  queue.add({ entries: entries(11, 11) }, true, false);
  queue.add({ entries: [] }, true, true);
  queue.add({ entries: entries(12, 12) }, true, false);
  const groups = [];
  for (let group = queue.take(); group; group = queue.take()) {
    groups.push([group.content?.restart?.index, group.content?.entries.map(({ Index }) => Index), group.rolls]);
    queue.settle();
  }
  t.deepEqual(groups, [
    [undefined, [1], false],
    [10, [11], true],
    [undefined, [12], false],
  ]);
});

test("a large batch goes in parts: the term first, the commit index last, acknowledged after the last part", async (t) => {
  const queue = new WriteQueue(1000, hardState(1, 3));
  const some = Array.from({ length: 5 }, (_, at) => entry(4 + at, 2, Buffer.alloc(400)));
  let isDone = false;
  const done = queue.add({ entries: some, hardState: hardState(2, 8) }, true, false).then(() => {
    isDone = true;
  });
  const states = [];
  const found = [];
  for (let group = queue.take(); group; group = queue.take()) {
    await Promise.resolve();
    t.false(isDone);
    states.push(group.content!.hardState);
    found.push(...group.content!.entries);
    queue.settle();
  }
  await done;
  t.deepEqual(found, some);
  t.deepEqual(states, [hardState(2, 3), hardState(2, 3), hardState(2, 8)]);
});

test("a failure rejects what is under way and what waits", async (t) => {
  const queue = new WriteQueue(40, none);
  const outcomes = [1, 2, 3].map((index) => queue.add({ entries: entries(index, index) }, true, false));
  queue.take();
  queue.rejectAll(new Error("no space"));
  for (const outcome of outcomes) await t.throwsAsync(outcome, { message: "no space" });
  t.is(queue.take(), undefined);
});
