/** What a manager that wants to leave is told. */
import test from "ava";
import { ManagerState, ManagerStatusResponse } from "../../src/api/generated/tswarm/v1/manager.js";
import { leaveRefusal } from "../../src/daemon/leave-refusal.js";

const BEGIN = "You are attempting to leave the swarm on a node that is participating as a manager. ";
const END =
  "The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. Use `--force` to suppress this message.";

/** @param peers whether each other manager can be reached */
const running = (...peers: readonly boolean[]) =>
  ManagerStatusResponse.fromPartial({
    state: ManagerState.MANAGER_RUNNING,
    peers: [{ voter: true, self: true }, ...peers.map((reachable) => ({ voter: true, reachable }))],
  });
const less = (left: number, all: number) =>
  `${BEGIN}Removing this node leaves ${left} managers out of ${all}. Without a Raft quorum your swarm will be inaccessible. ${END}`;

const table: readonly (readonly [string, ManagerStatusResponse | undefined, string | undefined])[] = [
  [
    "the last",
    running(),
    `${BEGIN}Removing the last manager erases all current state of the swarm. Use \`--force\` to ignore this message. `,
  ],
  ["one of two", running(true), undefined],
  ["one of two, the other away", running(false), less(0, 2)],
  ["one of three", running(true, true), undefined],
  ["one of three, another away", running(true, false), less(1, 3)],
  ["one of four, another away", running(true, true, false), undefined],
  ["one of five, two others away", running(true, true, false, false), less(2, 5)],
  [
    "one that does not vote yet",
    ManagerStatusResponse.fromPartial({
      state: ManagerState.MANAGER_RUNNING,
      peers: [{ self: true }, { voter: true, reachable: true }],
    }),
    undefined,
  ],
  [
    "locked",
    ManagerStatusResponse.fromPartial({ state: ManagerState.MANAGER_LOCKED }),
    "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message.",
  ],
  [
    "one that starts",
    ManagerStatusResponse.fromPartial({ state: ManagerState.MANAGER_STARTING }),
    `${BEGIN}Doing so may lose the consensus of your cluster. ${END}`,
  ],
  ["one that does not answer", undefined, `${BEGIN}Doing so may lose the consensus of your cluster. ${END}`],
  ["one that was taken out", ManagerStatusResponse.fromPartial({ state: ManagerState.MANAGER_REMOVED }), undefined],
];

for (const [title, status, refusal] of table) {
  test(title, (t) => t.is(leaveRefusal(status, false), refusal));
}

test("one that has not heard of the others yet, and is not the last", (t) => {
  t.is(leaveRefusal(running(), true), `${BEGIN}Doing so may lose the consensus of your cluster. ${END}`);
});
