/**
 * Three managers and five agents, real processes with mutual TLS: what a person asks for is what runs. Services are looked at from both
 * sides: what the managers say, and the processes that there are.
 */
import test, { type ExecutionContext } from "ava";
import { Cluster } from "../../scripts/fabric/cluster.js";
import { Operator } from "../../scripts/fabric/operator.js";
import type { Service } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  UpdateConfig_FailureAction as FailureAction,
  TaskState,
  UpdateConfig_UpdateOrder as UpdateOrder,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { doubled, emptied, mostAtOnce } from "./orchestration/lives.js";
import { type LifeOptions, TaskLives } from "./orchestration/task-lives.js";

const MANAGERS = ["host1", "host2", "host3"];
const HOSTS = [...MANAGERS, "host4", "host5"];

let cluster: Cluster;
let operator: Operator;
let lives: TaskLives;

test.before("three managers and five agents", async (t) => {
  t.timeout(300_000);
  cluster = await Cluster.start({ tag: `o${process.pid % 10000}`, hosts: HOSTS, managers: MANAGERS });
  operator = Operator.of(cluster);
  lives = new TaskLives(`${cluster.directory}/lives`);
});

test.after.always("the cluster goes", async (t) => {
  t.timeout(300_000);
  if (!t.passed) t.log(cluster?.logs());
  operator?.close();
  await cluster?.remove();
});

type ServiceFields = Parameters<Operator["create"]>[2];

const command = (name: string, life: LifeOptions) => ({ command: lives.command(), env: lives.env(name, life) });
const create = (name: string, life: LifeOptions, more: ServiceFields) =>
  operator.create(name, command(name, life), more);
const replicas = (count: number): ServiceFields => ({ mode: { $case: "replicated", value: { replicas: count } } });
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const NOW = { seconds: 0, nanos: 0 };

/** Waits until exactly these slots run this release, a process each, and the managers say the same. */
async function untilRuns(name: string, service: Service, slots: readonly number[], release: string): Promise<void> {
  const wanted = slots.map((slot) => `${slot} ${release}`).join(", ");
  const found = () =>
    lives
      .running(name)
      .map(({ slot, release: has }) => `${slot} ${has}`)
      .join(", ");
  await operator.untilRunning(service.id, slots.length);
  await operator.until(
    () => found() === wanted,
    () => `runs ${wanted}; it is ${found()}`,
  );
}

async function removed(t: ExecutionContext, name: string, service: Service): Promise<void> {
  await operator.remove(service.id);
  await operator.until(
    () => lives.running(name).length === 0,
    () => "its processes end",
  );
  await operator.until(
    async () => (await operator.tasks(service.id)).length === 0,
    () => "its tasks are forgotten",
  );
  t.pass();
}

test.serial(
  "scaled up and down: so many processes run, one in each slot, and those that stay are not touched",
  async (t) => {
    t.timeout(300_000);
    const web = await create("scaled", { release: "1" }, replicas(5));
    await untilRuns("scaled", web, upTo(5), "1");
    const first = lives.running("scaled");
    t.deepEqual(first.map(({ node }) => node).sort(), [...HOSTS].sort(), "spread over all nodes");
    await operator.scale(web.id, 15);
    await untilRuns("scaled", web, upTo(15), "1");
    const pids = new Set(lives.running("scaled").map(({ pid }) => pid));
    t.true(first.every(({ pid }) => pids.has(pid)));
    for (const host of HOSTS) t.is(lives.running("scaled").filter(({ node }) => node === host).length, 3, host);
    await operator.scale(web.id, 5);
    await operator.untilRunning(web.id, 5);
    await operator.until(
      () => lives.running("scaled").length === 5,
      () => "ten end",
    );
    const last = lives.running("scaled");
    t.true(last.every(({ pid }) => pids.has(pid)));
    t.deepEqual(last.map(({ node }) => node).sort(), [...HOSTS].sort(), "spread over all nodes again");
    t.deepEqual(doubled(lives.of("scaled")), []);
    t.is(lives.begun("scaled").length, 15, "nothing was begun twice");
    await removed(t, "scaled", web);
  },
);

