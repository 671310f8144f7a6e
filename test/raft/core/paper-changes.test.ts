/** Snapshots (section 7), membership (6; thesis, chapter 4), transfer of leadership (thesis, 3.10) and reads (8; thesis, 6.4). A test to a rule. */
import test from "ava";
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type Message,
  MessageType,
  type SnapshotMetadata,
} from "../../../src/api/generated/raftpb/raft.js";
import type { MembershipChange } from "../../../src/raft/core/machine.js";
import { NOBODY } from "../../../src/raft/core/member-id.js";
import { snapshotOf } from "../../../src/raft/core/outgoing.js";
import { votersState } from "./memory-member.js";
import {
  accept,
  answer,
  entries,
  from,
  leader,
  logTerms,
  member,
  ofType,
  type Settled,
  settle,
  settledLeader,
  ticks,
} from "./one-member.js";

const {
  MsgApp,
  MsgAppResp,
  MsgHeartbeat,
  MsgHeartbeatResp,
  MsgReadIndex,
  MsgReadIndexResp,
  MsgSnap,
  MsgTimeoutNow,
  MsgTransferLeader,
  MsgVote,
  MsgVoteResp,
} = MessageType;
const { ConfChangeAddNode, ConfChangeAddLearnerNode, ConfChangeRemoveNode } = ConfChangeType;
const context = Buffer.alloc(0);

const v1 = (type: ConfChangeType, nodeId: string): MembershipChange => ({
  kind: "v1",
  change: { type, nodeId, context, id: NOBODY },
});
const v2 = (transition: ConfChangeTransition, ...changes: ConfChangeSingle[]): MembershipChange => ({
  kind: "v2",
  change: { transition, changes, context },
});
const snap = (metadata: SnapshotMetadata): Partial<Message> => ({ snapshot: snapshotOf(metadata) });
const at = (index: number, term: number, voters = ["1", "2", "3"]): SnapshotMetadata => ({
  index,
  term,
  confState: votersState(voters),
});

const readsOf = ({ readys }: Settled) => readys.flatMap(({ readStates }) => readStates);

test("7: a snapshot takes the place of the log and of the membership, and is promised when it is durable", (t) => {
  const one = member({ logTerms: [1, 1] });
  one.core.step(from("2", MsgSnap, 3, snap(at(5, 2, ["1", "2", "4"]))));
  const ready = one.take()!;
  t.like(ready, {
    snapshot: at(5, 2, ["1", "2", "4"]),
    hardState: { term: 3, vote: NOBODY, commit: 5 },
    mustSync: true,
    messages: [],
    committed: [],
  });
  t.like(ready.messagesAfterPersist[0], { type: MsgAppResp, index: 5, reject: false });
  t.deepEqual(one.core.status().membership.voters, ["1", "2", "4"]);
  t.like(one.core, { commit: 5, lastIndex: 5, logBytes: 0 });
});

test("7: what follows a snapshot is applied after it", (t) => {
  const one = member();
  one.core.step(from("2", MsgSnap, 1, snap(at(5, 1))));
  one.core.step(from("2", MsgApp, 1, { index: 5, logTerm: 1, entries: entries(6, 1), commit: 6 }));
  const ready = one.take()!;
  t.deepEqual([ready.snapshot?.index, ready.entries.map(({ Index }) => Index)], [5, [6]]);
  // Durable, and not in the state machine.
  one.core.advance({ persisted: ready.sequence });
  t.false(one.core.hasReady());
  one.core.advance({ applied: 5 });
  t.deepEqual(
    one.core.ready()!.committed.map(({ Index }) => Index),
    [6],
  );
});

test("7: who has a snapshot that is not in its state machine does not campaign", (t) => {
  const one = member();
  one.core.step(from("2", MsgSnap, 1, snap(at(5, 1))));
  one.take();
  for (let i = 0; i < 30; i++) one.core.tick();
  t.is(one.core.role, "follower");
  one.write();
  for (let i = 0; i < 30; i++) one.core.tick();
  t.is(one.core.role, "candidate");
});

const IGNORED: readonly (readonly [name: string, metadata: SnapshotMetadata])[] = [
  ["ends before what is committed", at(1, 1)],
  ["ends at what is committed", at(2, 1)],
  ["has no members", { index: 9, term: 1, confState: undefined }],
  ["contradicts itself", { index: 9, term: 1, confState: { ...votersState(["1"]), learners: ["1"] } }],
];

