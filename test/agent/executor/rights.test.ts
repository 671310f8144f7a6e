/** Capabilities, limits and mounts that a service asks for. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { boundingSet, limitOptions } from "../../../src/agent/executor/process/rights.js";
import { pathOnHost } from "../../../src/agent/executor/process/task-mounts.js";
import { makeTaskBed } from "./task-bed.js";

const fail = (reason: string): never => {
  throw new Error(reason);
};
const has = (set: string, name: string) => set.split(",").includes(name);

test("capabilities are added and dropped as Docker does", (t) => {
  const usual = boundingSet([], [], fail);
  t.true(has(usual, "-all"));
  t.true(has(usual, "+chown"));
  t.false(has(usual, "+net_admin"));
  t.true(has(boundingSet(["NET_ADMIN"], [], fail), "+net_admin"));
  t.false(has(boundingSet([], ["cap_chown"], fail), "+chown"));
  t.is(boundingSet([], ["ALL"], fail), "-all");
  t.is(boundingSet(["kill", "CAP_KILL"], ["all"], fail), "-all,+kill");
  t.is(boundingSet(["ALL"], ["SYS_ADMIN"], fail), "+all,-sys_admin");
  t.throws(() => boundingSet(["fly"], [], fail), { message: 'no such capability: "fly"' });
});

test("limits are written as prlimit takes them", (t) => {
  const limits = [
    { name: "nofile", soft: 10, hard: 20 },
    { name: "core", soft: 0, hard: -1 },
  ];
  t.deepEqual(limitOptions(limits, fail), ["--nofile=10:20", "--core=0:unlimited"]);
  t.throws(() => limitOptions([{ name: "files", soft: 1, hard: 1 }], fail), { message: /no such ulimit/ });
  t.throws(() => limitOptions([{ name: "cpu", soft: 2, hard: 1 }], fail), { message: /2:1 is not/ });
  t.throws(() => limitOptions([{ name: "cpu", soft: -1, hard: 1 }], fail), { message: /-1:1 is not/ });
});

test("a process has the capabilities and limits that it was given, and no others", async (t) => {
  const bed = makeTaskBed(t);
  const script = "grep CapEff /proc/self/status | cut -f2; ulimit -Sn; ulimit -Hn; ulimit -Sc";
  const mask = async (spec: object) => {
    const { stdout } = await bed.shell(script, spec);
    const [caps = "", ...limits] = stdout.trim().split("\n");
    return { caps: BigInt(`0x${caps}`), limits };
  };
  const NET_ADMIN = 1n << 12n;
  const CHOWN = 1n;
  const usual = await mask({});
  t.is(usual.caps & NET_ADMIN, 0n);
  t.is(usual.caps & CHOWN, CHOWN);
  const other = await mask({
    capabilityAdd: ["NET_ADMIN"],
    capabilityDrop: ["CHOWN"],
    ulimits: [
      { name: "nofile", soft: 123, hard: 456 },
      { name: "core", soft: 0, hard: 0 },
    ],
  });
  t.is(other.caps, (usual.caps | NET_ADMIN) & ~CHOWN);
  t.deepEqual(other.limits, ["123", "456", "0"]);
  t.is((await mask({ capabilityDrop: ["ALL"] })).caps, 0n);
});

function hostFolders(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), "tswarm mounts-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [source, target] = [join(folder, "source"), join(folder, "target")];
  mkdirSync(source);
  mkdirSync(target);
  writeFileSync(join(source, "file"), "from the source\n");
  return { source, target };
}

test("a folder of the host's is seen elsewhere, to be written or only to be read; the host sees no mount", async (t) => {
  const bed = makeTaskBed(t);
  const { source, target } = hostFolders(t);
  const write = await bed.shell(`cat '${target}/file'; echo new >'${target}/made'`, { mounts: [{ source, target }] });
  t.is(write.stdout, "from the source\n");
  t.is(readFileSync(join(source, "made"), "utf8"), "new\n");
  const read = await bed.shell(`cat '${target}/file'; echo new >'${target}/other'`, {
    mounts: [{ source, target, readonly: true }],
  });
  t.is(read.stdout, "from the source\n");
  t.regex(read.stderr, /Read-only file system/);
  t.false(existsSync(join(target, "file")));
});

test("a file system in memory has its size and mode, and goes with the task", async (t) => {
  const bed = makeTaskBed(t);
  const { target } = hostFolders(t);
  const tmpfs = { type: 2, target, tmpfsOptions: { sizeBytes: 1024 * 1024, mode: 0o700 } };
  const { stdout } = await bed.shell(
    `stat -c %a '${target}'; stat -f -c '%T %b %S' '${target}'; echo x >'${target}/x'; head -c 2000000 /dev/zero >'${target}/y' || echo full`,
    { mounts: [tmpfs] },
  );
  t.is(stdout, "700\ntmpfs 256 4096\nfull\n");
  t.false(existsSync(join(target, "x")));
});

test("a command and its folder may come from a mount", async (t) => {
  const bed = makeTaskBed(t);
  const { source, target } = hostFolders(t);
  writeFileSync(join(source, "run"), "#!/bin/sh\npwd\n", { mode: 0o755 });
  const task = await bed.started([join(target, "run")], { dir: target, mounts: [{ source, target }] });
  t.is((await task.wait()).code, 0);
  t.is(bed.output(task.id).stdout, `${target}\n`);
  t.is(pathOnHost([{ type: "bind", source: "/a", target: "/b", options: "" }], "/bc/d"), "/bc/d");
  t.is(pathOnHost([{ type: "bind", source: "/a", target: "/b", options: "" }], "/b/d"), "/a/d");
});

const { source, target } = { source: "/etc", target: "/mnt" };
const refused: readonly (readonly [string, object, RegExp])[] = [
  ["a volume", { type: 1, source: "data", target }, /only bind and tmpfs mounts/],
  ["a relative target", { source, target: "mnt" }, /the mount target "mnt" is not an absolute path/],
  ["a mount over /proc", { source, target: "/proc/x" }, /a task has \/proc of its own/],
  ["a shared mount", { source, target, bindOptions: { propagation: 2 } }, /cannot be shared with the host/],
];
for (const [what, mount, message] of refused) {
  test(`refused: ${what}`, (t) => {
    const bed = makeTaskBed(t);
    t.throws(() => bed.controller(["true"], { mounts: [mount] }), { message });
  });
}

test("what the host has not got is told before the task starts, and is not made", async (t) => {
  const bed = makeTaskBed(t);
  const { source: folder } = hostFolders(t);
  const missing = join(folder, "missing");
  const noSource = bed.controller(["true"], { mounts: [{ source: missing, target: folder }] });
  await t.throwsAsync(noSource.prepare(), {
    message: `web.1: mount ${folder}: this host has no ${missing} (its source)`,
  });
  const noTarget = bed.controller(["true"], { mounts: [{ type: 2, target: missing }] });
  await t.throwsAsync(noTarget.prepare(), {
    message: `web.1: mount ${missing}: this host has no ${missing} (its target)`,
  });
  t.false(existsSync(missing));
});