test.serial(
  "an update that stops first, and its rollback by hand: each slot gets the release, and none has two processes at any moment",
  async (t) => {
    t.timeout(300_000);
    const update = { parallelism: 4, monitor: { seconds: 1 }, order: UpdateOrder.STOP_FIRST };
    const rollback = { ...update, parallelism: 0 };
    const web = await create("stopfirst", { release: "1", lingerSeconds: 0.3 }, { ...replicas(12), update, rollback });
    await untilRuns("stopfirst", web, upTo(12), "1");
    await operator.release(web.id, command("stopfirst", { release: "2", lingerSeconds: 0.3 }));
    const done = await operator.untilUpdate(web.id, UpdateState.COMPLETED);
    t.is(done.updateStatus?.message, "update completed");
    await untilRuns("stopfirst", web, upTo(12), "2");
    await operator.rollBack(web.id);
    await operator.untilUpdate(web.id, UpdateState.ROLLBACK_COMPLETED);
    await untilRuns("stopfirst", web, upTo(12), "1");
    t.deepEqual(doubled(lives.of("stopfirst")), []);
    t.is(lives.begun("stopfirst").length, 36, "each slot once each time");
    await removed(t, "stopfirst", web);
  },
);

test.serial("an update that starts first: each slot has a process at every moment", async (t) => {
  t.timeout(300_000);
  const update = { parallelism: 4, monitor: { seconds: 1 }, order: UpdateOrder.START_FIRST };
  const web = await create("startfirst", { release: "1" }, { ...replicas(12), update });
  await untilRuns("startfirst", web, upTo(12), "1");
  await operator.release(web.id, command("startfirst", { release: "2" }));
  await operator.untilUpdate(web.id, UpdateState.COMPLETED);
  await untilRuns("startfirst", web, upTo(12), "2");
  t.deepEqual(emptied(lives.of("startfirst")), []);
  t.is(lives.begun("startfirst").length, 24, "each slot once in each release");
  await removed(t, "startfirst", web);
});

test.serial(
  "an update whose tasks fail is rolled back by itself: what ran before runs, and most of it never stopped",
  async (t) => {
    t.timeout(300_000);
    const update = { parallelism: 2, monitor: { seconds: 2 }, failureAction: FailureAction.ROLLBACK };
    const restart = { condition: 2, delay: NOW };
    const web = await create(
      "failing",
      { release: "1" },
      { ...replicas(8), update, rollback: { parallelism: 0, monitor: { seconds: 1 } }, task: { restart } },
    );
    await untilRuns("failing", web, upTo(8), "1");
    const before = lives.running("failing");
    await operator.release(web.id, command("failing", { release: "2", failWith: 3 }));
    const done = await operator.untilUpdate(web.id, UpdateState.ROLLBACK_COMPLETED);
    t.is(done.updateStatus?.message, "rollback completed");
    await untilRuns("failing", web, upTo(8), "1");
    const pids = new Set(before.map(({ pid }) => pid));
    const stayed = lives.running("failing").filter(({ pid }) => pids.has(pid));
    // What fails came up for a moment, so that the next two may have been begun.
    t.true(stayed.length >= 4, `two at a time: ${stayed.length} of 8 never stopped`);
    t.deepEqual(doubled(lives.of("failing")), []);
    await removed(t, "failing", web);
  },
);

test.serial(
  "an update whose tasks cannot start is paused, says which task failed, and goes on with the next change",
  async (t) => {
    t.timeout(300_000);
    const update = { parallelism: 1, monitor: { seconds: 1 }, failureAction: FailureAction.PAUSE };
    const restart = { condition: 2, delay: NOW };
    const web = await create(
      "paused",
      { release: "1" },
      { ...replicas(4), update, rollback: { parallelism: 0, monitor: { seconds: 1 } }, task: { restart } },
    );
    await untilRuns("paused", web, upTo(4), "1");
    await operator.release(web.id, { ...command("paused", { release: "2" }), command: ["/no/such/program"] });
    const paused = await operator.untilUpdate(web.id, UpdateState.PAUSED);
    const { message } = paused.updateStatus!;
    const failed = /due to failure or early termination of task (\w+)$/.exec(message)?.[1];
    const task = (await operator.tasks(web.id)).find(({ id }) => id === failed);
    t.is(task?.status?.state, TaskState.REJECTED, message);
    t.regex(task?.status?.err ?? "", /no\/such\/program/);
    t.is(lives.running("paused").filter(({ release }) => release === "1").length, 3, "the others run on");
    await operator.release(web.id, command("paused", { release: "3" }));
    await operator.untilUpdate(web.id, UpdateState.COMPLETED);
    await untilRuns("paused", web, upTo(4), "3");
    await operator.rollBack(web.id);
    await operator.untilUpdate(web.id, UpdateState.ROLLBACK_STARTED).catch(() => undefined);
    t.pass();
    await removed(t, "paused", web);
  },
);

