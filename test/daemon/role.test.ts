import test from "ava";
import type { Membership } from "../../src/daemon/membership.js";
import { onExpelled, onRole } from "../../src/daemon/role.js";

const MANAGER: Membership = {
  nodeId: "me",
  role: "manager",
  isExpelled: false,
  joinAddresses: ["m1:2377"],
  managers: [],
  settings: {},
};
const WORKER: Membership = { ...MANAGER, role: "worker" };

const table: readonly (readonly [string, Membership, Membership["role"], "promote" | "demote" | "none", Membership])[] =
  [
    ["a manager stays one", MANAGER, "manager", "none", MANAGER],
    ["a manager is demoted", MANAGER, "worker", "demote", WORKER],
    ["a worker stays one", WORKER, "worker", "none", WORKER],
    ["a worker is promoted", WORKER, "manager", "promote", MANAGER],
  ];

for (const [title, before, role, step, after] of table) {
  test(title, (t) => t.deepEqual(onRole(before, role), [step, after]));
}

test("one whose manager was just taken out is no manager again before the cluster has called it a worker", (t) => {
  const expelled = onExpelled(MANAGER);
  t.like(expelled, { role: "worker", isExpelled: true });
  t.deepEqual(onRole(expelled, "manager"), ["none", expelled]);
  const [step, worker] = onRole(expelled, "worker");
  t.is(step, "none");
  t.is(onRole(worker, "manager")[0], "promote");
});

test("one that is a worker already is no more than that when its manager ends", (t) => {
  t.is(onExpelled(WORKER), WORKER);
  t.is(onRole(onExpelled(WORKER), "manager")[0], "promote");
});
