/** The contract of the machine: what a Ready says, what its shell owes, and what it is told of a member. */
import test from "ava";
import { ConfChangeType, type Message, MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { NOBODY } from "../../../src/raft/core/member-id.js";
import { RaftCore } from "../../../src/raft/core/raft-core.js";
import { CONFIG, votersState } from "./memory-member.js";
import { accept, answer, entries, from, member, settle, settledLeader, ticks } from "./one-member.js";

const { MsgApp, MsgHeartbeat } = MessageType;

const brief = ({ type, to, commit, entries: { length } }: Message) => ({ type, to, commit, entries: length });

test("where nothing is to be done there is no Ready", (t) => {
  const one = member();
  t.false(one.core.hasReady());
  t.is(one.core.ready(), undefined);
  const lead = settledLeader();
  t.false(lead.core.hasReady());
  // An answer that lets nothing out.
  accept(lead, "3", 1);
  t.false(lead.core.hasReady());
  t.is(lead.core.ready(), undefined);
});

test("hasReady says whether ready has something", (t) => {
  const one = settledLeader();
  const does = (input: () => unknown) => {
    input();
    t.true(one.core.hasReady());
    t.truthy(one.take());
    settle(one);
    t.false(one.core.hasReady());
  };
  does(() => one.core.propose(Buffer.from("x")));
  does(() => one.core.tick());
  does(() => accept(one, "2", 2));
  does(() => one.core.readIndex(Buffer.from("x")));
  does(() => one.core.transferLeadership("2"));
  does(() => one.core.step(from("3", MsgHeartbeat, 2)));
  does(() => one.core.forgetLeader());
  does(() => one.core.campaign());
});

test("Readys are numbered from 1; what one hands out is never changed, and comes once", (t) => {
  const one = settledLeader({ peers: [] });
  const first = one.take();
  t.is(first, undefined);
  one.core.propose(Buffer.from("x"));
  const second = one.take()!;
  const copy = structuredClone({ ...second, entries: second.entries.length });
  one.core.propose(Buffer.from("y"));
  const third = one.take()!;
  t.is(third.sequence, second.sequence + 1);
  t.deepEqual(
    third.entries.map(({ Index }) => Index),
    [3],
  );
  t.deepEqual(structuredClone({ ...second, entries: second.entries.length }), copy);
});

test("a commit that moves alone need not last", (t) => {
  const one = settledLeader();
  one.core.propose(Buffer.from("x"));
  settle(one);
  accept(one, "2", 2);
  t.like(one.take(), { mustSync: false, hardState: { term: 1, vote: "1", commit: 2 }, entries: [] });
});

test("lazily told, a commit goes with the next entries, or when the shell says so", (t) => {
  const one = settledLeader({ config: { lazyCommit: true } });
  one.core.propose(Buffer.from("x"));
  settle(one);
  accept(one, "2", 2);
  t.deepEqual(settle(one).messages, []);
  t.is(one.core.commit, 2);
  t.true(one.core.hasCommitNews);
  one.core.propose(Buffer.from("y"));
  t.deepEqual(settle(one).messages.map(brief), [
    { type: MsgApp, to: "2", commit: 2, entries: 1 },
    { type: MsgApp, to: "3", commit: 2, entries: 1 },
  ]);
  t.false(one.core.hasCommitNews);
  accept(one, "2", 3);
  t.deepEqual(settle(one).messages, []);
  one.core.tellCommit();
  const told = settle(one).messages.map(brief);
  t.deepEqual(told[0], { type: MsgApp, to: "2", commit: 3, entries: 0 });
  t.false(one.core.hasCommitNews);
  one.core.tellCommit();
  t.false(one.core.hasReady());
});

test("lazily told or not, a membership change that is committed is told at once: its leader may be gone next", (t) => {
  const one = settledLeader({ config: { lazyCommit: true } });
  const change = { type: ConfChangeType.ConfChangeRemoveNode, nodeId: "3", id: "0", context: Buffer.alloc(0) };
  t.true(one.core.proposeMembershipChange({ kind: "v1", change }).accepted);
  settle(one);
  accept(one, "2", 2);
  t.like(one.take()!.messages.map(brief)[0], { type: MsgApp, to: "2", commit: 2 });
});

test("a role and a leader are told when they change", (t) => {
  const one = member();
  answer(one, from("2", MsgHeartbeat, 1));
  one.core.step(from("2", MsgHeartbeat, 1));
  t.is(one.take()!.softState, undefined);
  one.core.step(from("3", MsgHeartbeat, 2));
  t.deepEqual(one.take()!.softState, { role: "follower", leader: "3" });
});

test("writes that end out of turn, or were never handed out, are a fault of the shell", (t) => {
  const one = settledLeader({ peers: [] });
  one.core.propose(Buffer.from("x"));
  const { sequence } = one.take()!;
  t.throws(() => one.core.advance({ persisted: sequence + 1 }), { instanceOf: RangeError });
  t.throws(() => one.core.advance({ applied: 2 }), { instanceOf: RangeError });
  // To be told of several at once, or of one again, is none.
  one.core.propose(Buffer.from("y"));
  one.core.advance({ persisted: one.take()!.sequence });
  one.core.advance({ persisted: sequence });
  t.is(one.core.commit, 3);
});

test("committed entries come in pages", (t) => {
  const one = member({ config: { maxCommittedBytesPerReady: 40 } });
  one.core.step(from("2", MsgApp, 1, { entries: entries(1, 1, 1, 1, 1, 1), commit: 5 }));
  t.deepEqual(
    settle(one)
      .readys.map(({ committed }) => committed.map(({ Index }) => Index))
      .filter(({ length }) => length > 0),
    [[1, 2], [3, 4], [5]],
  );
});

test("a settings mistake is told at the start", (t) => {
  const start = (config: object) => () =>
    new RaftCore(
      { ...CONFIG, id: "1", ...config },
      {
        hardState: { term: 0, vote: NOBODY, commit: 0 },
        snapshot: { index: 0, term: 0, confState: votersState(["1"]) },
        entries: [],
        applied: 0,
      },
    );
  t.throws(start({ id: NOBODY }), { message: /needs an id/ });
  t.throws(start({ electionTicks: 1 }), { message: /must be longer/ });
  t.throws(start({ heartbeatTicks: 0 }), { message: /must be longer/ });
  t.throws(start({ maxInflightMessages: 0 }), { message: /at least one message/ });
  t.throws(start({ readOnly: "lease" }), { message: /check of the quorum/ });
});

test("the status tells all of a member, and of a leader's followers", (t) => {
  const one = settledLeader({ peers: ["2"], learners: [] });
  one.core.propose(Buffer.from("x"));
  settle(one);
  t.deepEqual(one.core.status(), {
    id: "1",
    hardState: { term: 1, vote: "1", commit: 1 },
    role: "leader",
    leader: "1",
    applied: 1,
    firstIndex: 1,
    lastIndex: 2,
    lastTerm: 1,
    membership: votersState(["1", "2"]),
    transferee: NOBODY,
    followers: [
      {
        id: "1",
        match: 2,
        next: 3,
        state: "replicate",
        isLearner: false,
        recentlyActive: true,
        paused: false,
        inflight: 0,
        pendingSnapshot: 0,
      },
      {
        id: "2",
        match: 1,
        next: 3,
        state: "replicate",
        isLearner: false,
        recentlyActive: true,
        paused: false,
        inflight: 1,
        pendingSnapshot: 0,
      },
    ],
  });
  t.deepEqual(member().core.status().followers, []);
  t.true(one.core.logBytes > 0);
});

test("the same inputs give the same outputs", (t) => {
  const run = () => {
    const one = settledLeader({ peers: ["10", "9", "3"], config: { random: () => 0.3 } });
    one.core.propose(Buffer.from("x"));
    one.core.readIndex(Buffer.from("y"));
    return [...settle(one).messages, ...ticks(one, 3).messages];
  };
  t.deepEqual(run(), run());
  t.deepEqual([...new Set(run().map(({ to }) => to))], ["3", "9", "10"]);
});