test.serial(
  "a drained node has no process left, and its tasks run elsewhere; when it is active again it gets new ones alone",
  async (t) => {
    t.timeout(300_000);
    const web = await create("drained", { release: "1", lingerSeconds: 0.3 }, replicas(10));
    await untilRuns("drained", web, upTo(10), "1");
    const others = lives.running("drained").filter(({ node }) => node !== "host4");
    t.is(others.length, 8);
    await operator.setAvailability(cluster.nodeId("host4"), Availability.DRAIN);
    await operator.until(
      () => lives.onNode("host4").length === 0,
      () => "the node is empty",
    );
    await untilRuns("drained", web, upTo(10), "1");
    const after = new Set(lives.running("drained").map(({ pid }) => pid));
    t.true(
      others.every(({ pid }) => after.has(pid)),
      "tasks of other nodes are not touched",
    );
    t.deepEqual(doubled(lives.of("drained")), []);
    await operator.setAvailability(cluster.nodeId("host4"), Availability.ACTIVE);
    await operator.scale(web.id, 12);
    await untilRuns("drained", web, upTo(12), "1");
    t.deepEqual(
      lives
        .running("drained")
        .filter(({ node }) => node === "host4")
        .map(({ slot }) => slot),
      [11, 12],
      "what moved away stays where it is",
    );
    await removed(t, "drained", web);
  },
);

test.serial(
  "a command that ends is begun again in its slot, after the delay, on whichever node; the others are not touched",
  async (t) => {
    t.timeout(300_000);
    const restart = { condition: 2, delay: { seconds: 1 } };
    const web = await create("killed", { release: "1" }, { ...replicas(3), task: { restart } });
    await untilRuns("killed", web, upTo(3), "1");
    const [victim, ...others] = lives.running("killed");
    process.kill(victim!.pid, "SIGKILL");
    lives.lost([victim!]);
    await operator.until(
      () => lives.running("killed").some(({ slot, taskId }) => slot === victim!.slot && taskId !== victim!.taskId),
      () => "another runs in its slot",
    );
    await untilRuns("killed", web, upTo(3), "1");
    const now = new Set(lives.running("killed").map(({ pid }) => pid));
    t.true(others.every(({ pid }) => now.has(pid)));
    const [, second] = lives.begun("killed").filter(({ slot }) => slot === String(victim!.slot));
    const first = lives.begun("killed").find(({ taskId }) => taskId === victim!.taskId);
    t.true(second!.beganAt - first!.beganAt >= 100, "a second at least lies between their beginnings");
    t.deepEqual(doubled(lives.of("killed")), []);
    await removed(t, "killed", web);
  },
);

test.serial(
  "a job's commands run to their end, so many at once, each slot once; the next run is another",
  async (t) => {
    t.timeout(300_000);
    const job = await create(
      "job",
      { release: "1", endAfterSeconds: 0.3 },
      { mode: { $case: "replicatedJob", value: { maxConcurrent: 3, totalCompletions: 9 } } },
    );
    const done = async (release: string) => {
      await operator.until(
        async () => Number((await operator.counts(job.id)).completedTasks) === 9,
        () => operator.describe(job.id),
      );
      const begun = lives.begun("job").filter((life) => life.release === release);
      t.deepEqual(
        begun.map(({ slot }) => Number(slot)).sort((a, b) => a - b),
        upTo(9),
        `release ${release}`,
      );
    };
    await done("1");
    await operator.release(job.id, command("job", { release: "2", endAfterSeconds: 0.3 }));
    await operator.until(
      async () => (await operator.service(job.id)).jobStatus?.jobIteration?.index === 1,
      () => "another run begins",
    );
    await done("2");
    t.true(mostAtOnce(lives.of("job")) <= 3);
    t.deepEqual(doubled(lives.of("job")), []);
    await removed(t, "job", job);
  },
);
