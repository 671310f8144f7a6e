/** The Raft paper on terms and elections: sections 5.1, 5.2 and 5.4.1, and figure 2; the thesis in 9.6 and 4.2.3. A test to a rule. */
import test from "ava";
import { MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { NOBODY } from "../../../src/raft/core/member-id.js";
import type { Role } from "../../../src/raft/core/ready.js";
import { answer, entries, from, leader, member, ofType, settle, settledLeader, ticks } from "./one-member.js";

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHeartbeatResp, MsgPreVote, MsgPreVoteResp, MsgVote, MsgVoteResp } =
  MessageType;

for (const role of ["follower", "candidate", "leader"] as const) {
  test(`5.1: a ${role} that hears of a greater term enters it and follows`, (t) => {
    const one = role === "leader" ? leader() : member();
    if (role === "candidate") one.core.campaign();
    settle(one);
    t.is(one.core.role, role);
    one.core.step(from("2", MsgApp, 7));
    t.like(one.core, { role: "follower", term: 7, leader: "2" });
    // Its vote of the term before counts no more.
    settle(one);
    t.deepEqual(one.disk.hardState, { term: 7, vote: NOBODY, commit: 0 });
  });
}

test("5.1: a request of an old term is refused", (t) => {
  const one = member({ term: 5 });
  t.deepEqual(answer(one, from("2", MsgApp, 4, { entries: entries(1, 4) })), []);
  t.deepEqual(answer(one, from("2", MsgVote, 4)), []);
  t.like(one.core, { term: 5, lastIndex: 0, leader: NOBODY });
  // Where terms may have run ahead unheard, its sender is told.
  for (const config of [{ checkQuorum: true }, { preVote: true }]) {
    const [told] = answer(member({ term: 5, config }), from("2", MsgHeartbeat, 4));
    t.like(told, { type: MsgAppResp, term: 5, reject: false, index: 0 });
  }
});

test("5.1: an answer of an old term is ignored", (t) => {
  const one = member();
  one.core.campaign();
  settle(one);
  one.core.campaign();
  settle(one);
  t.deepEqual(answer(one, from("2", MsgVoteResp, 1)), []);
  t.like(one.core, { role: "candidate", term: 2 });
});

test("5.2: a member starts as a follower, and remains one as long as it hears of a leader", (t) => {
  const one = member();
  t.is(one.core.role, "follower");
  for (let i = 0; i < 5; i++) {
    ticks(one, 9);
    one.core.step(from("2", i % 2 === 0 ? MsgHeartbeat : MsgApp, 1));
    settle(one);
  }
  t.like(one.core, { role: "follower", leader: "2", term: 1 });
});

test("5.2: a follower that hears of nobody for an election timeout campaigns: next term, its own vote, a request to each other", (t) => {
  const one = member({ logTerms: [1, 2] });
  t.deepEqual(ticks(one, 9).messages, []);
  const { messages, readys } = ticks(one, 1);
  t.like(one.core, { role: "candidate", term: 3 });
  t.deepEqual(readys[0]!.hardState, { term: 3, vote: "1", commit: 0 });
  t.deepEqual(
    messages.map(({ to, type, term, index, logTerm }) => ({ to, type, term, index, logTerm })),
    [
      { to: "2", type: MsgVote, term: 3, index: 2, logTerm: 2 },
      { to: "3", type: MsgVote, term: 3, index: 2, logTerm: 2 },
    ],
  );
});

test("5.2: to give a vote resets the election timer", (t) => {
  const one = member();
  ticks(one, 9);
  t.like(answer(one, from("2", MsgVote, 1))[0], { reject: false });
  ticks(one, 9);
  t.is(one.core.role, "follower");
  ticks(one, 1);
  t.is(one.core.role, "candidate");
});

test("5.2: to refuse a vote does not", (t) => {
  const one = member({ logTerms: [1], term: 1, vote: "3" });
  ticks(one, 9);
  t.like(answer(one, from("2", MsgVote, 1, { index: 1, logTerm: 1 }))[0], { reject: true });
  ticks(one, 1);
  t.is(one.core.role, "candidate");
});

