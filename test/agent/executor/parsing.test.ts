import { execFileSync } from "node:child_process";
import test from "ava";
import fc from "fast-check";
import { findAccount } from "../../../src/agent/executor/process/accounts.js";
import { describeExit } from "../../../src/agent/executor/process/exit-status.js";
import { planTrim } from "../../../src/agent/executor/process/output-trimmer.js";
import { isAlive, parseStat, readStat, signalProcess } from "../../../src/agent/executor/process/process-identity.js";
import { namespaceMounts, sandboxFstab } from "../../../src/agent/executor/process/sandbox-mounts.js";
import { quote } from "../../../src/agent/executor/process/shell-words.js";
import { parseSignal } from "../../../src/agent/executor/process/signals.js";

test("stat lines are read whatever the program calls itself", (t) => {
  const line = `42 (a) (b c) S 7 ${Array.from({ length: 48 }, (_, index) => index + 5).join(" ")}`;
  t.deepEqual(parseStat(line), { pid: 42, state: "S", parentPid: 7, startTicks: 22, program: "a) (b c" });
  t.is(parseStat(""), undefined);
  t.is(parseStat("x (y) z"), undefined);
});

test("a pid that now belongs to another process is never signalled", (t) => {
  const { startTicks } = readStat(process.pid)!;
  t.true(isAlive({ pid: process.pid, startTicks }));
  t.false(isAlive({ pid: process.pid, startTicks: startTicks - 1 }));
  t.false(signalProcess({ pid: process.pid, startTicks: startTicks - 1 }, "SIGKILL"));
});

test("signals have names with and without SIG, and numbers", (t) => {
  for (const text of ["SIGUSR1", "usr1", "Usr1", "10"]) t.is(parseSignal(text), "SIGUSR1");
  for (const text of ["", "SIG", "999", "toString", "-9"]) t.is(parseSignal(text), undefined);
});

test("quoting keeps any text one word for the shell", (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" }).filter((text) => !text.includes("\0"))), (words) => {
      const printed = execFileSync("sh", ["-c", `printf '%s\\0' x ${words.map(quote).join(" ")}`], {
        encoding: "utf8",
      });
      t.deepEqual(printed.split("\0").slice(1, -1), words);
    }),
    { numRuns: 50 },
  );
});

test("accounts: lines that are no entries are passed over", (t) => {
  const passwd = "+::::::\n# note\nweb:x:33:33:www:/var/www:/bin/sh\nbroken:x:y:z:::\n";
  const group = "web:x:33:\nlogs:x:4:web,other\n+:::\n";
  const fail = (reason: string): never => {
    throw new Error(reason);
  };
  t.deepEqual(findAccount("web", [], passwd, group, fail), { uid: 33, gid: 33, groupIds: [4], home: "/var/www" });
  t.deepEqual(findAccount("33", ["logs"], passwd, group, fail), { uid: 33, gid: 33, groupIds: [4], home: "/var/www" });
  t.deepEqual(findAccount("", [], "", "", fail), { uid: 0, gid: 0, groupIds: [], home: "/" });
  t.throws(() => findAccount("broken", [], passwd, group, fail), { message: "no such user: broken" });
});

test("an exit in words", (t) => {
  t.deepEqual(describeExit(0, 3, 5), { code: 0 });
  t.deepEqual(describeExit(200, 0, 0), { code: 200 });
  t.deepEqual(describeExit(137, 1, 1.5 * 2 ** 30), {
    code: 137,
    signal: "SIGKILL",
    message: "out of memory: killed at 1.5 GiB",
  });
  t.deepEqual(describeExit(137, 1, 0), { code: 137, signal: "SIGKILL", message: "out of memory: killed" });
});

test("only what is old enough is cut off, in whole blocks", (t) => {
  t.is(planTrim(10_000, 12_288, 100_000), 0);
  t.is(planTrim(140_000, 143_360, 100_000), 0);
  t.is(planTrim(200_000, 200_704, 100_000), 98_304);
  t.is(planTrim(1_000_000, 106_496, 100_000), 0, "its head is a hole already");
});

test("mounts of network namespaces are let go of: the folder if it is a mount, else each of them", (t) => {
  const line = (path: string, type: string) => `43 42 0:4 net:[1] ${path} rw shared:2 - ${type} ${type} rw`;
  const each = [line("/", "ext4"), line("/run/netns/a", "nsfs"), line("/run/my\\040ns", "nsfs")].join("\n");
  t.deepEqual(namespaceMounts(each, "/run/netns/a"), ["/run/netns/a", "/run/my ns"]);
  t.deepEqual(namespaceMounts(`${line("/run/netns", "tmpfs")}\n${each}`, "/run/netns/a"), ["/run/netns"]);
});

test("an fstab holds paths with blanks, and only what the host has", (t) => {
  const files = [{ source: "/a b/hosts", target: "/etc/hosts" }];
  const here = new Set(["/proc/sys", "/dev/shm", "/dev/mqueue"]);
  t.is(
    sandboxFstab(files, (path) => here.has(path), "nodev\ttmpfs\n\text4\n"),
    [
      "/a\\040b/hosts /etc/hosts none bind 0 0",
      "tswarm /proc proc nosuid,nodev,noexec 0 0",
      "/proc/sys /proc/sys none bind,ro 0 0",
      "tswarm /sys sysfs ro,nosuid,nodev,noexec 0 0",
      "tswarm /dev/shm tmpfs nosuid,nodev,noexec,size=64m 0 0",
      "",
    ].join("\n"),
  );
});
