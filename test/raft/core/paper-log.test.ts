/** The Raft paper on the log: sections 5.3 and 5.4.2, and figure 2; and flow control as etcd has it. A test to a rule. */
import test from "ava";
import { type Message, MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { NOBODY } from "../../../src/raft/core/member-id.js";
import {
  accept,
  answer,
  entries,
  from,
  leader,
  logTerms,
  member,
  ofType,
  settle,
  settledLeader,
  ticks,
} from "./one-member.js";

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHeartbeatResp } = MessageType;

const brief = (message: Message | undefined) =>
  message && {
    to: message.to,
    after: `${message.index}.${message.logTerm}`,
    entries: message.entries.map(({ Index, Term }) => `${Index}.${Term}`).join(" "),
    commit: message.commit,
  };

test("5.3: a leader appends what is proposed, and sends it to all in parallel", (t) => {
  const one = settledLeader();
  t.deepEqual(one.core.propose(Buffer.from("x")), { accepted: true, index: 2, term: 1 });
  const ready = one.take()!;
  t.deepEqual(ready.entries, [{ Index: 2, Term: 1, Type: 0, Data: Buffer.from("x") }]);
  t.true(ready.mustSync);
  // Its own disk is not waited for.
  t.deepEqual(ready.messages.map(brief), [
    { to: "2", after: "1.1", entries: "2.1", commit: 1 },
    { to: "3", after: "1.1", entries: "2.1", commit: 1 },
  ]);
});

test("5.3: all that is proposed between two Readys goes out as one append", (t) => {
  const one = settledLeader();
  for (const data of ["x", "y", "z"]) one.core.propose(Buffer.from(data));
  const appends = ofType(settle(one).messages, MsgApp);
  t.deepEqual(
    appends.map((message) => brief(message)?.entries),
    ["2.1 3.1 4.1", "2.1 3.1 4.1"],
  );
});

const COMMITS: readonly (readonly [size: number, acceptors: readonly string[], committed: boolean])[] = [
  [1, [], true],
  [3, [], false],
  [3, ["2"], true],
  [3, ["2", "3"], true],
  [5, ["2"], false],
  [5, ["2", "3"], true],
  [5, ["2", "3", "4", "5"], true],
  [4, ["2"], false],
  [4, ["2", "3"], true],
];

for (const [size, acceptors, committed] of COMMITS) {
  test(`5.3: an entry that ${acceptors.length} others of ${size} hold is ${committed ? "" : "not "}committed`, (t) => {
    const peers = Array.from({ length: size - 1 }, (_, at) => String(at + 2));
    const one = settledLeader({ peers });
    one.core.propose(Buffer.from("x"));
    settle(one);
    for (const peer of acceptors) accept(one, peer, 2);
    t.is(one.core.commit, committed ? 2 : 1);
    t.deepEqual(
      settle(one).applied.map(({ Index }) => Index),
      committed && size > 1 ? [2] : [],
    );
  });
}

test("5.3: a leader's own log counts once it is durable, and is applied only then", (t) => {
  const one = settledLeader({ peers: ["2"] });
  one.core.propose(Buffer.from("x"));
  one.take();
  accept(one, "2", 2);
  t.is(one.core.commit, 1);
  one.write();
  t.is(one.core.commit, 2);

  const other = settledLeader();
  other.core.propose(Buffer.from("x"));
  other.take();
  accept(other, "2", 2);
  accept(other, "3", 2);
  t.is(other.core.commit, 2);
  t.deepEqual(other.take()!.committed, []);
  other.write();
  t.deepEqual(
    other.take()!.committed.map(({ Index }) => Index),
    [2],
  );
});

test("5.3: to commit an entry commits all before it, those of earlier leaders too", (t) => {
  for (const terms of [[], [2], [1, 2], [1]]) {
    const one = leader({ logTerms: terms });
    accept(one, "2", terms.length + 1);
    t.is(one.core.commit, terms.length + 1);
    t.is(settle(one).applied.length, terms.length + 1);
  }
});

test("5.3: followers are told what is committed, and apply it in order", (t) => {
  const one = settledLeader();
  one.core.propose(Buffer.from("x"));
  settle(one);
  accept(one, "2", 2);
  // 2 is told; 3 as well, behind the entry that is on its way to it.
  t.deepEqual(settle(one).messages.map(brief), [
    { to: "2", after: "2.1", entries: "", commit: 2 },
    { to: "3", after: "2.1", entries: "", commit: 2 },
  ]);
  const follower = member();
  const all = entries(1, 1, 1, 1);
  answer(follower, from("2", MsgApp, 1, { entries: all, commit: 2 }));
  t.is(follower.applied, 2);
  follower.core.step(from("2", MsgApp, 1, { index: 3, logTerm: 1, commit: 3 }));
  t.deepEqual(settle(follower).applied, [all[2]!]);
});

const CONSISTENCY: readonly (readonly [index: number, logTerm: number, hint: string | undefined])[] = [
  [0, 0, undefined],
  [1, 1, undefined],
  [2, 2, undefined],
  // Not there.
  [3, 3, "2.2"],
  [5, 2, "2.2"],
  // There, of another term: the greatest index whose term is not above the leader's.
  [2, 1, "1.1"],
  [3, 1, "1.1"],
];