const ELECTIONS: readonly (readonly [peers: number, yes: number, no: number, role: Role])[] = [
  [2, 0, 0, "candidate"],
  [2, 1, 0, "leader"],
  [2, 0, 1, "candidate"],
  [2, 0, 2, "follower"],
  [2, 1, 1, "leader"],
  [4, 1, 0, "candidate"],
  [4, 2, 0, "leader"],
  [4, 1, 2, "candidate"],
  [4, 1, 3, "follower"],
  [3, 1, 0, "candidate"],
  [3, 2, 0, "leader"],
  [3, 1, 2, "follower"],
];

for (const [count, yes, no, role] of ELECTIONS) {
  test(`5.2: with ${yes} votes for it and ${no} against it of ${count} others, a candidate is a ${role}`, (t) => {
    const peers = Array.from({ length: count }, (_, at) => String(at + 2));
    const one = member({ peers });
    one.core.campaign();
    settle(one);
    for (const [at, peer] of peers.slice(0, yes + no).entries()) {
      // Refusals first: what has been decided is not heard of any more.
      one.core.step(from(peer, MsgVoteResp, 1, { reject: at < no }));
    }
    t.is(one.core.role, role);
  });
}

test("5.2: each vote counts once, whichever answer of a member comes first", (t) => {
  const one = member({ peers: ["2", "3", "4", "5"] });
  one.core.campaign();
  settle(one);
  for (let i = 0; i < 3; i++) one.core.step(from("2", MsgVoteResp, 1));
  t.is(one.core.role, "candidate");
  one.core.step(from("3", MsgVoteResp, 1, { reject: true }));
  one.core.step(from("3", MsgVoteResp, 1));
  t.is(one.core.role, "candidate");
  // Nor do those of strangers.
  one.core.step(from("9", MsgVoteResp, 1));
  t.is(one.core.role, "candidate");
  one.core.step(from("4", MsgVoteResp, 1));
  t.is(one.core.role, "leader");
});

test("5.2: a leader that is elected says so at once to all", (t) => {
  const one = member();
  one.core.campaign();
  settle(one);
  one.core.step(from("2", MsgVoteResp, 1));
  const { messages } = settle(one);
  t.deepEqual(
    messages.map(({ type, to, entries }) => ({ type, to, count: entries.length })),
    [
      { type: MsgApp, to: "2", count: 1 },
      { type: MsgApp, to: "3", count: 1 },
    ],
  );
});

test("5.2: a leader sends heartbeats, so that nobody else campaigns", (t) => {
  const one = settledLeader({ config: { heartbeatTicks: 3 } });
  t.deepEqual(ticks(one, 2).messages, []);
  t.deepEqual(
    ticks(one, 1).messages.map(({ type, to }) => [type, to]),
    [
      [MsgHeartbeat, "2"],
      [MsgHeartbeat, "3"],
    ],
  );
});

for (const [name, type] of [
  ["append", MsgApp],
  ["heartbeat", MsgHeartbeat],
] as const) {
  test(`5.2: a candidate that gets an ${name} of its own term follows its sender`, (t) => {
    const one = member();
    one.core.campaign();
    settle(one);
    one.core.step(from("2", type, 1));
    t.like(one.core, { role: "follower", leader: "2", term: 1 });
  });
}

test("5.2: a candidate whose election is not decided in time begins another one", (t) => {
  const one = member();
  one.core.campaign();
  settle(one);
  const { messages } = ticks(one, 10);
  t.like(one.core, { role: "candidate", term: 2 });
  t.is(ofType(messages, MsgVote).length, 2);
});

