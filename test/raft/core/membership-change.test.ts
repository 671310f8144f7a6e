/** Membership changes: tables of what each does, and random ones, which must come to the same by either way. */
import test from "ava";
import fc from "fast-check";
import { type ConfChangeSingle, ConfChangeTransition, ConfChangeType } from "../../../src/api/generated/raftpb/raft.js";
import {
  confStateOf,
  type Membership,
  membersOf,
  NO_MEMBERSHIP,
  sorted,
  votersOf,
} from "../../../src/raft/core/membership.js";
import {
  asV2,
  changed,
  changeSimply,
  decodeChange,
  encodeChange,
  enterJoint,
  InvalidMembershipError,
  leaveJoint,
  restoreMembership,
} from "../../../src/raft/core/membership-change.js";

const { ConfChangeAddNode, ConfChangeRemoveNode, ConfChangeUpdateNode, ConfChangeAddLearnerNode } = ConfChangeType;
const context = Buffer.alloc(0);

const voters = (...ids: string[]): Membership => ({ ...NO_MEMBERSHIP, voters: ids });

/** "v1" a voter comes, "l2" a learner, "r3" one goes, "u4" one is updated: one word each. */
function parts(text: string): ConfChangeSingle[] {
  const kinds: Record<string, ConfChangeType> = {
    v: ConfChangeAddNode,
    l: ConfChangeAddLearnerNode,
    r: ConfChangeRemoveNode,
    u: ConfChangeUpdateNode,
  };
  return text
    .split(" ")
    .filter(Boolean)
    .map((word) => ({ type: kinds[word[0]!]!, nodeId: word.slice(1) }));
}

/** "1 2 | 1 | l3 | n4 auto": voters, outgoing, learners, learners to be. */
function brief({ voters, outgoing, learners, learnersNext, autoLeave }: Membership): string {
  return [voters, outgoing, learners, learnersNext].map((ids) => ids.join(" ")).join("|") + (autoLeave ? "|auto" : "");
}

const SIMPLE: readonly (readonly [from: Membership, changes: string, to: string])[] = [
  [voters("1"), "v2", "1 2|||"],
  [voters("1"), "v1", "1|||"],
  [voters("1", "2"), "r2", "1|||"],
  [voters("1", "2"), "r3", "1 2|||"],
  [voters("1"), "l2", "1||2|"],
  [voters("1"), "l2 l3 u1", "1||2 3|"],
  [voters("1", "2"), "l2", "1||2|"],
  [{ ...voters("1"), learners: ["2"] }, "v2", "1 2|||"],
  [{ ...voters("1"), learners: ["2"] }, "r2", "1|||"],
  [{ ...voters("1"), learners: ["2"] }, "l2", "1||2|"],
  [voters("1"), "v2 r2 v2", "1 2|||"],
  [voters("1"), "v0 r0", "1|||"],
  [voters("9", "10"), "v11", "9 10 11|||"],
  [NO_MEMBERSHIP, "v1", "1|||"],
];

for (const [from, changes, to] of SIMPLE) {
  test(`one voter at a time: ${brief(from)} by ${changes}`, (t) => t.is(brief(changeSimply(from, parts(changes))), to));
}

const JOINT: readonly (readonly [from: Membership, changes: string, joint: string, after: string])[] = [
  [voters("1"), "v2 v3", "1 2 3|1||", "1 2 3|||"],
  [voters("1", "2", "3"), "r2 r3 v4", "1 4|1 2 3||", "1 4|||"],
  [voters("1", "2", "3"), "l2 l3", "1|1 2 3||2 3", "1||2 3|"],
  [voters("1", "2"), "l2 v2", "1 2|1 2||", "1 2|||"],
  [voters("1", "2"), "l2 r2", "1|1 2||", "1|||"],
  [{ ...voters("1"), learners: ["2"] }, "v2 l1", "2|1||1", "2||1|"],
  [voters("1"), "l4", "1|1|4|", "1||4|"],
  [voters("1"), "", "1|1||", "1|||"],
];

