import test from "ava";
import { ConfChange, ConfChangeType, type Entry, EntryType } from "../../../src/api/generated/raftpb/raft.js";
import { type Foundation, forcedAppend } from "../../../src/raft/node/forced-cluster.js";
import { RemovalNotices } from "../../../src/raft/node/removal-notices.js";
import { memberChange, Roster } from "../../../src/raft/node/roster.js";

const { ConfChangeAddNode, ConfChangeAddLearnerNode, ConfChangeRemoveNode, ConfChangeUpdateNode } = ConfChangeType;

function change(index: number, type: ConfChangeType, raftId: string, addr = `at-${raftId}`): Entry {
  const member = { raftId, nodeId: `node-${raftId}`, addr, status: undefined };
  const data = Buffer.from(ConfChange.encode(memberChange(type, member)).finish());
  return { Term: 1, Index: index, Type: EntryType.EntryConfChange, Data: data };
}

const voters = (...ids: string[]) => ({
  voters: ids,
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
});

function rosterOf(...ids: string[]): Roster {
  const roster = new Roster();
  const members = ids.map((raftId) => ({ raftId, nodeId: `node-${raftId}`, addr: `at-${raftId}`, status: undefined }));
  roster.restore({ members, removed: ["9"] }, voters(...ids));
  return roster;
}

const SENSELESS: readonly (readonly [what: string, entry: Entry])[] = [
  ["one that votes already is added", change(1, ConfChangeAddNode, "1")],
  ["a member is added as a learner", change(1, ConfChangeAddLearnerNode, "1")],
  ["one that was removed is added", change(1, ConfChangeAddNode, "9")],
  ["a stranger is removed", change(1, ConfChangeRemoveNode, "7")],
  ["a stranger moves", change(1, ConfChangeUpdateNode, "7")],
  ["nobody is added", change(1, ConfChangeAddNode, "0")],
  ["the data are no change", { ...change(1, ConfChangeAddNode, "3"), Data: Buffer.from("ffff", "hex") }],
];

for (const [what, entry] of SENSELESS) {
  test(`nothing happens when ${what}`, (t) => {
    const roster = rosterOf("1", "2");
    const before = roster.snapshot();
    t.deepEqual(roster.apply(entry), { change: undefined, effects: [] });
    t.deepEqual(roster.snapshot(), before);
  });
}

test("members come, move and go", (t) => {
  const roster = rosterOf("1");
  roster.apply(change(1, ConfChangeAddLearnerNode, "2"));
  t.is(roster.byNode("node-2")?.addr, "at-2");
  roster.apply(change(2, ConfChangeUpdateNode, "2", "elsewhere"));
  t.is(roster.get("2")?.addr, "elsewhere");
  roster.apply(change(3, ConfChangeRemoveNode, "2"));
  t.is(roster.get("2"), undefined);
  t.deepEqual(roster.removed(), ["2", "9"]);
});

const HARD = { term: 5, vote: "2", commit: 10 };
const SELF = { id: "1", nodeId: "node-1", address: "at-1" };
const foundation = (...ids: string[]): Foundation => ({
  index: 10,
  membership: rosterOf(...ids).snapshot(),
  confState: voters(...ids),
});
const changesOf = (entries: readonly Entry[]) =>
  entries.map(({ Data }) => {
    const { type, nodeId } = ConfChange.decode(Data);
    return [type, nodeId];
  });

test("by force the others go, in a term of its own, all of it committed", (t) => {
  const batch = forcedAppend(SELF, foundation("1", "2", "3"), [change(11, ConfChangeAddNode, "4")], HARD);
  t.deepEqual(changesOf(batch.entries), [
    [ConfChangeRemoveNode, "2"],
    [ConfChangeRemoveNode, "3"],
    [ConfChangeRemoveNode, "4"],
  ]);
  t.deepEqual(
    batch.entries.map(({ Index, Term }) => [Index, Term]),
    [
      [12, 6],
      [13, 6],
      [14, 6],
    ],
  );
  t.deepEqual(batch.hardState, { term: 6, vote: "0", commit: 14 });
});

test("by force a learner votes first, and says where it is", (t) => {
  const learner: Foundation = { ...foundation("1", "2"), confState: { ...voters("2"), learners: ["1"] } };
  const first = forcedAppend(SELF, learner, [], HARD).entries;
  t.deepEqual(changesOf(first), [
    [ConfChangeAddNode, "1"],
    [ConfChangeRemoveNode, "2"],
  ]);
  const moved = forcedAppend({ ...SELF, address: "new" }, foundation("1"), [], HARD).entries;
  t.deepEqual(changesOf(moved), [[ConfChangeUpdateNode, "1"]]);
});

test("by force a removal that nobody knows to be agreed on is overwritten; one that is stands", (t) => {
  const entries = [change(11, ConfChangeRemoveNode, "1"), change(12, ConfChangeAddNode, "5")];
  const batch = forcedAppend(SELF, foundation("1", "2"), entries, HARD);
  t.deepEqual(
    batch.entries.map(({ Index }) => Index),
    [11],
  );
  t.deepEqual(changesOf(batch.entries), [[ConfChangeRemoveNode, "2"]]);
  t.throws(() => forcedAppend(SELF, foundation("1", "2"), entries, { ...HARD, commit: 11 }), { message: /removed/ });
});

test("the leader's word that this member was removed counts, one other's does not, most others' do", (t) => {
  const peers = ["2", "3", "4", "5"];
  t.true(new RemovalNotices().told("2", "2", peers));
  t.true(new RemovalNotices().told(undefined, "2", peers));
  const notices = new RemovalNotices();
  t.false(notices.told("3", "2", peers));
  t.false(notices.told("3", "2", peers));
  t.false(notices.told("4", "2", peers));
  notices.heard("4");
  t.false(notices.told("5", "2", peers));
  t.true(notices.told("4", "2", peers));
  const stranger = new RemovalNotices();
  for (const id of ["7", "8", "9", "10"]) t.false(stranger.told(id, "2", peers));
});
