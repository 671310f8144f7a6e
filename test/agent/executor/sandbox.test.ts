import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { DEFAULT_PATH } from "../../../src/agent/executor/process/environment.js";
import { makeTaskBed } from "./task-bed.js";

test("hostname, hosts, resolv.conf and hostname's file are the sandbox's own; the host's stay", async (t) => {
  const bed = makeTaskBed(t);
  const before = ["/etc/hosts", "/etc/resolv.conf", "/etc/hostname"].map((path) => readFileSync(path, "utf8"));
  const { stdout } = await bed.shell("hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf; echo mine >>/etc/hosts");
  t.is(stdout, "web-one\nweb-one\n127.0.0.1 localhost\n10.9.8.7 web-one\nnameserver 127.0.0.11\n");
  t.deepEqual(
    ["/etc/hosts", "/etc/resolv.conf", "/etc/hostname"].map((path) => readFileSync(path, "utf8")),
    before,
  );
  t.not(hostname(), "web-one");
});

test("the task sees its own processes and network links only, and the host's files", async (t) => {
  const bed = makeTaskBed(t);
  const { stdout } = await bed.shell(
    "echo /proc/[0-9]*; ls /sys/class/net; ls /dev/shm | wc -l; cat /etc/passwd | wc -l",
  );
  const [processes, links, shared, users] = stdout.trim().split("\n");
  t.regex(processes!, /^\/proc\/1 \/proc\/\d+$/);
  t.is(links, "lo");
  t.is(shared, "0");
  t.is(Number(users), readFileSync("/etc/passwd", "utf8").split("\n").length - 1);
});

test("root in a task cannot change its sandbox", async (t) => {
  const bed = makeTaskBed(t);
  const attempts = [
    "ip link set lo up",
    "ip link add x type veth",
    "ip addr add 10.0.0.1/8 dev lo",
    "ip route add default dev lo",
    "nft add table ip x",
    "mount -t tmpfs x /mnt",
    "mount -o remount,rw /proc/sys",
    "umount /etc/hosts",
    "umount /proc/sys",
    "nsenter -t 1 --mount true",
    "nsenter -t 1 --net true",
    `nsenter --net=${bed.sandbox.namespacePath} true`,
    "unshare --net true",
    "hostname other",
    "echo 1 >/proc/sys/net/ipv4/ip_forward",
    "echo x >/proc/sys/kernel/core_pattern",
    "kill -KILL 1 && sleep 600",
  ];
  const script = attempts.map((attempt, index) => `(${attempt}) >/dev/null 2>&1 && echo did ${index}`);
  script[attempts.length - 1] = "kill -KILL 1; sleep 0.05; echo alive";
  const { stdout } = await bed.shell(script.join("\n"));
  t.deepEqual(stdout.trim().split("\n"), ["alive"], attempts.join("\n"));
});

test("a task has Docker's capabilities, and none that another program could inherit", async (t) => {
  const bed = makeTaskBed(t);
  const read = "grep -E '^(Cap|NoNew)' /proc/self/status";
  const expected = (held: string) =>
    ["CapInh:\t0000000000000000", `CapPrm:\t${held}`, `CapEff:\t${held}`, "CapBnd:\t00000000a80425fb"].join("\n");
  const rest = "\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\n";
  t.is((await bed.shell(read)).stdout, expected("00000000a80425fb") + rest);
  t.is((await bed.shell(read, { user: "nobody" })).stdout, expected("0000000000000000") + rest);
});

