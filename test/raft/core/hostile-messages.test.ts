/** Whatever peers send, a member neither throws, nor takes back what is committed, nor votes twice. */
import test from "ava";
import fc from "fast-check";
import { type Entry, EntryType, type Message, MessageType } from "../../../src/api/generated/raftpb/raft.js";
import { draft } from "../../../src/raft/core/outgoing.js";
import { votersState } from "./memory-member.js";
import { entries, leader, member, settle, settledLeader } from "./one-member.js";

const small = fc.nat(6);
const id = fc.constantFrom("0", "1", "2", "3", "9");
const bytes = fc.uint8Array({ maxLength: 9 }).map((data) => Buffer.from(data));

const anyEntry: fc.Arbitrary<Entry> = fc.record({
  Term: small,
  Index: small,
  // Data of membership changes are decoded by whoever applies them.
  Type: fc.constant(EntryType.EntryNormal),
  Data: bytes,
});
const rising = fc
  .tuple(fc.nat(5), fc.array(fc.nat(4), { maxLength: 4 }))
  .map(([first, terms]) => entries(first, ...terms));

const anySnapshot = fc.record({
  data: fc.constant(Buffer.alloc(0)),
  metadata: fc.option(
    fc.record({
      index: small,
      term: small,
      confState: fc.option(
        fc.record({
          voters: fc.array(id, { maxLength: 3 }),
          learners: fc.array(id, { maxLength: 2 }),
          votersOutgoing: fc.array(id, { maxLength: 2 }),
          learnersNext: fc.array(id, { maxLength: 2 }),
          autoLeave: fc.boolean(),
        }),
        { nil: undefined },
      ),
    }),
    { nil: undefined },
  ),
});

const anyMessage: fc.Arbitrary<Message> = fc
  .record({
    type: fc.integer({ min: 0, max: 25 }) as fc.Arbitrary<MessageType>,
    from: id,
    to: fc.constantFrom("1", "1", "1", "2"),
    term: small,
    logTerm: small,
    index: small,
    entries: fc.oneof(rising, fc.array(anyEntry, { maxLength: 3 })),
    commit: small,
    snapshot: fc.option(anySnapshot, { nil: undefined }),
    reject: fc.boolean(),
    rejectHint: small,
    context: bytes,
  })
  .map((fields) => ({ ...draft(fields.type, fields.from, fields.to, fields.term), ...fields }));

const STARTS = {
  "a follower": () => member({ logTerms: [1, 1, 2], commit: 2 }),
  "a candidate": () => {
    const one = member({ logTerms: [1, 1], commit: 1, config: { checkQuorum: true } });
    one.core.campaign();
    return one;
  },
  "one that asks first": () => {
    const one = member({ logTerms: [1, 1], config: { preVote: true } });
    one.core.campaign();
    return one;
  },
  "a leader": () => leader({ logTerms: [1, 1] }),
  "a settled leader that hands over": () => {
    const one = settledLeader({ config: { maxInflightMessages: 1 } });
    one.core.readIndex(Buffer.from("x"));
    one.core.transferLeadership("2");
    return one;
  },
  "a new member": () => {
    const one = member();
    one.disk.snapshot = { index: 0, term: 0, confState: votersState([]) };
    one.restart();
    return one;
  },
} as const;

for (const [name, start] of Object.entries(STARTS)) {
  test(`${name} bears any messages`, (t) => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 30 }), fc.array(fc.nat(29)), (messages, pauses) => {
        const one = start();
        let { commit, term } = one.core;
        let votes = one.core.status().hardState;
        const chosen = new Map<number, number>();
        for (const [at, message] of messages.entries()) {
          one.core.step(message);
          if (pauses.includes(at)) for (const { Index, Term } of settle(one).applied) chosen.set(Index, Term);
          if (one.core.commit < commit || one.core.term < term || one.core.commit > one.core.lastIndex) return false;
          ({ commit, term } = one.core);
          const { hardState } = one.core.status();
          if (hardState.term === votes.term && votes.vote !== "0" && hardState.vote !== votes.vote) return false;
          votes = hardState;
          for (let tick = 0; tick < 3; tick++) one.core.tick();
        }
        settle(one);
        // What was applied is in the log as it was, or is covered by a snapshot.
        return one.log.entries.every(({ Index, Term }) => Index > one.applied || (chosen.get(Index) ?? Term) === Term);
      }),
      { numRuns: 300 },
    );
    t.pass();
  });
}

test("messages for others, from nobody, of no term, or of kinds that peers do not send, are ignored", (t) => {
  const { MsgApp, MsgBeat, MsgCheckQuorum, MsgForgetLeader, MsgHup, MsgProp, MsgSnapStatus, MsgUnreachable } =
    MessageType;
  const one = settledLeader({ config: { checkQuorum: true } });
  const before = one.core.status();
  for (const message of [
    draft(MsgApp, "2", "3", 9),
    draft(MsgApp, "0", "1", 9),
    draft(MsgApp, "1", "1", 9),
    draft(MsgApp, "2", "1", 0),
    ...[MsgHup, MsgBeat, MsgProp, MsgUnreachable, MsgSnapStatus, MsgCheckQuorum, MsgForgetLeader].map((type) =>
      draft(type, "2", "1", 1),
    ),
    { ...draft(MsgProp, "2", "1", 0), entries: entries(0, 0) },
    // No follower has more than its leader.
    { ...draft(MessageType.MsgAppResp, "2", "1", 1), index: 99 },
    // Answers of strangers do not even move the term.
    draft(MessageType.MsgAppResp, "9", "1", 99),
  ]) {
    one.core.step(message);
    t.is(one.core.ready(), undefined, MessageType[message.type]);
  }
  t.deepEqual(one.core.status(), before);
});