for (const [name, metadata] of IGNORED) {
  test(`7: a snapshot that ${name} is ignored, and what is committed is told`, (t) => {
    const one = member({ logTerms: [1, 1, 1], commit: 2 });
    const [told] = answer(one, from("2", MsgSnap, 1, snap(metadata)));
    t.like(told, { type: MsgAppResp, index: 2, reject: false });
    t.deepEqual(logTerms(one), [1, 1, 1]);
  });
}

test("7: a snapshot that the log leads to already only says what is committed", (t) => {
  const one = member({ logTerms: [1, 1, 1] });
  const [told] = answer(one, from("2", MsgSnap, 1, snap(at(2, 1))));
  t.like(told, { index: 2, reject: false });
  t.deepEqual(logTerms(one), [1, 1, 1]);
  t.is(one.core.commit, 2);
});

test("7: a new member takes a snapshot that is older than its own coming", (t) => {
  const one = member({ peers: [] });
  one.disk.snapshot = { index: 0, term: 0, confState: votersState([]) };
  one.restart();
  t.like(answer(one, from("2", MsgSnap, 1, snap(at(5, 1, ["2", "3"]))))[0], { index: 5 });
  t.deepEqual(ticks(one, 40).messages, []);
});

test("7: a follower that needs what is gone is sent the newest snapshot's metadata, once, if it lives", (t) => {
  const one = settledLeader();
  for (const data of ["x", "y"]) one.core.propose(Buffer.from(data));
  settle(one);
  accept(one, "2", 3);
  settle(one);
  const metadata = one.compact(4);
  t.like(one.core.status(), { firstIndex: 4, lastIndex: 3 });
  one.core.step(from("3", MsgAppResp, 1, { reject: true, index: 3, rejectHint: 1, logTerm: 1 }));
  const [sent, ...others] = settle(one).messages;
  t.like(sent, { type: MsgSnap, to: "3", term: 1, snapshot: { data: context, metadata } });
  t.deepEqual(others, []);
  t.like(one.core.status().followers[2], { state: "snapshot", pendingSnapshot: 3, paused: true });
  one.core.propose(Buffer.from("z"));
  t.true(settle(one).messages.every(({ to }) => to === "2"));
});

test("7: a snapshot is not sent to one that is silent", (t) => {
  const one = settledLeader({ config: { checkQuorum: true } });
  for (const data of ["x", "y"]) one.core.propose(Buffer.from(data));
  settle(one);
  accept(one, "2", 3);
  // The look at the quorum: from now on everybody must be heard of again.
  ticks(one, 10);
  one.compact(4);
  one.core.reportUnreachable("3");
  one.core.propose(Buffer.from("z"));
  t.deepEqual(ofType(settle(one).messages, MsgSnap), []);
  one.core.step(from("3", MsgHeartbeatResp, 1));
  t.is(ofType(settle(one).messages, MsgSnap).length, 1);
});

test("7: word that a snapshot has arrived, or has not, lets the leader probe again", (t) => {
  for (const [delivered, next] of [
    [true, 4],
    [false, 2],
  ] as const) {
    const one = settledLeader();
    for (const data of ["x", "y"]) one.core.propose(Buffer.from(data));
    settle(one);
    accept(one, "2", 3);
    settle(one);
    one.compact(4);
    one.core.reportSnapshot("3", delivered);
    one.core.step(from("3", MsgAppResp, 1, { reject: true, index: 3, rejectHint: 1, logTerm: 1 }));
    one.core.reportSnapshot("3", delivered);
    t.like(one.core.status().followers[2], { state: "probe", next, paused: true });
  }
});

test("6: a change takes effect when it is applied, and the next one must wait for that", (t) => {
  const one = settledLeader();
  t.deepEqual(one.core.proposeMembershipChange(v1(ConfChangeAddNode, "4")), { accepted: true, index: 2, term: 1 });
  t.deepEqual(one.core.proposeMembershipChange(v1(ConfChangeRemoveNode, "3")), {
    accepted: false,
    reason: "membership-change-pending",
  });
  settle(one);
  t.deepEqual(one.core.status().membership.voters, ["1", "2", "3"]);
  accept(one, "2", 2);
  // Committed, and still not applied.
  t.deepEqual(one.core.proposeMembershipChange(v1(ConfChangeRemoveNode, "3")), {
    accepted: false,
    reason: "membership-change-pending",
  });
  settle(one);
  t.deepEqual(one.core.status().membership.voters, ["1", "2", "3", "4"]);
  t.like(one.core.proposeMembershipChange(v1(ConfChangeRemoveNode, "3")), { accepted: true });
});