test("5.2: election timeouts are spread from the one that is set to twice as much", (t) => {
  const seen = new Set<number>();
  for (let i = 0; i < 100; i++) {
    const one = member({ config: { random: () => i / 100 } });
    let count = 0;
    while (one.core.role === "follower") {
      one.core.tick();
      count++;
    }
    seen.add(count);
  }
  t.deepEqual(
    [...seen].sort((a, b) => a - b),
    [10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
  );
});

test("5.2: a new timeout is drawn for each election, so that votes that were split are not split again", (t) => {
  // A member is started and started again before it is driven: that draws twice.
  const draws = [0.9, 0, 0.5, 0.9];
  const one = member({ config: { random: () => draws.shift() ?? 0 } });
  // 10 ticks at first; then, drawn by the first candidature, 15.
  ticks(one, 10);
  t.is(one.core.term, 1);
  ticks(one, 14);
  t.is(one.core.term, 1);
  ticks(one, 1);
  t.is(one.core.term, 2);
});

const VOTES: readonly (readonly [vote: string, candidate: string, granted: boolean])[] = [
  [NOBODY, "2", true],
  [NOBODY, "3", true],
  ["2", "2", true],
  ["3", "3", true],
  ["2", "3", false],
  ["3", "2", false],
  ["1", "2", false],
];

for (const [vote, candidate, granted] of VOTES) {
  test(`5.2: one vote a term: having voted for ${vote}, asked by ${candidate}: ${granted ? "yes" : "no"}`, (t) => {
    const one = member({ term: 1, vote });
    t.like(answer(one, from(candidate, MsgVote, 1))[0], {
      type: MsgVoteResp,
      to: candidate,
      term: 1,
      reject: !granted,
    });
    t.is(one.disk.hardState.vote, granted ? candidate : vote);
  });
}

test("5.2: who has a leader in this term votes for nobody else", (t) => {
  const one = member();
  answer(one, from("2", MsgHeartbeat, 1));
  t.like(answer(one, from("3", MsgVote, 1))[0], { reject: true });
});

const LOGS: readonly (readonly [own: readonly number[], index: number, logTerm: number, granted: boolean])[] = [
  [[1], 1, 1, true],
  [[1], 2, 1, true],
  [[1], 1, 2, true],
  [[1, 1], 1, 1, false],
  [[1, 1], 1, 2, true],
  [[1, 2], 2, 1, false],
  [[1, 2], 9, 1, false],
  [[1, 2], 2, 2, true],
  [[2], 1, 1, false],
  [[], 0, 0, true],
];

for (const [own, index, logTerm, granted] of LOGS) {
  for (const type of [MsgVote, MsgPreVote]) {
    test(`5.4.1: with a log of terms [${own}], ${MessageType[type]} for one that ends at ${index} in term ${logTerm}: ${granted ? "yes" : "no"}`, (t) => {
      const [given] = answer(member({ logTerms: own, term: 2 }), from("2", type, 3, { index, logTerm }));
      t.like(given, { type: type === MsgVote ? MsgVoteResp : MsgPreVoteResp, reject: !granted });
    });
  }
}

test("figure 2: term and vote are on the disk before anybody is asked for a vote, or given one", (t) => {
  const candidate = member();
  candidate.core.campaign();
  const asking = candidate.take()!;
  t.deepEqual(asking.hardState, { term: 1, vote: "1", commit: 0 });
  t.true(asking.mustSync);
  t.deepEqual(asking.messages, []);
  t.is(asking.messagesAfterPersist.length, 2);

  const voter = member();
  voter.core.step(from("2", MsgVote, 1));
  const voting = voter.take()!;
  t.deepEqual(voting.hardState, { term: 1, vote: "2", commit: 0 });
  t.true(voting.mustSync);
  t.deepEqual(voting.messages, []);
  t.like(voting.messagesAfterPersist[0], { type: MsgVoteResp, reject: false });
});

test("figure 2: a candidate's own vote counts when it is durable, and not for another term", (t) => {
  const one = member({ peers: [] });
  one.core.campaign();
  one.take();
  t.is(one.core.role, "candidate");
  one.core.campaign();
  one.take();
  // The vote of term 1.
  one.write();
  t.like(one.core, { role: "candidate", term: 2 });
  one.write();
  t.like(one.core, { role: "leader", term: 2 });
});

test("thesis 9.6: who asks first keeps its term and its vote", (t) => {
  const one = member({ term: 4, vote: "2", config: { preVote: true } });
  const { messages, readys } = ticks(one, 10);
  t.like(one.core, { role: "pre-candidate", term: 4 });
  t.true(readys.every(({ hardState }) => hardState === undefined));
  t.deepEqual(
    messages.map(({ type, term }) => [type, term]),
    [
      [MsgPreVote, 5],
      [MsgPreVote, 5],
    ],
  );
  one.core.step(from("2", MsgPreVoteResp, 5));
  t.like(one.core, { role: "candidate", term: 5 });
});

test("thesis 9.6: a promise for an election that did not come does not count", (t) => {
  const one = member({ term: 4, config: { preVote: true } });
  ticks(one, 10);
  one.core.step(from("2", MsgPreVoteResp, 4));
  t.is(one.core.role, "pre-candidate");
});

test("thesis 9.6: to be asked first changes nothing at who is asked, and binds nobody", (t) => {
  const one = member({ term: 4 });
  for (const peer of ["2", "3"])
    t.like(answer(one, from(peer, MsgPreVote, 5))[0], { type: MsgPreVoteResp, term: 5, reject: false });
  t.deepEqual(one.disk.hardState, { term: 4, vote: NOBODY, commit: 0 });
});

test("thesis 9.6: whoever asks for a term that is over is told the present one", (t) => {
  t.like(answer(member({ term: 4 }), from("2", MsgPreVote, 3))[0], { type: MsgPreVoteResp, term: 4, reject: true });
  const asking = member({ term: 2, config: { preVote: true } });
  ticks(asking, 10);
  asking.core.step(from("2", MsgPreVoteResp, 4, { reject: true }));
  t.like(asking.core, { role: "follower", term: 4 });
});

for (const type of [MsgVote, MsgPreVote]) {
  test(`thesis 4.2.3: who has heard of a leader within an election timeout does not look at a ${MessageType[type]}`, (t) => {
    const one = member({ config: { checkQuorum: true, random: () => 0.5 } });
    answer(one, from("2", MsgHeartbeat, 1));
    ticks(one, 9);
    t.deepEqual(answer(one, from("3", type, 9)), []);
    t.is(one.core.term, 1);
    // Unless the leader itself wants it.
    t.is(answer(one, from("3", type, 9, { context: Buffer.from("CampaignTransfer") })).length, 1);
    const other = member({ config: { checkQuorum: true, random: () => 0.5 } });
    answer(other, from("2", MsgHeartbeat, 1));
    ticks(other, 10);
    t.is(answer(other, from("3", type, 9)).length, 1);
  });
}

test("thesis 6.2: a leader that hears of no majority for an election timeout leads no more", (t) => {
  const one = settledLeader({ peers: ["2", "3", "4", "5"], config: { checkQuorum: true } });
  for (let i = 0; i < 5; i++) {
    ticks(one, 9);
    for (const peer of ["2", "5"]) one.core.step(from(peer, MsgHeartbeatResp, 1));
    ticks(one, 1);
    t.is(one.core.role, "leader");
  }
  ticks(one, 9);
  one.core.step(from("2", MsgHeartbeatResp, 1));
  ticks(one, 1);
  t.like(one.core, { role: "follower", leader: NOBODY, term: 1 });
});

test("a member that does not know of its membership, has been removed, or learns, never campaigns", (t) => {
  for (const voters of [[], ["2", "3"]]) {
    const one = member();
    one.disk.snapshot = {
      index: 0,
      term: 0,
      confState: { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    };
    one.restart();
    one.core.campaign();
    t.deepEqual(ticks(one, 50).messages, []);
    t.is(one.core.role, "follower");
  }
  t.deepEqual(ticks(member({ learners: ["1"] }), 50).messages, []);
});

test("an answer to a vote request tells what is committed, since the one with the longest log may not know who votes", (t) => {
  const told = answer(member({ logTerms: [1, 1], commit: 1 }), from("2", MsgVote, 3, { index: 2, logTerm: 1 }))[0];
  t.like(told, { reject: false, commit: 1, logTerm: 1 });
  const one = member({ logTerms: [1, 1, 2] });
  one.core.campaign();
  settle(one);
  // Not what its log does not have.
  one.core.step(from("2", MsgVoteResp, 3, { reject: true, commit: 2, logTerm: 2 }));
  t.is(one.core.commit, 0);
  one.core.step(from("3", MsgVoteResp, 3, { reject: true, commit: 2, logTerm: 1 }));
  t.is(one.core.commit, 2);
});
