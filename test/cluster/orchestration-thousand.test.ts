/**
 * A thousand tasks on five nodes are replaced while the leader is killed, again and again. The managers are real processes; the nodes speak
 * the real protocol over mutual TLS, and their tasks are entries of a list: two cores do not carry two thousand starts of real processes
 * within a test. Those are in orchestration.test.ts, fewer at a time.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { Managers } from "../../bench/raft/managers.js";
import { joinTokens } from "../../scripts/fabric/control-client.js";
import { Operator } from "../../scripts/fabric/operator.js";
import { UpdateStatus_UpdateState as UpdateState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { LightRunner } from "./orchestration/light-runner.js";
import { doubled, type LifeEvent } from "./orchestration/lives.js";

const TASKS = 1000;
const NODES = 5;
const AT_ONCE = 50;
/** So many tasks of the new release have begun when the leader is killed. */
const KILLS_AT = [150, 400, 700];

test("an update of 1,000 tasks ends completed though the leader is killed three times: none is missing, none doubled, none begun twice", async (t) => {
  t.timeout(600_000);
  const folder = mkdtempSync(join(tmpdir(), "tsw-thousand-"));
  const managers = await Managers.start(folder, 3);
  const events: LifeEvent[] = [];
  const nodes: LightRunner[] = [];
  const operator = new Operator(managers.all.map(({ socket }) => socket));
  try {
    const { worker: token } = (await joinTokens((await managers.leader()).socket))!;
    const addresses = managers.all.map(({ address }) => address);
    for (let i = 0; i < NODES; i++) {
      const turned = [...addresses.slice(i % addresses.length), ...addresses.slice(0, i % addresses.length)];
      nodes.push(await LightRunner.join(`host${i}`, token, turned, events));
    }
    const found = () =>
      nodes
        .flatMap(({ running }) => running)
        .sort((a, b) => a.slot - b.slot)
        .map(({ slot, spec }) => `${slot} ${spec?.forceUpdate}`);
    const perSlot = (release: number) => Array.from({ length: TASKS }, (_, i) => `${i + 1} ${release}`);
    const begunAnew = () => events.filter(({ kind, release }) => kind === "began" && release === "1").length;

    const many = await operator.create(
      "many",
      { command: ["sleep", "infinity"], env: [] },
      {
        mode: { $case: "replicated", value: { replicas: TASKS } },
        update: { parallelism: AT_ONCE, monitor: { seconds: 1 } },
      },
    );
    await operator.untilRunning(many.id, TASKS);
    t.deepEqual(found(), perSlot(0));
    const updating = performance.now();
    await operator.update(many.id, (spec) => ({ ...spec, task: { ...spec.task!, forceUpdate: 1 } }));
    for (const count of KILLS_AT) {
      await operator.until(
        () => begunAnew() >= count,
        () => `${count} begin anew; ${begunAnew()} have`,
      );
      const leader = await managers.leader();
      await managers.kill(leader);
      t.true(begunAnew() < TASKS, `in the middle: ${begunAnew()} of ${TASKS}`);
      await managers.restart(leader);
    }
    const done = await operator.untilUpdate(many.id, UpdateState.COMPLETED);
    t.is(done.updateStatus?.message, "update completed");
    t.log(`${TASKS} replaced in ${((performance.now() - updating) / 1000).toFixed(1)} s`);
    await operator.untilRunning(many.id, TASKS);
    t.deepEqual(found(), perSlot(1), "each slot has one task, of the new release");
    t.deepEqual(doubled(events), [], "no slot had two at any moment");
    const begun = events.filter(({ kind }) => kind === "began");
    t.is(begun.length, 2 * TASKS, "each slot once in each release");
    t.is(new Set(begun.map(({ taskId }) => taskId)).size, 2 * TASKS, "no task began twice");
    t.true(nodes.every(({ sessions }) => sessions > 0));
    await operator.remove(many.id);
    await operator.until(
      async () => (await operator.tasks(many.id)).length === 0 && found().length === 0,
      () => `nothing is left; ${found().length} run`,
    );
  } finally {
    operator.close();
    for (const node of nodes) node.stop();
    await managers.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