for (const [index, logTerm, hint] of CONSISTENCY) {
  test(`5.3: with a log of terms 1 2, an append after ${index}.${logTerm} is ${hint ? `refused, try ${hint}` : "taken"}`, (t) => {
    const one = member({ logTerms: [1, 2], term: 2 });
    const [told] = answer(one, from("2", MsgApp, 3, { index, logTerm }));
    if (hint === undefined) t.like(told, { type: MsgAppResp, reject: false, index, term: 3 });
    else {
      const [rejectHint, term] = hint.split(".").map(Number);
      t.like(told, { type: MsgAppResp, reject: true, index, rejectHint, logTerm: term, term: 3 });
    }
  });
}

const FOLLOWERS: readonly (readonly [
  own: readonly number[],
  index: number,
  logTerm: number,
  sent: readonly number[],
  result: readonly number[],
])[] = [
  // One that lacks entries.
  [[1, 1], 2, 1, [2, 2], [1, 1, 2, 2]],
  // One that has more of the same: what follows is the leader's, or will be replaced.
  [[1, 1, 1], 1, 1, [1], [1, 1, 1]],
  [[1, 1, 1], 0, 0, [1, 1], [1, 1, 1]],
  // One that has others.
  [[1, 2, 2], 1, 1, [3], [1, 3]],
  [[1, 2, 2], 1, 1, [2, 3], [1, 2, 3]],
  [[1, 2, 2], 0, 0, [3], [3]],
  // What was sent before, again.
  [[1, 2, 3], 1, 1, [2, 3], [1, 2, 3]],
  [[1, 2, 3], 3, 3, [], [1, 2, 3]],
];

for (const [own, index, logTerm, sent, result] of FOLLOWERS) {
  test(`5.3: terms [${own}] and an append of [${sent}] after ${index} make [${result}]`, (t) => {
    const one = member({ logTerms: own, term: 3 });
    const [told] = answer(one, from("2", MsgApp, 3, { index, logTerm, entries: entries(index + 1, ...sent) }));
    t.like(told, { reject: false, index: index + sent.length });
    t.deepEqual(logTerms(one), [...result]);
    t.is(one.core.lastIndex, result.length);
  });
}

test("5.3: a follower promises to have an entry when its disk has it", (t) => {
  const one = member();
  one.core.step(from("2", MsgApp, 1, { entries: entries(1, 1) }));
  const ready = one.take()!;
  t.deepEqual(ready.messages, []);
  t.deepEqual(
    ready.messagesAfterPersist.map(({ type, index }) => [type, index]),
    [[MsgAppResp, 1]],
  );
  // All that came between two Readys is answered at once.
  one.core.step(from("2", MsgApp, 1, { index: 1, logTerm: 1, entries: entries(2, 1) }));
  one.core.step(from("2", MsgApp, 1, { index: 2, logTerm: 1, entries: entries(3, 1) }));
  t.deepEqual(
    one.take()!.messagesAfterPersist.map(({ type, index }) => [type, index]),
    [[MsgAppResp, 3]],
  );
});

test("5.3: nothing is committed at a follower beyond what the append covers", (t) => {
  const one = member({ logTerms: [1, 1, 1], term: 2 });
  // What follows entry 2 may not be the leader's.
  answer(one, from("2", MsgApp, 2, { index: 1, logTerm: 1, entries: entries(2, 1), commit: 9 }));
  t.is(one.core.commit, 2);
  answer(one, from("2", MsgHeartbeat, 2, { commit: 2 }));
  t.is(one.core.commit, 2);
});

test("5.3: a leader that is refused goes back to where the follower's log may agree, and asks there", (t) => {
  // Terms as in the example of etcd's own comment: by the follower's hint and by its own log each side skips a term at a time.
  const one = leader({ logTerms: [1, 3, 3, 3, 5, 5, 5, 5, 5], term: 5 });
  one.core.step(from("2", MsgAppResp, 6, { reject: true, index: 9, rejectHint: 6, logTerm: 2 }));
  t.deepEqual(brief(settle(one).messages[0]), {
    to: "2",
    after: "1.1",
    entries: "2.3 3.3 4.3 5.5 6.5 7.5 8.5 9.5 10.6",
    commit: 0,
  });
  // An older refusal, once more, changes nothing.
  one.core.step(from("2", MsgAppResp, 6, { reject: true, index: 9, rejectHint: 6, logTerm: 2 }));
  t.deepEqual(settle(one).messages, []);
});

test("5.3: a refusal that was overtaken by what has arrived is ignored", (t) => {
  const one = settledLeader();
  for (const data of ["x", "y"]) one.core.propose(Buffer.from(data));
  settle(one);
  accept(one, "2", 3);
  settle(one);
  one.core.step(from("2", MsgAppResp, 1, { reject: true, index: 2, rejectHint: 0 }));
  t.like(one.core.status().followers[1], { state: "replicate", match: 3, next: 4 });
  t.deepEqual(settle(one).messages, []);
});

