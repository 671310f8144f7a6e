/** The manager's user: who it is, what it is given, and what it cannot take. */
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import {
  asUser,
  canWriteIn,
  findManagerUser,
  giveFolder,
  letThrough,
  managerEnvironment,
} from "../../src/daemon/manager-user.js";

const PASSWD =
  "root:x:0:0::/root:/bin/sh\ntswarm-manager:x:990:991::/:/usr/sbin/nologin\nbob:x:1000:1000::/:\nbroken\n";
const passwd = () => PASSWD;
const USER = { name: "nobody", uid: 65_534, gid: 65_534 };
const asRoot = process.getuid?.() === 0 ? test : test.skip;

test("the user that is there for it, or another that was chosen", (t) => {
  t.deepEqual(findManagerUser(undefined, 0, passwd), { name: "tswarm-manager", uid: 990, gid: 991 });
  t.deepEqual(findManagerUser("bob", 0, passwd), { name: "bob", uid: 1000, gid: 1000 });
  t.is(findManagerUser("root", 0, passwd), undefined);
  t.is(
    findManagerUser(undefined, 0, () => "root:x:0:0::/:\n"),
    undefined,
  );
  t.is(findManagerUser(undefined, 1000, passwd), undefined, "only root can be another");
  t.throws(() => findManagerUser("eve", 0, passwd), { message: /--manager-user: \S+ knows no user eve/ });
});

test("its process has no groups, no capabilities, no ways to any, and little of the environment", (t) => {
  t.deepEqual(asUser(undefined, ["node", "x"]), ["node", "x"]);
  t.deepEqual(asUser(USER, ["node", "x"]), [
    ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"],
    ...["--inh-caps=-all", "--bounding-set=-all", "--", "node", "x"],
  ]);
  const own = { PATH: "/bin", TZ: "UTC", HOME: "/root", SECRET: "s", NOTIFY_SOCKET: "/n" };
  t.deepEqual(managerEnvironment(own), { PATH: "/bin", TZ: "UTC" });
});

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), "tswarm-user-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

asRoot("a folder becomes its own, but nothing that a name in it leads to", (t) => {
  const path = folder(t);
  const own = join(path, "a", "manager");
  const [foreign, linked] = [join(path, "foreign"), join(path, "linked")];
  for (const file of [foreign, linked]) writeFileSync(file, "");
  mkdirSync(join(own, "raft"), { recursive: true });
  writeFileSync(join(own, "raft", "log"), "");
  symlinkSync(foreign, join(own, "symbolic"));
  linkSync(linked, join(own, "hard"));
  giveFolder(own, USER, 0o700);
  for (const part of ["", "raft", "raft/log", "symbolic"]) t.is(lstatSync(join(own, part)).uid, USER.uid, part);
  for (const file of [foreign, linked]) t.is(statSync(file).uid, 0, file);
  t.is(statSync(own).mode & 0o777, 0o700);
  t.is(statSync(join(path, "a")).uid, 0);
  // What it has put there itself meanwhile is left alone.
  writeFileSync(join(own, "later"), "");
  giveFolder(own, USER, 0o700);
  t.is(statSync(join(own, "later")).uid, 0);
});

asRoot("it goes through what is root's, and reads nothing there", (t) => {
  const path = folder(t);
  letThrough(path, USER);
  t.like(statSync(path), { uid: 0, gid: USER.gid });
  t.is(statSync(path).mode & 0o777, 0o710);
  const open = folder(t);
  chmodSync(open, 0o711);
  letThrough(open, USER);
  t.is(statSync(open).gid, 0, "open to all it was before");
});

asRoot("whether it can make a socket is seen before it tries", (t) => {
  const path = folder(t);
  t.false(canWriteIn(path, USER));
  t.true(canWriteIn(path, undefined));
  chmodSync(path, 0o777);
  t.true(canWriteIn(path, USER));
});