test("6: a new leader takes no change before it has applied what it came with", (t) => {
  const one = leader({ logTerms: [1] });
  t.deepEqual(one.core.proposeMembershipChange(v1(ConfChangeAddNode, "4")), {
    accepted: false,
    reason: "membership-change-pending",
  });
  accept(one, "2", 2);
  settle(one);
  t.like(one.core.proposeMembershipChange(v1(ConfChangeAddNode, "4")), { accepted: true });
});

test("6: a change that does not fit is refused, and is no change where it is applied nevertheless", (t) => {
  const one = settledLeader({ peers: [] });
  for (const change of [v1(ConfChangeRemoveNode, "1"), v1(ConfChangeAddLearnerNode, "1"), v2(0)]) {
    t.deepEqual(one.core.proposeMembershipChange(change), { accepted: false, reason: "membership-change-invalid" });
    t.deepEqual(one.core.applyMembershipChange(change), votersState(["1"]));
  }
  t.deepEqual(one.core.applyMembershipChange(undefined), votersState(["1"]));
});

test("6: a leader that is removed leads until that is applied, and goes", (t) => {
  const one = settledLeader();
  one.core.proposeMembershipChange(v1(ConfChangeRemoveNode, "1"));
  settle(one);
  t.is(one.core.role, "leader");
  accept(one, "2", 2);
  const { messages } = settle(one);
  t.deepEqual(
    ofType(messages, MsgApp).map(({ to, commit }) => [to, commit]),
    [
      ["2", 2],
      ["3", 2],
    ],
  );
  t.like(one.core, { role: "follower", leader: NOBODY });
  t.deepEqual(ticks(one, 50).messages, []);
});

test("6: to remove a member may commit what the others have already", (t) => {
  const one = settledLeader({ peers: ["2", "3", "4"] });
  one.core.proposeMembershipChange(v1(ConfChangeRemoveNode, "4"));
  one.core.propose(Buffer.from("x"));
  settle(one);
  accept(one, "3", 2);
  accept(one, "2", 3);
  // The change has three of four; x has two, which is a majority as soon as the change is applied.
  t.is(one.core.commit, 2);
  settle(one);
  t.is(one.core.commit, 3);
});

test("thesis 4.2.1: a learner gets every entry and counts for nothing", (t) => {
  const one = settledLeader({ peers: ["2", "3"], learners: ["3"] });
  one.core.propose(Buffer.from("x"));
  t.deepEqual(
    settle(one).messages.map(({ to }) => to),
    ["2", "3"],
  );
  accept(one, "3", 2);
  t.is(one.core.commit, 1);
  accept(one, "2", 2);
  t.is(one.core.commit, 2);
});

test("thesis 4.3: a leader ends a joint configuration that is to end by itself, unless it is asked not to", (t) => {
  const change = { type: ConfChangeAddNode, nodeId: "4" };
  for (const [transition, endsBySelf] of [
    [ConfChangeTransition.ConfChangeTransitionJointImplicit, true],
    [ConfChangeTransition.ConfChangeTransitionJointExplicit, false],
  ] as const) {
    const one = settledLeader();
    one.core.proposeMembershipChange(v2(transition, change));
    settle(one);
    accept(one, "2", 2);
    settle(one);
    t.deepEqual(one.core.status().membership, {
      ...votersState(["1", "2", "3", "4"]),
      votersOutgoing: ["1", "2", "3"],
      autoLeave: endsBySelf,
    });
    t.is(one.core.lastIndex, endsBySelf ? 3 : 2);
  }
});