test("setuid programs work for other users", async (t) => {
  const bed = makeTaskBed(t);
  const folder = mkdtempSync(join(tmpdir(), "tswarm-setuid-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  copyFileSync("/usr/bin/id", join(folder, "id"));
  chmodSync(join(folder, "id"), 0o4755);
  const { stdout } = await bed.shell(`id -u; ${folder}/id -u`, { user: "nobody" });
  t.is(stdout, "65534\n0\n");
});

test("user, groups and folder", async (t) => {
  const bed = makeTaskBed(t);
  const script = "id -u; id -g; id -G; pwd; echo $HOME";
  const runAs = async (user: string, groups: readonly string[] = []) =>
    (await bed.shell(script, { user, groups: [...groups], dir: "/usr" })).stdout.trim().split("\n");
  t.deepEqual(await runAs(""), ["0", "0", "0", "/usr", "/root"]);
  t.deepEqual(await runAs("", ["daemon", "4242"]), ["0", "0", "0 1 4242", "/usr", "/root"]);
  t.deepEqual(await runAs("nobody"), ["65534", "65534", "65534", "/usr", "/nonexistent"]);
  t.deepEqual(await runAs("nobody:daemon"), ["65534", "1", "1", "/usr", "/nonexistent"]);
  t.deepEqual(await runAs("4711:4712", ["adm"]), ["4711", "4712", "4712 4", "/usr", "/"]);
});

test("the environment is the spec's alone, whatever stands in it", async (t) => {
  const bed = makeTaskBed(t);
  const env = [
    "PLAIN=a b",
    "QUOTES='\"`$HOME\\",
    "LINES=one\ntwo",
    "EMPTY=",
    "NOTHING",
    "discovery.type=single-node",
    'a-b=$PLAIN "x" #',
    "OPTIND=not a number",
    "PWD=/elsewhere",
    "IFS=,",
    "TWICE=first",
    "TWICE=second",
  ];
  for (const user of ["", "nobody"]) {
    const task = await bed.started(["env", "-0"], { env, user });
    t.is((await task.wait()).code, 0);
    const seen = bed.output(task.id).stdout.split("\0").filter(Boolean).sort();
    const given = env.filter((entry) => entry !== "TWICE=first" && entry !== "NOTHING");
    const home = user ? "/nonexistent" : "/root";
    t.deepEqual(seen, [...given, "NOTHING=", `PATH=${DEFAULT_PATH}`, "HOSTNAME=web-one", `HOME=${home}`].sort());
  }
});

test("the spec's PATH, HOME and HOSTNAME win", async (t) => {
  const bed = makeTaskBed(t);
  const { stdout } = await bed.shell("echo $PATH $HOME $HOSTNAME", { env: ["PATH=/bin", "HOME=/x", "HOSTNAME=y"] });
  t.is(stdout, "/bin /x y\n");
});

test("arguments arrive as they are", async (t) => {
  const bed = makeTaskBed(t);
  const args = ["", "a b", "'", '"', "$HOME", "`id`", "\\", "*", "-n", "line\nbreak", "ü"];
  for (const user of ["", "nobody"]) {
    const task = await bed.started(["sh", "-c", 'printf "%s\\0" "$@"', "name", ...args], { user });
    await task.wait();
    t.is(bed.output(task.id).stdout, args.map((arg) => `${arg}\0`).join(""));
  }
});

test("no descriptor of the agent's is open but the standard ones, and nothing can be read", async (t) => {
  const bed = makeTaskBed(t);
  // What whoever started this process left open in it, nobody can close; 3 is the folder that ls reads.
  const inherited = spawnSync("ls", ["/proc/self/fd"], { encoding: "utf8" }).stdout;
  for (const user of ["", "nobody"]) {
    const task = await bed.started(["ls", "/proc/self/fd"], { user });
    await task.wait();
    t.is(bed.output(task.id).stdout, inherited);
  }
  t.is((await bed.shell("cat")).stdout, "");
});

test("no signal is ignored or blocked from the start, and the file mask is the usual one", async (t) => {
  const bed = makeTaskBed(t);
  const { stdout } = await bed.shell("umask; exec grep -E '^Sig(Blk|Ign)' /proc/self/status");
  t.is(stdout, "0022\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
});

test("values of the environment never show in an argument list", async (t) => {
  const bed = makeTaskBed(t);
  const secret = "hunter2-hunter2";
  for (const user of ["", "nobody"]) {
    const task = await bed.started(["sleep", "600"], { env: [`PASSWORD=${secret}`, `a.b=${secret}`], user });
    const pids = bed.pids(task.id);
    t.true(pids.length >= 2);
    for (const pid of pids) t.false(readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(secret));
    await task.terminate();
  }
});

test("a task holds on to no other task's network namespace", async (t) => {
  const bed = makeTaskBed(t);
  const { stdout } = await bed.shell("grep -c nsfs /proc/self/mountinfo");
  t.is(stdout, "0\n");
  t.true(existsSync(bed.sandbox.namespacePath));
});
