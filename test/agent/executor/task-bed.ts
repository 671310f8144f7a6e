/** What the executor's tests stand on: a network namespace, a state folder, tasks; all of it removed afterwards. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { TaskController, TaskSandbox } from "../../../src/agent/executor/executor.js";
import { ProcessExecutor } from "../../../src/agent/executor/process/process-executor.js";
import { PROCESS_TYPE_URL } from "../../../src/agent/executor/process/process-task.js";
import { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import type { ResourceRequirements } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { ProcessSpec } from "../../../src/api/generated/tswarm/v1/process.js";

let count = 0;

export function processTask(
  id: string,
  command: readonly string[],
  spec: Partial<ProcessSpec> = {},
  resources?: Partial<ResourceRequirements>,
): Task {
  return Task.fromPartial({
    id,
    slot: 1,
    nodeId: "node",
    serviceId: "service",
    serviceAnnotations: { name: "web" },
    spec: {
      runtime: {
        $case: "generic",
        value: {
          kind: "process",
          payload: {
            typeUrl: PROCESS_TYPE_URL,
            value: Buffer.from(
              ProcessSpec.encode(ProcessSpec.fromPartial({ command: [...command], ...spec })).finish(),
            ),
          },
        },
      },
      resources,
    },
  });
}

export interface TaskBed {
  readonly stateDir: string;
  readonly nodeId: string;
  readonly executor: ProcessExecutor;
  readonly sandbox: TaskSandbox;
  /** A controller of a new task that runs `command` in the sandbox; the task is removed with the bed. */
  controller(
    command: readonly string[],
    spec?: Partial<ProcessSpec>,
    resources?: Partial<ResourceRequirements>,
  ): TaskController & { readonly id: string };
}

export function makeTaskBed(t: ExecutionContext): TaskBed {
  const name = `tsw-x${process.pid}-${++count}`;
  execFileSync("ip", ["netns", "add", name]);
  const stateDir = mkdtempSync(join(tmpdir(), "tswarm-executor-"));
  const nodeId = randomBytes(8).toString("hex");
  const executor = new ProcessExecutor({ stateDir, nodeId, log: (line) => t.log(line) });
  t.teardown(async () => {
    for (const id of await executor.list()) await executor.purge(id);
    await executor.stop();
    execFileSync("ip", ["netns", "delete", name]);
    rmSync(stateDir, { recursive: true, force: true });
  });
  let tasks = 0;
  return {
    stateDir,
    nodeId,
    executor,
    sandbox: {
      namespacePath: `/run/netns/${name}`,
      hostname: "web-one",
      resolvConf: "nameserver 127.0.0.11\n",
      hosts: "127.0.0.1 localhost\n10.9.8.7 web-one\n",
    },
    controller(command, spec, resources) {
      const id = `task${++tasks}x${nodeId}`;
      return Object.assign(executor.controller(processTask(id, command, spec, resources)), { id });
    },
  };
}
