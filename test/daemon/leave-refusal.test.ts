/** What a manager that wants to leave is told. */
import test from "ava";
import { ManagerState, ManagerStatusResponse } from "../../src/api/generated/tswarm/v1/manager.js";
import { isAlone, leaveRefusal } from "../../src/daemon/leave-refusal.js";
import { LAST_MANAGER, MAY_LOSE_CONSENSUS } from "../../src/manager/membership/leave-text.js";

/** @param peers whether each other manager can be reached */
const running = (...peers: readonly boolean[]) =>
  ManagerStatusResponse.fromPartial({
    state: ManagerState.MANAGER_RUNNING,
    peers: [{ voter: true, self: true }, ...peers.map((reachable) => ({ voter: true, reachable }))],
  });
const lost = (...peers: readonly boolean[]) => ({ ...running(...peers), lostQuorum: true });
const table: readonly (readonly [string, ManagerStatusResponse | undefined, string | undefined])[] = [
  ["the last", running(), LAST_MANAGER],
  ["one of two, which hears of no other: the leader has to say", running(false), undefined],
  ["one of three, which hears of the leader alone: the leader has to say", running(true, false), undefined],
  ["one of two, and nobody leads: an election may be under way", lost(false), undefined],
  [
    "one that does not vote yet",
    ManagerStatusResponse.fromPartial({
      state: ManagerState.MANAGER_RUNNING,
      peers: [{ self: true }, { voter: true, reachable: true }],
    }),
    undefined,
  ],
  [
    "one that has not heard of itself yet: to the others it is a member",
    ManagerStatusResponse.fromPartial({ state: ManagerState.MANAGER_RUNNING, peers: [{ voter: true }] }),
    undefined,
  ],
  [
    "locked",
    ManagerStatusResponse.fromPartial({ state: ManagerState.MANAGER_LOCKED }),
    "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message.",
  ],
  ["one that starts", ManagerStatusResponse.fromPartial({ state: ManagerState.MANAGER_STARTING }), MAY_LOSE_CONSENSUS],
  ["one that does not answer", undefined, MAY_LOSE_CONSENSUS],
  ["one that was taken out", ManagerStatusResponse.fromPartial({ state: ManagerState.MANAGER_REMOVED }), undefined],
];

for (const [title, status, refusal] of table) {
  test(title, (t) => t.is(leaveRefusal(status, false), refusal));
}

test("one that has not heard of the others yet, and is not the last", (t) => {
  t.is(leaveRefusal(running(), true), MAY_LOSE_CONSENSUS);
});

test("alone is who knows of nobody but itself: who has not heard of itself has others to leave", (t) => {
  t.true(isAlone(running()));
  t.true(isAlone({ peers: [] }));
  t.false(isAlone(running(false)));
  t.false(isAlone(ManagerStatusResponse.fromPartial({ peers: [{ voter: true }] })));
});
