import test from "ava";
import type { FollowerStatus } from "../../../src/raft/core/machine.js";
import { EntrySizes, keepFrom } from "../../../src/raft/node/retention.js";

const LIMITS = { keepEntries: 100, keepEntriesForFollowers: 1000, keepBytes: 1 << 20 };

function follower(match: number, more: Partial<FollowerStatus> = {}): FollowerStatus {
  return {
    id: "2",
    match,
    next: match + 1,
    state: "replicate",
    isLearner: false,
    recentlyActive: true,
    paused: false,
    inflight: 0,
    pendingSnapshot: 0,
    ...more,
  };
}

const CASES: readonly {
  readonly what: string;
  readonly followers?: readonly FollowerStatus[];
  readonly lowestByBytes?: number;
  readonly snapshotIndex?: number;
  readonly first: number;
}[] = [
  { what: "nobody to care for: the last hundred", first: 9901 },
  { what: "a follower that has all", followers: [follower(10_000)], first: 9901 },
  { what: "a follower that lacks more than a hundred", followers: [follower(9500)], first: 9501 },
  { what: "a follower that lacks too much: a thousand, no more", followers: [follower(10)], first: 9001 },
  { what: "a dead follower", followers: [follower(9500, { recentlyActive: false })], first: 9901 },
  { what: "one that nothing is known of", followers: [follower(0)], first: 9901 },
  { what: "this member itself", followers: [follower(9500, { id: "1" })], first: 9901 },
  { what: "a snapshot on its way to one", followers: [follower(10, { pendingSnapshot: 9700 })], first: 9701 },
  { what: "entries that are too large to be kept", followers: [follower(9500)], lowestByBytes: 9950, first: 9950 },
  { what: "a log that has just begun", snapshotIndex: 50, first: 1 },
];

for (const { what, followers = [], lowestByBytes = 1, snapshotIndex = 10_000, first } of CASES) {
  test(`what stays after a snapshot: ${what}`, (t) => {
    t.is(keepFrom(snapshotIndex, "1", followers, LIMITS, lowestByBytes), first);
  });
}

test("nothing has to stay", (t) => {
  t.is(keepFrom(10, "1", [], { keepEntries: 0, keepEntriesForFollowers: 0, keepBytes: 0 }, 1), 11);
});

test("sizes tell how far back so many bytes reach", (t) => {
  const sizes = new EntrySizes(LIMITS);
  for (let index = 1; index <= 5000; index++) sizes.add(index, 10);
  t.is(sizes.lowestWithin(100), 4991);
  t.is(sizes.lowestWithin(0), 5001);
  t.is(sizes.lowestWithin(1e9), 1);
  sizes.add(5010, 1000);
  t.is(sizes.lowestWithin(500), 5006);
  sizes.restart(9000);
  t.is(sizes.lowestWithin(0), 1);
});
