import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { checkLeave, forget } from "../../src/daemon/leave.js";
import {
  isMarkedJoining,
  type Membership,
  markJoining,
  otherManagers,
  readMembership,
  unmarkJoining,
  writeMembership,
} from "../../src/daemon/membership.js";
import { StateDirectory } from "../../src/daemon/state-directory.js";

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), "tswarm-member-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const ME = "me".padEnd(25, "0");
const MEMBER: Membership = {
  nodeId: ME,
  role: "manager",
  isExpelled: false,
  joinAddresses: ["m1:2377", "10.0.0.3:2377"],
  managers: [
    { nodeId: ME, address: "10.0.0.3:2377" },
    { nodeId: "one", address: "10.0.0.1:2377" },
  ],
  settings: { hostname: "host3", dataPathPort: 4789 },
};

test("it is read as it was written, by the owner alone, and nothing else is left", (t) => {
  const path = folder(t);
  t.is(readMembership(path), undefined);
  writeMembership(path, MEMBER);
  writeMembership(path, { ...MEMBER, role: "worker" });
  t.deepEqual(readMembership(path), { ...MEMBER, role: "worker" });
  t.deepEqual(readdirSync(path), ["membership.json"]);
  t.is(statSync(join(path, "membership.json")).mode & 0o777, 0o600);
});

test("what is damaged is refused in one line that says what to do", (t) => {
  const path = folder(t);
  for (const text of [
    "",
    "{",
    "[]",
    "{}",
    JSON.stringify({ ...MEMBER, role: "king" }),
    JSON.stringify({ ...MEMBER, nodeId: "../me" }),
    JSON.stringify({ ...MEMBER, managers: [{}] }),
  ]) {
    writeFileSync(join(path, "membership.json"), text);
    const error = t.throws(() => readMembership(path), {
      name: "MembershipError",
      message: /membership\.json .*: put back a copy/,
    });
    t.false(error?.message.includes("\n"));
  }
});

test("the managers on other hosts, without this one under any of its addresses", (t) => {
  t.deepEqual(otherManagers(MEMBER), ["10.0.0.1:2377", "m1:2377"]);
});

test("a manager that others count on does not leave by itself", (t) => {
  t.throws(() => checkLeave(MEMBER), {
    message: /one of the cluster's 2 managers: .*tsctl leave.*--force/,
  });
  t.notThrows(() => checkLeave({ ...MEMBER, managers: [MEMBER.managers[0]!], joinAddresses: [] }));
  t.notThrows(() => checkLeave({ ...MEMBER, role: "worker" }));
  t.notThrows(() => checkLeave(undefined));
});

test("what is begun is marked until it is known how it ended", (t) => {
  const path = folder(t);
  t.false(isMarkedJoining(path));
  markJoining(path);
  t.true(isMarkedJoining(path));
  unmarkJoining(path);
  unmarkJoining(path);
  t.false(isMarkedJoining(path));
});

test("what is forgotten leaves nothing, also of what a crash cut short", (t) => {
  const path = folder(t);
  const state = StateDirectory.open(path);
  for (const part of ["tasks", "manager", "certificates"]) mkdirSync(join(path, part));
  markJoining(path);
  writeMembership(path, MEMBER);
  writeFileSync(join(path, "membership.json.new"), "{");
  forget(state);
  state.unlock();
  t.deepEqual(readdirSync(path), []);
});
