/** What a manager is told without which there would be no quorum. */
import test from "ava";
import { losesQuorumText } from "../../../src/manager/membership/leave-text.js";

/** Those that can be reached of all, and what the text counts. */
const table: readonly (readonly [reachable: number, all: number, left: number])[] = [
  [1, 2, 0],
  [2, 3, 1],
  [3, 5, 2],
];

for (const [reachable, all, left] of table) {
  test(`${reachable} of ${all} can be reached, one of these wants to leave`, (t) => {
    const voters = Array.from({ length: all }, (_, index) => ({ isReachable: index < reachable }));
    t.is(
      losesQuorumText(voters),
      `You are attempting to leave the swarm on a node that is participating as a manager. Removing this node leaves ${left} managers out of ${all}. Without a Raft quorum your swarm will be inaccessible. The only way to restore a swarm that has lost consensus is to reinitialize it with \`--force-new-cluster\`. Use \`--force\` to suppress this message.`,
    );
  });
}
