import { execFile } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { missingMounts } from "../../../src/agent/executor/process/mount-guard.js";
import { makeTaskBed } from "./task-bed.js";

const run = promisify(execFile);

test("what a task should have mounted and has not", (t) => {
  const wanted = [
    { name: "hosts", target: "/etc/hosts" },
    { name: "resolv.conf", target: "/run/my resolver/stub.conf" },
  ];
  const line = (point: string) => `1 2 0:1 / ${point} rw - ext4 /dev/vda rw`;
  t.deepEqual(missingMounts([line("/"), line("/etc/hosts")].join("\n"), wanted), [wanted[1]!]);
  t.deepEqual(missingMounts([line("/run/my\\040resolver/stub.conf"), line("/etc/hosts")].join("\n"), wanted), []);
});

test("a task keeps its resolv.conf when the host replaces its own", async (t) => {
  const bed = makeTaskBed(t);
  const etc = join(bed.stateDir, "etc");
  mkdirSync(etc);
  for (const name of ["passwd", "group", "hosts", "hostname", "resolv.conf", "ld.so.cache", "nsswitch.conf"]) {
    cpSync(join("/etc", name), join(etc, name), { dereference: true });
  }
  const order = JSON.stringify({ stateDir: bed.stateDir, nodeId: bed.nodeId, sandbox: bed.sandbox });
  const program = fileURLToPath(new URL("guard-child.js", import.meta.url));
  const script = 'mount --bind "$1" /etc && exec "$2" "$3" "$4"';
  const args = ["--mount", "sh", "-c", script, "sh", etc, process.execPath, program, order];
  const { stdout, stderr } = await run("unshare", args, { timeout: 60_000 });
  t.deepEqual(JSON.parse(stdout), ["nameserver 127.0.0.11", "host 2", "host 3"]);
  const repairs = stderr.split("\n").filter((line) => line.includes("its own resolv.conf put back"));
  t.is(repairs.length, 2, stderr);
});