for (const [from, changes, joint, after] of JOINT) {
  test(`jointly: ${brief(from)} by "${changes}"`, (t) => {
    const between = enterJoint(from, false, parts(changes));
    t.is(brief(between), joint);
    t.is(brief(enterJoint(from, true, parts(changes))), `${joint}|auto`);
    t.is(brief(leaveJoint(between)), after);
  });
}

const REFUSED: readonly (readonly [name: string, attempt: () => unknown, message: RegExp])[] = [
  ["two voters at once", () => changeSimply(voters("1"), parts("v2 v3")), /2 voters change at once/],
  ["one for another", () => changeSimply(voters("1", "2"), parts("r1 v3")), /2 voters change at once/],
  ["the last voter goes", () => changeSimply(voters("1"), parts("r1")), /no voter would be left/],
  ["the last voter learns", () => changeSimply(voters("1"), parts("l1")), /no voter would be left/],
  ["all voters go jointly", () => enterJoint(voters("1", "2"), true, parts("r1 r2")), /no voter would be left/],
  [
    "simply while joint",
    () => changeSimply(enterJoint(voters("1"), false, parts("v2")), parts("v3")),
    /joint configuration, which must end first/,
  ],
  [
    "jointly while joint",
    () => enterJoint(enterJoint(voters("1"), false, parts("v2")), true, parts("v3")),
    /joint configuration already/,
  ],
  ["jointly from nothing", () => enterJoint(NO_MEMBERSHIP, true, parts("v1")), /without voters/],
  ["an end without a joint configuration", () => leaveJoint(voters("1")), /no joint configuration/],
  ["an unknown kind", () => changeSimply(voters("1"), [{ type: 9 as ConfChangeType, nodeId: "2" }]), /kind 9/],
  [
    "learner and voter",
    () => restoreMembership({ ...confStateOf(voters("1")), learners: ["1"] }),
    /learner and a voter/,
  ],
  [
    "learner and outgoing",
    () => restoreMembership({ ...confStateOf(voters("1")), votersOutgoing: ["2"], learners: ["2"] }),
    /learner and a voter/,
  ],
  [
    "to learn without going",
    () => restoreMembership({ ...confStateOf(voters("1")), votersOutgoing: ["1"], learnersNext: ["2"] }),
    /does not go/,
  ],
  [
    "to learn and to vote",
    () => restoreMembership({ ...confStateOf(voters("1")), votersOutgoing: ["1"], learnersNext: ["1"] }),
    /learner and a voter/,
  ],
  ["to leave nothing", () => restoreMembership({ ...confStateOf(voters("1")), autoLeave: true }), /there is none/],
  ["learners alone", () => restoreMembership({ ...confStateOf(NO_MEMBERSHIP), learners: ["1"] }), /no voter/],
];

for (const [name, attempt, message] of REFUSED) {
  test(`refused: ${name}`, (t) => void t.throws(attempt, { instanceOf: InvalidMembershipError, message }));
}

test("by its transition and its length a change goes simply or jointly", (t) => {
  const { ConfChangeTransitionAuto, ConfChangeTransitionJointImplicit, ConfChangeTransitionJointExplicit } =
    ConfChangeTransition;
  const by = (transition: ConfChangeTransition, text: string) =>
    brief(changed(voters("1"), { transition, changes: parts(text), context }));
  t.is(by(ConfChangeTransitionAuto, "v2"), "1 2|||");
  t.is(by(ConfChangeTransitionAuto, "v2 v3"), "1 2 3|1|||auto");
  t.is(by(ConfChangeTransitionJointImplicit, "v2"), "1 2|1|||auto");
  t.is(by(ConfChangeTransitionJointExplicit, "v2"), "1 2|1||");
  t.throws(() => by(ConfChangeTransitionAuto, ""), { message: /no joint configuration/ });
});

const anyChange = fc.record({
  type: fc.constantFrom(ConfChangeAddNode, ConfChangeRemoveNode, ConfChangeAddLearnerNode, ConfChangeUpdateNode),
  nodeId: fc.integer({ min: 1, max: 7 }).map(String),
});
const anyChanges = fc.array(anyChange, { maxLength: 8 });

