import test from "ava";
import type { Membership } from "../../src/daemon/membership.js";
import { onExpelled, onRole } from "../../src/daemon/role.js";

const JOINING: Membership = {
  role: "manager",
  cameAs: "manager",
  isConfirmed: false,
  isExpelled: false,
  joinAddresses: ["m1:4242"],
  managers: [],
  settings: {},
};
const MANAGER: Membership = { ...JOINING, isConfirmed: true };
const WORKER: Membership = { ...JOINING, role: "worker" };

const table: readonly (readonly [string, Membership, Membership["role"], "promote" | "demote" | "none", Membership])[] =
  [
    ["a joining manager counts as worker at first", JOINING, "worker", "none", JOINING],
    ["and is confirmed once it was taken in", JOINING, "manager", "none", MANAGER],
    ["a manager stays one", MANAGER, "manager", "none", MANAGER],
    ["a confirmed manager is demoted", MANAGER, "worker", "demote", { ...WORKER }],
    ["a worker stays one", WORKER, "worker", "none", WORKER],
    ["a worker is promoted", WORKER, "manager", "promote", MANAGER],
  ];

for (const [title, before, role, step, after] of table) {
  test(title, (t) => t.deepEqual(onRole(before, role), [step, after]));
}

test("one whose manager was just taken out is no manager again before the cluster has called it a worker", (t) => {
  const expelled = onExpelled(MANAGER);
  t.like(expelled, { role: "worker", isConfirmed: false });
  t.deepEqual(onRole(expelled, "manager"), ["none", expelled]);
  const [step, worker] = onRole(expelled, "worker");
  t.is(step, "none");
  t.is(onRole(worker, "manager")[0], "promote");
});

test("one that is a worker already is no more than that when its manager ends", (t) => {
  t.is(onExpelled(WORKER), WORKER);
  t.is(onRole(onExpelled(WORKER), "manager")[0], "promote");
});
