/** The package in a life of its own, under a real systemd: installed, used, upgraded while a task runs, purged. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { buildPackage } from "../../scripts/package/build-package.js";
import { BED_ADDRESS, SystemdBed } from "./systemd-bed.js";

const SERVER = `require("http").createServer((q, r) => r.end(process.env.TASK + "\\n")).listen(80)`;
/** All that is on the machine and could be the package's, but logs and caches. */
const TRACES = [
  "find /written \\( -path /written/var/log -o -path /written/var/cache -o -path /written/root \\) -prune -o -printf '%y /%P\\n'",
  "find /run -maxdepth 1",
  "ip -o link | cut -d: -f2 | cut -d@ -f1",
  "nft list ruleset",
  "getent passwd",
  "getent group",
  "grep -E 'tsw|netns' /proc/mounts || :",
].join("\n");

/** A file of this machine that was written to is seen as a new one in the layer. What it says is told by the other lines. */
function isOfThisMachine(line: string): boolean {
  return /^[fdl] \//.test(line) && existsSync(line.slice(2));
}

test("installed, used, upgraded while a task runs, purged", async (t) => {
  const work = mkdtempSync(join(tmpdir(), "tswarm-lifecycle-"));
  t.teardown(() => rmSync(work, { recursive: true, force: true }));
  const bed = await SystemdBed.boot();
  t.teardown(() => bed.stop());
  const build = (revision: string) =>
    buildPackage({ work: join(work, revision), output: bed.shared, revision, compression: "none" });
  const install = (path: string) => `dpkg --ignore-depends=nodejs --install /bed/${path.slice(bed.shared.length + 1)}`;
  const before = (await bed.run(TRACES)).split("\n");

  await bed.run(install(build("1")));
  t.regex(await bed.run("tswarmd --version"), /^\d+\.\d+\.\d+/);
  t.regex(await bed.run("tsctl --help"), /service/);
  t.is(await bed.run("systemctl is-enabled tswarmd.service tswarm-manager.path"), "enabled\nenabled\n");
  await bed.until("systemctl is-active tswarmd.service");
  t.is(await bed.run("systemctl is-active tswarm-manager.service || :"), "inactive\n", "the node manages nothing yet");

  await bed.run(`tsctl init --advertise-addr ${BED_ADDRESS}`);
  await bed.until("systemctl is-active tswarm-manager.service");
  t.is(
    await bed.run("ps -o user= -p $(systemctl show -p MainPID --value tswarm-manager.service)"),
    "tswarm-manager\n",
    "the manager is nobody's root",
  );
  const create = ["tsctl service create --runtime process --name web --publish 8080:80 --env TASK={{.Task.ID}}"];
  await bed.run(`${create} -- node -e '${SERVER}'`);
  const ask = `curl --silent --fail --max-time 5 http://${BED_ADDRESS}:8080`;
  const answer = await bed.until(ask);
  const unit = (await bed.run("systemctl list-units --plain --no-legend 'tswarm-*-*.service'")).split(" ")[0]!;
  t.true(unit.endsWith(`${answer.trim()}.service`), `${unit} is the unit of task ${answer}`);
  const task = (await bed.run("pgrep --full --oldest '^node -e'")).trim();

  // The sandbox is the daemon's, not the task's.
  const sandbox = (pid: string) => bed.run(`grep -E '^(CapBnd|NoNewPrivs|Seccomp):' /proc/${pid}/status`);
  const daemon = (await bed.run("systemctl show -p MainPID --value tswarmd.service")).trim();
  t.is(await sandbox(daemon), "CapBnd:\t000000000024342b\nNoNewPrivs:\t1\nSeccomp:\t2\n");
  t.is(await sandbox(task), "CapBnd:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t0\n");
  t.true((await bed.run("ip netns list")).includes(answer.trim()), "the host sees the task's namespace");

  // A daemon that dies without a word takes nothing along.
  await bed.run(`kill -KILL ${daemon}`);
  await bed.until(
    `[ "$(systemctl show -p MainPID --value tswarmd.service)" != ${daemon} ] && systemctl is-active tswarmd.service`,
  );
  t.is(await bed.until(ask), answer);
  t.is((await bed.run("pgrep --full --oldest '^node -e'")).trim(), task);

  await bed.run(install(build("2")));
  t.regex(await bed.run("dpkg-query --show tswarm"), /-2\n$/);
  await bed.until("systemctl is-active tswarmd.service && tsctl node ls | grep -q Ready");
  t.is((await bed.run("pgrep --full --oldest '^node -e'")).trim(), task, "the same process as before the upgrade");
  t.is(await bed.until(ask), answer);
  t.regex(await bed.until(`tsctl service ps web | grep ${answer.trim().slice(0, 12)} | grep Running`), /web\.1/);

  await bed.run("dpkg --purge tswarm");
  t.is(await bed.run("systemctl list-units --all --plain --no-legend 'tswarm*'"), "");
  t.is(await bed.run(`[ ! -e /proc/${task} ] && echo gone`), "gone\n");
  const known = new Set(before);
  const after = (await bed.run(TRACES)).split("\n");
  t.deepEqual(
    after.filter((line) => !known.has(line) && !isOfThisMachine(line)),
    [],
    "nothing is left",
  );
  const kept = new Set(after);
  t.deepEqual(
    before.filter((line) => !kept.has(line)),
    [],
    "nothing of anybody else's is gone",
  );
});
