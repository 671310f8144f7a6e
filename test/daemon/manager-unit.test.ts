/** The manager as a unit: which files it is told by, and what the daemon makes of them. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { ManagerUnit } from "../../src/daemon/manager-unit.js";
import type { ManagerStart } from "../../src/daemon/start-plan.js";

const FIRST: ManagerStart = { join: ["first:1"], forceNewCluster: false };

/** @param result what systemd says of a run that has ended */
function unit(t: ExecutionContext, result = "success") {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-unit-"));
  const [enabled, flags] = [join(folder, "enabled"), join(folder, "flags")];
  const events: string[] = [];
  const wakes: (() => void)[] = [];
  const note = (event: string) => {
    events.push(event);
    for (const wake of wakes) wake();
  };
  const bed = { serves: false, starts: true };
  const runner = new ManagerUnit({
    unit: "m.service",
    folder,
    user: undefined,
    flags: (start) => [
      "--state-dir",
      folder,
      ...start.join,
      ...(start.bootstrap ? ["--bootstrap", start.bootstrap] : []),
    ],
    restart: () => ({ join: ["again:1"], forceNewCluster: false }),
    // As the path unit does: the file is there, so it runs.
    look: async () => {
      if (bed.starts && existsSync(enabled)) bed.serves = true;
      return bed.serves;
    },
    onServing: (serving) => note(serving ? "serving" : "not serving"),
    onRemoved: () => note("removed"),
    log: note,
    systemctl: async (...args) => {
      note(args.join(" "));
      if (args[0] === "stop") bed.serves = false;
      return args[0] === "show" ? `${result}\n` : "";
    },
    lookMs: 1,
  });
  t.teardown(async () => {
    await runner.release();
    rmSync(folder, { recursive: true, force: true });
  });
  const until = (event: string) =>
    new Promise<void>((resolve) => {
      const look = () => events.includes(event) && resolve();
      wakes.push(look);
      look();
    });
  return { runner, bed, events, enabled, flags, until, told: () => readFileSync(flags, "utf8") };
}

test("it is told by two files, and by others once it has come up", async (t) => {
  const { runner, enabled, flags, told, until } = unit(t);
  await runner.begin({ ...FIRST, bootstrap: "/b" });
  t.true(runner.isKept);
  t.true(existsSync(enabled));
  t.regex(told(), /^TSWARM_MANAGER_FLAGS=--state-dir \S+ again:1\n$/, "a cluster is begun once");
  t.is(statSync(flags).mode & 0o777, 0o640);
  await until("serving");
  await runner.stop();
  t.false(existsSync(enabled));
  await until("stop m.service");
});

test("one that does not come up is said, and not kept", async (t) => {
  const { runner, bed, enabled } = unit(t, "exit-code");
  bed.starts = false;
  await t.throwsAsync(runner.begin(FIRST), {
    message: /^m\.service does not come up: exit-code; "journalctl -u m\.service"/,
  });
  t.false(runner.isKept);
  t.false(existsSync(enabled));
});

test("it runs on while the daemon is away, and is found again", async (t) => {
  const first = unit(t);
  await first.runner.begin(FIRST);
  await first.until("serving");
  await first.runner.release();
  t.true(existsSync(first.enabled));
  t.true(first.bed.serves);
  t.false(first.events.some((event) => event.startsWith("stop")));
  await first.runner.begin(FIRST);
  t.false(
    first.events.some((event) => event.startsWith("stop")),
    "it is not started anew",
  );
});

test("one that removes its file was taken out of the cluster, and may be made a manager again", async (t) => {
  const { runner, bed, events, enabled, until } = unit(t);
  runner.promote(FIRST);
  await until("serving");
  bed.starts = false;
  bed.serves = false;
  rmSync(enabled);
  await until("removed");
  t.false(runner.isKept);
  t.true(events.includes("not serving"));
  bed.starts = true;
  runner.promote(FIRST);
  while (!existsSync(enabled)) await new Promise((resolve) => setImmediate(resolve));
  t.true(runner.isKept);
});

test("one that dies is systemd's to start again", async (t) => {
  const { runner, bed, events, enabled, until } = unit(t);
  await runner.begin(FIRST);
  await until("serving");
  bed.starts = false;
  bed.serves = false;
  await until("not serving");
  t.true(existsSync(enabled));
  t.true(runner.isKept);
  t.false(events.includes("removed"));
});
