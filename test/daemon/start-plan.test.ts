/** Flags and state folders, and what a daemon begins as. */
import test from "ava";
import type { Membership } from "../../src/daemon/membership.js";
import { planStart, type StartFlags, type StateFolder } from "../../src/daemon/start-plan.js";

const NONE: StartFlags = {
  init: false,
  joinAddresses: [],
  joinTokenFile: undefined,
  forceNewCluster: false,
  settings: {},
};
const EMPTY: StateFolder = { path: "/d", membership: undefined, hasManagerLog: false };
const WORKER: Membership = {
  nodeId: "me",
  role: "worker",
  isExpelled: false,
  joinAddresses: ["m1:2377"],
  managers: [
    { nodeId: "one", address: "10.0.0.1:2377" },
    { nodeId: "two", address: "10.0.0.2:2377" },
  ],
  settings: { hostname: "host3" },
};
const MANAGER: Membership = {
  ...WORKER,
  role: "manager",
  managers: [...WORKER.managers, { nodeId: "me", address: "10.0.0.3:2377" }],
};
const FIRST: Membership = { ...MANAGER, joinAddresses: [] };
const ALONE: Membership = { ...FIRST, managers: [{ nodeId: "me", address: "10.0.0.3:2377" }] };
const at = (membership: Membership | undefined, hasManagerLog = false): StateFolder => ({
  ...EMPTY,
  membership,
  hasManagerLog,
});
const INIT: StartFlags = { ...NONE, init: true };
const join = (...joinAddresses: string[]): StartFlags => ({ ...NONE, joinAddresses, joinTokenFile: "/t" });
const FORCE: StartFlags = { ...NONE, forceNewCluster: true };

test("a node that is in no cluster does what it is told, or waits", (t) => {
  t.deepEqual(planStart(NONE, EMPTY), { kind: "wait" });
  t.deepEqual(planStart(INIT, EMPTY), { kind: "init" });
  t.deepEqual(planStart(join("a:1", "b:2"), EMPTY), { kind: "join", addresses: ["a:1", "b:2"], tokenFile: "/t" });
});

function resumed(flags: StartFlags, folder: StateFolder) {
  const plan = planStart(flags, folder);
  if (plan.kind !== "resume") throw new Error(`it is to ${plan.kind}`);
  return plan;
}

const OTHERS = ["10.0.0.1:2377", "10.0.0.2:2377"];
const starts: readonly (readonly [string, StartFlags, StateFolder, Membership["role"], (readonly string[])?])[] = [
  ["a worker goes on without flags", NONE, at(WORKER), "worker"],
  ["a worker goes on with the flags that it began with", join("m1:2377"), at(WORKER), "worker"],
  ["a worker goes on with other addresses", join("c:3"), at(WORKER), "worker"],
  ["a worker goes on, told to begin a cluster where it is in none", INIT, at(WORKER), "worker"],
  [
    "a manager goes on, and knows whom to ask if it was never taken in",
    NONE,
    at(MANAGER, true),
    "manager",
    [...OTHERS, "m1:2377"],
  ],
  [
    "a manager goes on with the flags that it began with",
    join("m1:2377"),
    at(MANAGER, true),
    "manager",
    [...OTHERS, "m1:2377"],
  ],
  ["the first manager goes on alone", INIT, at(ALONE, true), "manager", []],
  ["the first manager, others having come, asks them should its log be gone", NONE, at(FIRST), "manager", OTHERS],
];

for (const [title, flags, folder, role, asked] of starts) {
  test(title, (t) => {
    const plan = resumed(flags, folder);
    t.is(plan.membership.role, role);
    t.deepEqual(plan.manager, asked && { join: asked, forceNewCluster: false });
    t.false(plan.dropsManagerState);
  });
}

test("what is left of an earlier life as manager goes", (t) => {
  t.true(resumed(NONE, at(WORKER, true)).dropsManagerState);
});

test("a forced manager forgets the others, and keeps the rest", (t) => {
  const { manager, membership } = resumed(FORCE, at({ ...MANAGER, role: "worker", isExpelled: true }, true));
  t.deepEqual(manager, { join: [], forceNewCluster: true });
  t.like(membership, { nodeId: "me", role: "manager", isExpelled: false, settings: { hostname: "host3" } });
  t.deepEqual([membership.managers, membership.joinAddresses], [[], []]);
});

test("what the flags say of the node replaces what was said before, the rest stays", (t) => {
  const flags = { ...NONE, settings: { controlSocket: "/s" } };
  t.deepEqual(resumed(flags, at(WORKER)).membership.settings, { hostname: "host3", controlSocket: "/s" });
});

const refused: readonly (readonly [StartFlags, StateFolder, RegExp])[] = [
  [{ ...INIT, joinAddresses: ["a:1"] }, EMPTY, /--init and --join-addr/],
  [{ ...join("a:1"), joinTokenFile: undefined }, EMPTY, /--join-addr needs --join-token-file/],
  [{ ...NONE, joinTokenFile: "/t" }, EMPTY, /--join-token-file needs --join-addr/],
  [{ ...FORCE, joinAddresses: ["a:1"] }, at(MANAGER, true), /--force-new-cluster and --join-addr/],
  [FORCE, EMPTY, /--force-new-cluster: \/d holds no manager's log/],
  [INIT, at(undefined, true), /\/d holds a manager's log, and no membership\.json/],
  [NONE, at(undefined, true), /\/d holds a manager's log, and no membership\.json/],
  [join("a:1"), at(ALONE, true), /--join-addr: this node is a manager of a cluster already \(\/d\), and a:1/],
];

test("flags that do not fit the folder are refused in one line", (t) => {
  for (const [flags, folder, message] of refused) {
    const error = t.throws(() => planStart(flags, folder), { name: "StartRefusedError", message });
    t.false(error?.message.includes("\n"));
  }
});
