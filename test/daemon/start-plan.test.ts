/** Flags and state folders, and what a daemon begins as. */
import test from "ava";
import type { Membership } from "../../src/daemon/membership.js";
import { planStart, type StartFlags, type StateFolder } from "../../src/daemon/start-plan.js";

const NONE: StartFlags = { joinAddresses: [], asManager: false, forceNewCluster: false, settings: {} };
const EMPTY: StateFolder = { path: "/d", nodeId: "me", membership: undefined, hasManagerLog: false };
const WORKER: Membership = {
  role: "worker",
  cameAs: "worker",
  isConfirmed: false,
  isExpelled: false,
  joinAddresses: ["m1:4242"],
  managers: [
    { nodeId: "one", address: "10.0.0.1:4242" },
    { nodeId: "two", address: "10.0.0.2:4242" },
  ],
  settings: { hostname: "host3" },
};
const MANAGER: Membership = {
  ...WORKER,
  role: "manager",
  cameAs: "manager",
  isConfirmed: true,
  managers: [...WORKER.managers, { nodeId: "me", address: "10.0.0.3:4242" }],
};
const FIRST: Membership = { ...MANAGER, cameAs: "first", joinAddresses: [] };
const ALONE: Membership = { ...FIRST, managers: [{ nodeId: "me", address: "10.0.0.3:4242" }] };
const at = (membership: Membership | undefined, hasManagerLog = false): StateFolder => ({
  ...EMPTY,
  membership,
  hasManagerLog,
});
const join = (...joinAddresses: string[]): StartFlags => ({ ...NONE, joinAddresses });
const joinAsManager = (...joinAddresses: string[]): StartFlags => ({ ...join(...joinAddresses), asManager: true });
const FORCE: StartFlags = { ...NONE, forceNewCluster: true };

const starts: readonly (readonly [string, StartFlags, StateFolder, Membership["role"], (readonly string[])?])[] = [
  ["a new node without flags begins a cluster", NONE, EMPTY, "manager", []],
  ["a new node that joins is a worker", join("a:1", "b:2"), EMPTY, "worker"],
  ["a new node that joins as manager asks those that it was told of", joinAsManager("a:1"), EMPTY, "manager", ["a:1"]],
  ["a log without more, from a backup, goes on", NONE, at(undefined, true), "manager", []],
  ["a worker goes on without flags", NONE, at(WORKER), "worker"],
  ["a worker goes on with other addresses", join("c:3"), at(WORKER), "worker"],
  [
    "a manager goes on without flags, and knows whom to ask if it was never taken in",
    NONE,
    at(MANAGER, true),
    "manager",
    ["10.0.0.1:4242", "10.0.0.2:4242", "m1:4242"],
  ],
  [
    "a manager goes on with the flags that it was started with at first",
    joinAsManager("m1:4242"),
    at(MANAGER, true),
    "manager",
    ["10.0.0.1:4242", "10.0.0.2:4242", "m1:4242"],
  ],
  ["the first manager goes on alone", NONE, at(ALONE, true), "manager", []],
  [
    "the first manager, others having come, asks them should its log be gone",
    NONE,
    at(FIRST),
    "manager",
    ["10.0.0.1:4242", "10.0.0.2:4242"],
  ],
  [
    "one that came as manager and was demoted goes on as worker with its old flags",
    joinAsManager("m1:4242"),
    at({ ...MANAGER, role: "worker" }),
    "worker",
  ],
];

for (const [title, flags, folder, role, asked] of starts) {
  test(title, (t) => {
    const plan = planStart(flags, folder);
    t.is(plan.membership.role, role);
    t.deepEqual(plan.manager, asked && { join: asked, forceNewCluster: false });
    t.false(plan.dropsManagerState);
  });
}

test("what is left of an earlier life as manager goes", (t) => {
  t.true(planStart(NONE, at(WORKER, true)).dropsManagerState);
});

test("a forced manager forgets the others, and keeps the rest", (t) => {
  const { manager, membership } = planStart(FORCE, at({ ...MANAGER, role: "worker", isExpelled: true }, true));
  t.deepEqual(manager, { join: [], forceNewCluster: true });
  t.like(membership, { role: "manager", isExpelled: false, settings: { hostname: "host3" } });
  t.deepEqual([membership.managers, membership.joinAddresses], [[], []]);
});

test("what the flags say of the node replaces what was said before, the rest stays", (t) => {
  const flags = { ...NONE, settings: { controlSocket: "/s" } };
  t.deepEqual(planStart(flags, at(WORKER)).membership.settings, { hostname: "host3", controlSocket: "/s" });
});

const refused: readonly (readonly [StartFlags, StateFolder, RegExp])[] = [
  [{ ...NONE, asManager: true }, EMPTY, /--manager needs --join-addr/],
  [{ ...FORCE, joinAddresses: ["a:1"] }, at(MANAGER, true), /--force-new-cluster and --join-addr/],
  [FORCE, EMPTY, /--force-new-cluster: \/d holds no manager's log/],
  [join("a:1"), at(undefined, true), /--join-addr: \/d holds a manager's log/],
  [join("a:1"), at(ALONE, true), /--join-addr: this node is a manager of a cluster already \(\/d\), and a:1/],
  [joinAsManager("a:1"), at(WORKER), /--manager: this node is a worker of a cluster already/],
  [NONE, at({ ...WORKER, managers: [], joinAddresses: [] }), /\/d knows no manager: say by --join-addr/],
];

test("flags that do not fit the folder are refused in one line", (t) => {
  for (const [flags, folder, message] of refused) {
    const error = t.throws(() => planStart(flags, folder), { name: "StartRefusedError", message });
    t.false(error?.message.includes("\n"));
  }
});
