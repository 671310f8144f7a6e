/** What the executor's tests stand on: a network namespace, a state folder, tasks; all of it removed afterwards. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { TaskController, TaskExit, TaskSandbox } from "../../../src/agent/executor/executor.js";
import type { Payloads } from "../../../src/agent/executor/payloads.js";
import { ProcessExecutor } from "../../../src/agent/executor/process/process-executor.js";
import { readStat } from "../../../src/agent/executor/process/process-identity.js";
import { PROCESS_TYPE_URL } from "../../../src/agent/executor/process/process-task.js";
import { readHierarchies } from "../../../src/agent/executor/process/task-cgroup.js";
import { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import type { ResourceRequirements } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { ProcessSpec } from "../../../src/api/generated/tswarm/v1/process.js";

let count = 0;

type Resources = Parameters<typeof ResourceRequirements.fromPartial>[0];
type Spec = Parameters<typeof ProcessSpec.fromPartial>[0];

export function processTask(id: string, command: readonly string[], spec: Spec = {}, resources?: Resources): Task {
  const value = ProcessSpec.encode(ProcessSpec.fromPartial({ ...spec, command: [...command] })).finish();
  return Task.fromPartial({
    id,
    slot: 1,
    nodeId: "node",
    serviceId: "service",
    serviceAnnotations: { name: "web" },
    spec: {
      runtime: {
        $case: "generic",
        value: { kind: "process", payload: { typeUrl: PROCESS_TYPE_URL, value: Buffer.from(value) } },
      },
      resources,
    },
  });
}

export interface TaskBed {
  /** What the node has of secrets and configs, by id; not all that it is to have while `isComplete` is false. */
  readonly payloads: {
    readonly secrets: Map<string, Buffer>;
    readonly configs: Map<string, Buffer>;
    isComplete: boolean;
  };
  readonly stateDir: string;
  readonly nodeId: string;
  readonly executor: ProcessExecutor;
  readonly sandbox: TaskSandbox;
  /** A controller of a new task that runs `command` in the sandbox; the task is removed with the bed. */
  controller(command: readonly string[], spec?: Spec, resources?: Resources): TaskController & { readonly id: string };
  /** Prepares and starts it too. */
  started(
    command: readonly string[],
    spec?: Spec,
    resources?: Resources,
  ): Promise<TaskController & { readonly id: string }>;
  /** Runs a shell command as a task to its end. */
  shell(script: string, spec?: Spec, resources?: Resources): Promise<Output>;
  output(taskId: string): { readonly stdout: string; readonly stderr: string };
  /** Resolves once the task's standard output holds the text. */
  said(taskId: string, text: string): Promise<void>;
  /** Host pids of the task, over all cgroup hierarchies. */
  pids(taskId: string): readonly number[];
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: TaskExit;
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
  const payloads: TaskBed["payloads"] = { secrets: new Map(), configs: new Map(), isComplete: true };
  const given: Payloads = {
    secret: (id) => payloads.secrets.get(id),
    config: (id) => payloads.configs.get(id),
    isComplete: () => payloads.isComplete,
  };
  const bed: TaskBed = {
    payloads,
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
      return Object.assign(executor.controller(processTask(id, command, spec, resources), given), { id });
    },
    async started(command, spec, resources) {
      const task = bed.controller(command, spec, resources);
      await task.prepare();
      await task.start(bed.sandbox);
      return task;
    },
    async shell(script, spec, resources) {
      const task = await bed.started(["sh", "-c", script], spec, resources);
      const exit = await task.wait();
      return { exit, ...bed.output(task.id) };
    },
    output(taskId) {
      const paths = executor.outputPaths(taskId);
      return { stdout: readFileSync(paths.stdout, "utf8"), stderr: readFileSync(paths.stderr, "utf8") };
    },
    async said(taskId, text) {
      await until(() => bed.output(taskId).stdout.includes(text));
    },
    pids(taskId) {
      return cgroupPids(nodeId, taskId);
    },
  };
  return bed;
}

export function cgroupPids(nodeId: string, taskId: string): readonly number[] {
  const files = cgroupFolders(nodeId, taskId).map((folder) => join(folder, "cgroup.procs"));
  return [...new Set(files.flatMap(linesOf).map(Number))];
}

/** A task's cgroups, one of each hierarchy: beside the agent's, or under systemd in a unit of its own. */
export function cgroupFolders(nodeId: string, taskId: string): readonly string[] {
  const node = nodeId.slice(0, 8);
  const places = [join("tswarm", node, taskId), join("tswarm.slice", `tswarm-${node}-${taskId}.service`, "task")];
  return readHierarchies().flatMap(({ mountPoint }) =>
    places.map((place) => join(mountPoint, place)).filter(existsSync),
  );
}

/** Whether there is such a process, other than as an entry that its parent has not read yet. */
export function runs(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.state !== "Z";
}

/** Resolves once the condition holds; a test that waits in vain ends by AVA's time limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
