/** What a majority has done, and what a majority of each of two configurations has done while they are joint (thesis, section 4.3). */

import type { MemberId } from "./member-id.js";

export type VoteResult = "won" | "lost" | "pending";

/**
 * The greatest value that more than half of the members have reached. Of nobody it is Infinity: a configuration without members
 * holds nothing back, so that a joint one decides alone when its other half is empty.
 *
 * @param values one of each member; sorted in place
 */
export function majorityReached(values: number[]): number {
  const count = values.length;
  if (count === 0) return Number.POSITIVE_INFINITY;
  // Insertion: groups have three to seven members, and this runs for each acknowledgement.
  for (let i = 1; i < count; i++) {
    const value = values[i]!;
    let j = i - 1;
    for (; j >= 0 && values[j]! > value; j--) values[j + 1] = values[j]!;
    values[j + 1] = value;
  }
  return values[(count - 1) >> 1]!;
}

/** Whether the votes that have come decide an election among these voters; of nobody it is won. */
export function majorityVote(voters: readonly MemberId[], votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  if (voters.length === 0) return "won";
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const quorum = (voters.length >> 1) + 1;
  if (granted >= quorum) return "won";
  return granted + missing >= quorum ? "pending" : "lost";
}

/** Both halves must say yes; one that says no decides. */
export function jointVote(
  incoming: readonly MemberId[],
  outgoing: readonly MemberId[],
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  const one = majorityVote(incoming, votes);
  const other = majorityVote(outgoing, votes);
  if (one === other) return one;
  if (one === "lost" || other === "lost") return "lost";
  return "pending";
}
