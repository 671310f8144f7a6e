/** A worker with real processes, on a fake network that knows one real sandbox. */
import type { ExecutionContext } from "ava";
import { ProcessExecutor } from "../../../src/agent/executor/process/process-executor.js";
import { Worker } from "../../../src/agent/worker/worker.js";
import type { TaskStatus } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { TaskBed } from "../executor/task-bed.js";
import { FakeNetwork, Journal, stateName } from "./fakes.js";

/** @param connect in place of the sandbox for everybody */
export async function startWorker(t: ExecutionContext, bed: TaskBed, connect?: FakeNetwork["connect"]) {
  const journal = new Journal();
  const statuses = new Map<string, TaskStatus>();
  const network = new FakeNetwork(journal);
  network.connect = async (task) => {
    journal.write(`connect ${task.id}`);
    return connect ? await connect(task) : bed.sandbox;
  };
  const executor = new ProcessExecutor({ stateDir: bed.stateDir, nodeId: bed.nodeId, log: (line) => t.log(line) });
  const worker = new Worker({
    stateDir: bed.stateDir,
    executors: [executor],
    network,
    report: (taskId, status) => {
      statuses.set(taskId, status);
      journal.write(`${stateName(status)} ${taskId}`);
    },
    log: (line) => t.log(line),
    lingerMs: 0,
  });
  await worker.start();
  const stop = async () => {
    await worker.stop();
    await executor.stop();
  };
  t.teardown(stop);
  return { worker, journal, statuses, stop, executor };
}