test("thesis 4.3: while two configurations are joint, elections and reads need a majority of each", (t) => {
  const joint = { ...votersState(["1", "4", "5"]), votersOutgoing: ["1", "2", "3"] };
  const one = member();
  one.disk.snapshot = { index: 0, term: 0, confState: joint };
  one.restart();
  one.core.campaign();
  settle(one);
  for (const peer of ["4", "5"]) one.core.step(from(peer, MsgVoteResp, 1));
  t.is(one.core.role, "candidate");
  one.core.step(from("3", MsgVoteResp, 1));
  t.is(one.core.role, "leader");
  settle(one);
  for (const peer of ["3", "4"]) accept(one, peer, 1);
  settle(one);
  one.core.readIndex(Buffer.from("a"));
  const [round] = ofType(settle(one).messages, MsgHeartbeat);
  for (const peer of ["4", "5"]) one.core.step(from(peer, MsgHeartbeatResp, 1, { context: round!.context }));
  t.deepEqual(readsOf(settle(one)), []);
  one.core.step(from("2", MsgHeartbeatResp, 1, { context: round!.context }));
  t.is(readsOf(settle(one)).length, 1);
});

test("thesis 4.3: the end of a joint configuration waits for a transfer that is under way, and comes when that is abandoned", (t) => {
  const one = settledLeader();
  one.core.proposeMembershipChange(
    v2(ConfChangeTransition.ConfChangeTransitionJointImplicit, { type: ConfChangeAddNode, nodeId: "4" }),
  );
  settle(one);
  one.core.transferLeadership("3");
  accept(one, "2", 2);
  settle(one);
  t.is(one.core.lastIndex, 2);
  ticks(one, 10);
  t.is(one.core.lastIndex, 3);
});

test("thesis 3.10: a leader takes no proposals, brings the target up to date, and lets it campaign", (t) => {
  const one = settledLeader();
  one.core.propose(Buffer.from("x"));
  settle(one);
  t.true(one.core.transferLeadership("3"));
  t.true(one.core.transferLeadership("3"));
  t.deepEqual(one.core.propose(Buffer.from("y")), { accepted: false, reason: "transferring" });
  t.deepEqual(ofType(settle(one).messages, MsgTimeoutNow), []);
  accept(one, "2", 2);
  t.deepEqual(ofType(settle(one).messages, MsgTimeoutNow), []);
  accept(one, "3", 2);
  t.deepEqual(
    ofType(settle(one).messages, MsgTimeoutNow).map(({ to, term }) => [to, term]),
    [["3", 1]],
  );
});

test("thesis 3.10: who is told to campaigns at once, asks nobody first, and says on whose behalf", (t) => {
  const one = member({ config: { preVote: true, checkQuorum: true } });
  answer(one, from("2", MsgHeartbeat, 1));
  const asked = answer(one, from("2", MsgTimeoutNow, 1));
  t.deepEqual(
    asked.map(({ type, term, context: on }) => [type, term, String(on)]),
    [
      [MsgVote, 2, "CampaignTransfer"],
      [MsgVote, 2, "CampaignTransfer"],
    ],
  );
});

test("thesis 3.10: a transfer that takes an election timeout is abandoned", (t) => {
  const one = settledLeader();
  ticks(one, 5);
  one.core.transferLeadership("2");
  ticks(one, 9);
  t.is(one.core.status().transferee, "2");
  ticks(one, 1);
  t.is(one.core.status().transferee, NOBODY);
  t.like(one.core.propose(Buffer.from("x")), { accepted: true });
});

test("a transfer to somebody else takes the place of the one before; who is removed is no target any more", (t) => {
  const one = settledLeader();
  one.core.transferLeadership("2");
  one.core.transferLeadership("3");
  t.is(one.core.status().transferee, "3");
  one.core.applyMembershipChange(v1(ConfChangeRemoveNode, "3"));
  t.is(one.core.status().transferee, NOBODY);
});

test("a member may ask its leader for the leadership", (t) => {
  const one = settledLeader();
  t.like(ofType(answer(one, from("2", MsgTransferLeader, 1)), MsgTimeoutNow)[0], { to: "2" });
});

test("thesis 6.4: a read is held back until the leader has committed in its term, then waits for a round of heartbeats", (t) => {
  const one = leader({ logTerms: [1] });
  t.true(one.core.readIndex(Buffer.from("a")));
  t.deepEqual(settle(one).messages, []);
  accept(one, "2", 2);
  const round = ofType(settle(one).messages, MsgHeartbeat);
  t.is(round.length, 2);
  t.true(one.core.readIndex(Buffer.from("b")));
  const [later] = ofType(settle(one).messages, MsgHeartbeat);
  // The first round confirms what was asked before it, not what was asked after.
  one.core.step(from("2", MsgHeartbeatResp, 2, { context: round[0]!.context }));
  t.deepEqual(readsOf(settle(one)), [{ context: Buffer.from("a"), index: 2 }]);
  one.core.step(from("3", MsgHeartbeatResp, 2, { context: later!.context }));
  t.deepEqual(readsOf(settle(one)), [{ context: Buffer.from("b"), index: 2 }]);
});