test("5.3: a leader never drops or replaces an entry of its own log", (t) => {
  const one = leader({ logTerms: [1, 1] });
  one.core.step(from("2", MsgApp, 2, { index: 1, logTerm: 1, entries: entries(2, 2) }));
  t.is(one.core.role, "leader");
  t.deepEqual(logTerms(one), [1, 1, 2]);
});

test("5.4.2, figure 8: a leader does not commit entries of earlier terms by counting, only with one of its own", (t) => {
  const one = leader({ logTerms: [1, 2] });
  accept(one, "2", 2);
  accept(one, "3", 2);
  t.is(one.core.commit, 0);
  accept(one, "2", 3);
  t.is(one.core.commit, 3);
});

test("8: a leader begins its term with an empty entry", (t) => {
  const one = leader({ logTerms: [1, 2] });
  t.deepEqual(one.log.entries.at(-1), { Index: 3, Term: 3, Type: 0, Data: Buffer.alloc(0) });
});

test("a probed follower gets one append at a time, and a heartbeat's answer lets the next one out", (t) => {
  const one = leader();
  // The empty entry is on its way.
  one.core.propose(Buffer.from("x"));
  t.deepEqual(ofType(settle(one).messages, MsgApp), []);
  ticks(one, 1);
  one.core.step(from("2", MsgHeartbeatResp, 1));
  t.deepEqual(settle(one).messages.map(brief), [{ to: "2", after: "0.0", entries: "1.1 2.1", commit: 0 }]);
});

test("a follower in step gets appends ahead of its answers, up to the limits of what is on its way", (t) => {
  const one = settledLeader({ config: { maxInflightMessages: 3, maxMessageBytes: 20 } });
  for (const data of ["a", "b", "c", "d", "e"]) one.core.propose(Buffer.from(data));
  const sent = (messages: readonly Message[]) =>
    messages.filter(({ to, entries }) => to === "2" && entries.length > 0).map((message) => brief(message)!.entries);
  t.deepEqual(sent(settle(one).messages), ["2.1", "3.1", "4.1"]);
  t.like(one.core.status().followers[1], { state: "replicate", paused: true, inflight: 3 });
  accept(one, "2", 3);
  t.deepEqual(sent(settle(one).messages), ["5.1", "6.1"]);
  // Answers that come twice, or late, let nothing out.
  accept(one, "2", 3);
  t.deepEqual(sent(settle(one).messages), []);
});

test("a follower that cannot be reached is probed", (t) => {
  const one = settledLeader();
  one.core.propose(Buffer.from("x"));
  settle(one);
  one.core.reportUnreachable("2");
  t.like(one.core.status().followers[1], { state: "probe", match: 1, next: 2 });
  // What concerns nobody, or itself, is ignored.
  one.core.reportUnreachable("9");
  one.core.reportUnreachable("1");
  t.is(one.core.status().followers[0]!.state, "replicate");
});

test("a heartbeat commits no more than what the follower is known to have", (t) => {
  const one = settledLeader();
  one.core.propose(Buffer.from("x"));
  settle(one);
  accept(one, "2", 2);
  settle(one);
  t.deepEqual(
    ticks(one, 1).messages.map(({ to, commit }) => [to, commit]),
    [
      ["2", 2],
      ["3", 1],
    ],
  );
});

test("no more than the limit is proposed and not committed; one always gets in", (t) => {
  const one = settledLeader({ config: { maxUncommittedBytes: 10, maxEntryBytes: 30 } });
  t.deepEqual(one.core.propose(Buffer.alloc(31)), { accepted: false, reason: "too-large" });
  t.like(one.core.propose(Buffer.alloc(30)), { accepted: true });
  t.deepEqual(one.core.propose(Buffer.alloc(1)), { accepted: false, reason: "busy" });
  t.like(one.core.propose(Buffer.alloc(0)), { accepted: true });
  settle(one);
  accept(one, "2", 2);
  t.like(one.core.propose(Buffer.alloc(10)), { accepted: true });
  t.deepEqual(one.core.propose(Buffer.alloc(1)), { accepted: false, reason: "busy" });
  // What another leader has left does not count.
  one.core.step(from("2", MsgApp, 2, { index: 2, logTerm: 1 }));
  t.deepEqual(one.core.propose(Buffer.alloc(1)), { accepted: false, reason: "not-leader" });
});

test("figure 2: log, term and vote come back after a crash; the commit index is learnt again", (t) => {
  const one = member();
  answer(one, from("2", MsgApp, 3, { entries: entries(1, 1, 3), commit: 1 }));
  one.core.step(from("2", MsgApp, 3, { index: 2, logTerm: 3, entries: entries(3, 3), commit: 3 }));
  one.take();
  one.restart();
  t.deepEqual(logTerms(one), [1, 3]);
  t.like(one.core, { term: 3, role: "follower", leader: NOBODY, commit: 1, lastIndex: 2 });
  t.deepEqual(
    settle(one).applied.map(({ Index }) => Index),
    [1],
  );
});
