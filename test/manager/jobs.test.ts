/** Jobs through a whole manager, with agents that speak the real protocol. */
import test from "ava";
import { TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import type { FakeAgent } from "./fake-agent.js";
import { processService, TestCluster } from "./test-cluster.js";

const states = (cluster: TestCluster, serviceId: string) =>
  cluster.tasks(serviceId).map(({ status }) => TaskState[status!.state]);

/** Ends one task that runs. */
async function end(agents: readonly FakeAgent[], state: TaskState): Promise<void> {
  for (const agent of agents) {
    for (const [id, reported] of agent.reported) {
      if (reported !== TaskState.RUNNING || !agent.tasks.has(id)) continue;
      await agent.report(id, state, state === TaskState.FAILED ? "exit status 1" : "");
      return;
    }
  }
  throw new Error("nothing runs");
}

test("a replicated job runs to its end, some tasks at a time; an update of it runs it anew", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const runs = () => cluster.tasks(job.id).filter(({ status }) => status?.state === TaskState.RUNNING).length;
  const done = () => states(cluster, job.id).filter((state) => state === "COMPLETE").length;
  const mode = { $case: "replicatedJob", value: { maxConcurrent: 2, totalCompletions: 5 } } as const;
  const job = await cluster.createService(processService("job", 0, { mode }));
  for (let ended = 0; ended < 5; ended++) {
    await cluster.until("as many run as may", () => runs() === Math.min(2, 5 - ended));
    await end(cluster.agents, TaskState.COMPLETE);
    await cluster.until("one more is done", () => done() === ended + 1);
  }
  await cluster.manager.idle();
  t.deepEqual(states(cluster, job.id), Array(5).fill("COMPLETE"), "nothing more runs, and nothing was called off");
  t.true(cluster.agents.every((agent) => ![...agent.reported.values()].includes(TaskState.SHUTDOWN)));

  const again = await cluster.updateService(job.id, (spec) => ({ ...spec, task: { ...spec.task!, forceUpdate: 1 } }));
  t.is(again.jobStatus?.jobIteration?.index, 1);
  await cluster.until("it runs anew", () => runs() === 2);
});

test("a job's task that fails is tried again in its slot, after its delay, and so often as it may", async (t) => {
  const cluster = await TestCluster.start(t, 1);
  const job = await cluster.createService(
    processService("job", 0, {
      mode: { $case: "replicatedJob", value: { maxConcurrent: 1, totalCompletions: 1 } },
      task: { restart: { condition: 1, delay: { seconds: 5 }, maxAttempts: 1 } },
    }),
  );
  const count = (state: string) => states(cluster, job.id).filter((one) => one === state).length;
  await cluster.until("it runs", () => count("RUNNING") === 1);
  await end(cluster.agents, TaskState.FAILED);
  await cluster.until("its successor waits", () => count("READY") === 1);
  t.is(count("RUNNING"), 0);
  await cluster.pass(5000);
  await cluster.until("it is tried again", () => count("RUNNING") === 1);
  await end(cluster.agents, TaskState.FAILED);
  await cluster.until("it failed again", () => count("FAILED") === 2);
  await cluster.pass(60_000);
  t.deepEqual(states(cluster, job.id), ["FAILED", "FAILED"], "it is not tried a third time");
  const newest = cluster
    .tasks(job.id)
    .find(({ desiredState, status }) => desiredState && /not restarted/.test(status!.message));
  t.regex(newest?.status?.message ?? "", /its 1 restart attempts are used up/);
});