test("thesis 6.4: any number of reads between two Readys takes one round", (t) => {
  const one = settledLeader();
  for (const name of ["a", "b", "c"]) one.core.readIndex(Buffer.from(name));
  const round = settle(one).messages;
  t.is(round.length, 2);
  one.core.step(from("2", MsgHeartbeatResp, 1, { context: round[0]!.context }));
  t.is(readsOf(settle(one)).length, 3);
});

test("thesis 6.4: heartbeats that nobody waits for confirm nothing, and neither does a learner", (t) => {
  const one = settledLeader({ peers: ["2", "3", "4"], learners: ["4"] });
  one.core.readIndex(Buffer.from("a"));
  const [round] = settle(one).messages;
  one.core.step(from("2", MsgHeartbeatResp, 1));
  one.core.step(from("4", MsgHeartbeatResp, 1, { context: round!.context }));
  one.core.step(from("9", MsgHeartbeatResp, 1, { context: round!.context }));
  t.deepEqual(readsOf(settle(one)), []);
  one.core.step(from("3", MsgHeartbeatResp, 1, { context: round!.context }));
  t.is(readsOf(settle(one)).length, 1);
});

test("thesis 6.4: a follower asks its leader, whatever the term, and a leader that is one no more answers nobody", (t) => {
  const follower = member();
  t.false(follower.core.readIndex(Buffer.from("a")));
  answer(follower, from("2", MsgHeartbeat, 1));
  t.true(follower.core.readIndex(Buffer.from("a")));
  const [asked] = settle(follower).messages;
  t.like(asked, { type: MsgReadIndex, to: "2", from: "1", term: 0 });
  follower.core.step(from("2", MsgReadIndexResp, 1, { index: 7, entries: asked!.entries }));
  t.deepEqual(readsOf(settle(follower)), [{ context: Buffer.from("a"), index: 7 }]);

  const one = settledLeader();
  const round = answer(one, from("3", MsgReadIndex, 0, { entries: asked!.entries }));
  const [told] = ofType(answer(one, from("2", MsgHeartbeatResp, 1, { context: round[0]!.context })), MsgReadIndexResp);
  t.like(told, { to: "3", index: 1, term: 1, entries: asked!.entries });
  answer(one, from("3", MsgReadIndex, 0, { entries: asked!.entries }));
  one.core.step(from("2", MsgHeartbeat, 2));
  t.deepEqual(
    ofType(answer(one, from("2", MsgHeartbeatResp, 2, { context: round[0]!.context })), MsgReadIndexResp),
    [],
  );
});

test("thesis 6.4: what was asked of a leader that was deposed is not answered when it leads again", (t) => {
  const one = settledLeader({ peers: ["2"] });
  one.core.readIndex(Buffer.from("a"));
  settle(one);
  one.core.step(from("2", MsgHeartbeat, 2));
  settle(one);
  one.core.campaign();
  settle(one);
  one.core.step(from("2", MsgVoteResp, 3));
  settle(one);
  accept(one, "2", 2);
  settle(one);
  one.core.readIndex(Buffer.from("b"));
  const [round] = ofType(settle(one).messages, MsgHeartbeat);
  one.core.step(from("2", MsgHeartbeatResp, 3, { context: round!.context }));
  t.deepEqual(readsOf(settle(one)), [{ context: Buffer.from("b"), index: 2 }]);
});

test("thesis 6.4.1: by its lease a leader answers at once, when it has committed in its term", (t) => {
  const one = leader({ config: { checkQuorum: true, readOnly: "lease" } });
  one.core.readIndex(Buffer.from("a"));
  t.deepEqual(readsOf(settle(one)), []);
  accept(one, "2", 1);
  t.is(readsOf(settle(one)).length, 1);
  one.core.readIndex(Buffer.from("b"));
  t.is(readsOf(settle(one)).length, 1);
});
