/** The executor's own tests of adoption and of a task's life once more, with tasks as units of a real systemd. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { PROJECT } from "../sources.js";
import { SystemdBed } from "./systemd-bed.js";

const SUITES = ["adoption", "process-executor"].map((name) => `build/test/agent/executor/${name}.test.js`);

test("tasks that systemd starts are as those that the agent starts, and outlive it", async (t) => {
  const bed = await SystemdBed.boot();
  t.teardown(() => bed.stop());
  // Every program of the tests takes itself for one that systemd started.
  writeFileSync(join(bed.shared, "unit-process.mjs"), "process.env.SYSTEMD_EXEC_PID = String(process.pid);\n");
  const ava = `'${process.execPath}' node_modules/.bin/ava --tap --timeout=100s ${SUITES.join(" ")}`;
  const tap = await bed.run(
    `mkdir -p /run/netns; cd '${PROJECT}'; NODE_OPTIONS='--import /bed/unit-process.mjs' ${ava} || :`,
  );
  t.deepEqual(
    tap.split("\n").filter((line) => line.startsWith("not ok")),
    [],
    tap,
  );
  t.true(tap.split("\n").filter((line) => line.startsWith("ok ")).length >= 15, tap);
  t.is(await bed.run("systemctl is-active tswarm.slice"), "active\n", "systemd started them");
  t.is(await bed.run("systemctl list-units --all --plain --no-legend 'tswarm-*'"), "", "no unit stays behind");
});
