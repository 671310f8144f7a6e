/** Majorities, against what they are: enough members of every set that counts. */
import test from "ava";
import fc from "fast-check";
import { compareMembers, type MemberId } from "../../../src/raft/core/member-id.js";
import { jointVote, majorityReached, majorityVote, type VoteResult } from "../../../src/raft/core/quorum.js";

const voters = fc.uniqueArray(fc.integer({ min: 1, max: 9 }).map(String), { maxLength: 7 });
const votes = fc
  .dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.boolean())
  .map((all) => new Map(Object.entries(all)));

/** Every way in which those who have not voted may still vote. */
function outcomes(ids: readonly MemberId[], given: ReadonlyMap<MemberId, boolean>): Set<boolean> {
  const missing = ids.filter((id) => !given.has(id));
  const seen = new Set<boolean>();
  for (let bits = 0; bits < 1 << missing.length; bits++) {
    const yes = ids.filter((id) => given.get(id) ?? ((bits >> missing.indexOf(id)) & 1) === 1);
    seen.add(ids.length === 0 || 2 * yes.length > ids.length);
  }
  return seen;
}

const resultOf = (seen: ReadonlySet<boolean>): VoteResult =>
  seen.size === 2 ? "pending" : seen.has(true) ? "won" : "lost";

test("an election is decided when no vote that is still to come can change it", (t) => {
  fc.assert(
    fc.property(voters, votes, (ids, given) => majorityVote(ids, given) === resultOf(outcomes(ids, given))),
    { numRuns: 1000 },
  );
  t.pass();
});

test("a joint election needs both, and is lost when one is", (t) => {
  fc.assert(
    fc.property(voters, voters, votes, (one, other, given) => {
      const halves = [majorityVote(one, given), majorityVote(other, given)];
      const expected = halves.includes("lost") ? "lost" : halves.includes("pending") ? "pending" : "won";
      return jointVote(one, other, given) === expected;
    }),
    { numRuns: 1000 },
  );
  t.pass();
});

test("what a majority has reached is the greatest value that more than half have", (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (values) => {
      const naive = [...Array(21).keys()]
        .filter((value) => 2 * values.filter((one) => one >= value).length > values.length)
        .at(-1)!;
      return majorityReached([...values]) === naive;
    }),
    { numRuns: 1000 },
  );
  t.is(majorityReached([]), Number.POSITIVE_INFINITY);
});

test("ids are ordered as the numbers that they are", (t) => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 1n, max: (1n << 63n) - 1n }),
      fc.bigInt({ min: 1n, max: (1n << 63n) - 1n }),
      (one, other) => {
        const expected = one < other ? -1 : one > other ? 1 : 0;
        return Math.sign(compareMembers(String(one), String(other))) === expected;
      },
    ),
  );
  t.pass();
});
