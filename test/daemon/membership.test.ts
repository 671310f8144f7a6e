import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { checkLeave } from "../../src/daemon/leave.js";
import { type Membership, otherManagers, readMembership, writeMembership } from "../../src/daemon/membership.js";

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), "tswarm-member-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const MEMBER: Membership = {
  role: "manager",
  cameAs: "first",
  isConfirmed: true,
  isExpelled: false,
  joinAddresses: ["m1:4242", "10.0.0.3:4242"],
  managers: [
    { nodeId: "me", address: "10.0.0.3:4242" },
    { nodeId: "one", address: "10.0.0.1:4242" },
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
    JSON.stringify({ ...MEMBER, managers: [{}] }),
  ]) {
    writeFileSync(join(path, "membership.json"), text);
    const error = t.throws(() => readMembership(path), {
      name: "MembershipError",
      message: /membership\.json .*: remove it/,
    });
    t.false(error?.message.includes("\n"));
  }
});

test("the managers on other hosts, without this one under any of its addresses", (t) => {
  t.deepEqual(otherManagers(MEMBER, "me"), ["10.0.0.1:4242", "m1:4242"]);
});

test("a manager that others count on does not leave by itself", (t) => {
  t.throws(() => checkLeave(MEMBER, "me"), {
    message: /one of the cluster's 2 managers: .*tsctl cluster leave.*--force/,
  });
  t.notThrows(() => checkLeave({ ...MEMBER, managers: [MEMBER.managers[0]!] }, "me"));
  t.notThrows(() => checkLeave({ ...MEMBER, role: "worker" }, "me"));
  t.notThrows(() => checkLeave(undefined, "me"));
});