/** Some membership that is not joint: what random changes make of one member. */
const anyMembership = anyChanges.map((changes) =>
  changes.reduce((membership, one) => {
    try {
      return changeSimply(membership, [one]);
    } catch (error) {
      if (error instanceof InvalidMembershipError) return membership;
      throw error;
    }
  }, voters("1")),
);

/** Undefined when it is refused. */
function attempt(make: () => Membership): Membership | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof InvalidMembershipError) return undefined;
    throw error;
  }
}

test("what comes of a joint change is what a person would write down, one part after the other", (t) => {
  fc.assert(
    fc.property(anyMembership, anyChanges, (from, changes) => {
      const roles = new Map<string, "voter" | "learner">();
      for (const id of from.voters) roles.set(id, "voter");
      for (const id of from.learners) roles.set(id, "learner");
      for (const { type, nodeId } of changes) {
        if (type === ConfChangeAddNode) roles.set(nodeId, "voter");
        else if (type === ConfChangeAddLearnerNode) roles.set(nodeId, "learner");
        else if (type === ConfChangeRemoveNode) roles.delete(nodeId);
      }
      const having = (role: string) => sorted([...roles].filter(([, one]) => one === role).map(([id]) => id));
      const expected =
        having("voter").length === 0
          ? undefined
          : brief({ ...NO_MEMBERSHIP, voters: having("voter"), learners: having("learner") });
      const joint = attempt(() => enterJoint(from, true, changes));
      if (joint === undefined || expected === undefined) return joint === undefined && expected === undefined;
      // While joint nobody who votes in either configuration is a learner, and nobody is forgotten.
      const everybody = membersOf(joint);
      if (joint.learners.some((id) => votersOf(joint).includes(id))) return false;
      if (
        from.voters.some((id) => !everybody.includes(id)) ||
        brief({ ...NO_MEMBERSHIP, voters: joint.outgoing }) !== brief({ ...NO_MEMBERSHIP, voters: from.voters })
      )
        return false;
      return brief(leaveJoint(joint)) === expected;
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test("where a simple change is allowed, the joint one comes to the same", (t) => {
  fc.assert(
    fc.property(anyMembership, anyChanges, (from, changes) => {
      const simple = attempt(() => changeSimply(from, changes));
      return simple === undefined || brief(simple) === brief(leaveJoint(enterJoint(from, false, changes)));
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test("every membership comes back from what a snapshot says of it", (t) => {
  fc.assert(
    fc.property(anyMembership, anyChanges, fc.boolean(), (from, changes, autoLeave) => {
      const joint = attempt(() => enterJoint(from, autoLeave, changes)) ?? from;
      return [from, joint].every((one) => brief(restoreMembership(confStateOf(one))) === brief(one));
    }),
    { numRuns: 1000 },
  );
  t.deepEqual(restoreMembership(undefined), NO_MEMBERSHIP);
  t.deepEqual(restoreMembership({ ...confStateOf(NO_MEMBERSHIP), voters: ["10", "9", "10"] }).voters, ["9", "10"]);
});

test("a change comes back from its entry; the end of a joint configuration takes no room", (t) => {
  const v1 = {
    kind: "v1",
    change: { type: ConfChangeAddNode, nodeId: "7", context: Buffer.from("here"), id: "3" },
  } as const;
  const v2 = {
    kind: "v2",
    change: { transition: ConfChangeTransition.ConfChangeTransitionJointExplicit, changes: parts("v2 r3"), context },
  } as const;
  for (const change of [v1, v2]) {
    const { type, data } = encodeChange(change);
    t.deepEqual(decodeChange({ Index: 1, Term: 1, Type: type, Data: data }), change);
  }
  t.is(encodeChange({ kind: "v2", change: { transition: 0, changes: [], context } }).data.length, 0);
  t.deepEqual(asV2(v1).changes, parts("v7"));
});
