/** What systemd itself says of the units, and what they must agree on with the programs. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { PROJECT } from "../sources.js";

const run = promisify(execFile);
const FOLDER = join(PROJECT, "packaging/systemd");
const unit = (name: string) => readFileSync(join(FOLDER, name), "utf8");

interface Finding {
  readonly set: boolean;
  readonly name: string;
  readonly exposure: string | null;
}

async function exposure(name: string): Promise<number> {
  const args = ["security", "--offline=true", "--no-pager", join(FOLDER, name)];
  const { stdout } = await run("systemd-analyze", args, { env: { ...process.env, LC_ALL: "C" } });
  const [, score] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? [];
  if (score === undefined) throw new Error(`no score in: ${stdout}`);
  return Number(score);
}

async function findings(name: string): Promise<ReadonlyMap<string, Finding>> {
  const args = ["security", "--offline=true", "--json=short", join(FOLDER, name)];
  const { stdout } = await run("systemd-analyze", args);
  return new Map((JSON.parse(stdout) as Finding[]).map((one) => [one.name, one]));
}

test("the agent's exposure is 4.2 at most, and what the documentation says", async (t) => {
  const score = await exposure("tswarmd.service");
  t.true(score <= 4.2, String(score));
  t.true(readFileSync(join(PROJECT, "docs/install.md"), "utf8").includes(`\`tswarmd.service\` ${score}`));
});

test("the manager's exposure is 1.6 at most, and what the documentation says", async (t) => {
  const score = await exposure("tswarm-manager.service");
  t.true(score <= 1.6, String(score));
  t.true(readFileSync(join(PROJECT, "docs/install.md"), "utf8").includes(`\`tswarm-manager.service\` ${score}`));
});

test("the manager has no capability, no device, no namespace, no way to more rights", async (t) => {
  const found = await findings("tswarm-manager.service");
  for (const [name, one] of found) {
    if (
      /^(CapabilityBoundingSet|RestrictNamespaces|PrivateUsers|PrivateDevices|NoNewPrivileges|User|ProtectSystem)/.test(
        name,
      )
    )
      t.true(one.set, name);
  }
  t.true(found.size > 50);
});

test("both say why MemoryDenyWriteExecute is off", (t) => {
  for (const name of ["tswarmd.service", "tswarm-manager.service"]) {
    t.notRegex(unit(name), /^MemoryDenyWriteExecute=/m);
    t.regex(unit(name), /^# MemoryDenyWriteExecute stays off: V8/m);
  }
});

test("systemd finds no fault in the units", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "tswarm-units-"));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  // It looks whether programs are there; those of the package are not on this machine.
  for (const name of ["tswarmd.service", "tswarm-manager.service", "tswarm-manager.path"]) {
    const text = unit(name)
      .replaceAll(/^ExecStart=\S+/gm, "ExecStart=/bin/true")
      .replaceAll(/^Documentation=.*\n/gm, "");
    writeFileSync(join(root, name), text);
  }
  mkdirSync(join(root, "empty"));
  for (const name of ["tswarmd.service", "tswarm-manager.service", "tswarm-manager.path"]) {
    const { stdout, stderr } = await run("systemd-analyze", ["verify", "--recursive-errors=no", join(root, name)]);
    const own = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("tswarm"));
    t.deepEqual(own, [], name);
  }
});

test("a restart of the agent leaves tasks and sockets alone", (t) => {
  const text = unit("tswarmd.service");
  t.regex(text, /^KillMode=process$/m);
  t.regex(text, /^Delegate=yes$/m);
  // Systemd would give all that is in such a folder to root, and remove it with the unit.
  t.notRegex(text, /^(State|Runtime)Directory=/m);
  t.regex(unit("tswarm-manager.service"), /^RuntimeDirectoryPreserve=yes$/m);
});
