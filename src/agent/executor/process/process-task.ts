/** A task of runtime "process" as plain facts: what to run, as whom, within which limits. */
import type { Task } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import type { Duration } from "../../../api/generated/google/protobuf/duration.js";
import { ProcessSpec } from "../../../api/generated/tswarm/v1/process.js";
import { taskLabel } from "../../../api/task-label.js";
import { type HealthSpec, readHealthSpec } from "../../health/health-spec.js";
import { TaskError } from "../executor.js";
import { parseEnvironment } from "./environment.js";
import { type PayloadFile, readPayloadFiles } from "./payload-files.js";
import { boundingSet, limitOptions } from "./rights.js";
import { parseSignal, type SignalName } from "./signals.js";
import { readTaskMounts, type TaskMount } from "./task-mounts.js";

export const PROCESS_TYPE_URL = "type.googleapis.com/tswarm.v1.ProcessSpec";

export interface ResourceLimits {
  /** Billionths of one CPU; 0 for no limit. */
  readonly nanoCpus: number;
  /** 0 for no limit. */
  readonly memoryBytes: number;
  /** Undefined: as much swap as memory. -1: unlimited. */
  readonly swapBytes?: number;
  /** 0 to 100. */
  readonly memorySwappiness?: number;
  /** Processes and threads; 0 for no limit. */
  readonly pids: number;
}

export interface ProcessTask {
  readonly id: string;
  /** "web.1": how messages name it. */
  readonly label: string;
  readonly command: readonly [string, ...string[]];
  readonly env: ReadonlyMap<string, string>;
  readonly dir: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly stopSignal: SignalName;
  readonly stopGraceMs: number;
  readonly limits: ResourceLimits;
  readonly health?: HealthSpec;
  readonly files: readonly PayloadFile[];
  readonly mounts: readonly TaskMount[];
  /** See rights.ts. */
  readonly boundingSet: string;
  readonly limitOptions: readonly string[];
}

const DEFAULT_GRACE_MS = 10_000;
/** What setTimeout can hold. */
const LONGEST_GRACE_MS = 2 ** 31 - 1;

/** @throws TaskError when the spec can never run */
export function readProcessTask(task: Task): ProcessTask {
  const label = taskLabel(task);
  const fail = (reason: string): never => {
    throw new TaskError(`${label}: ${reason}`, true);
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(task.id))
    fail(`task id ${JSON.stringify(task.id)} cannot name a folder`);
  const spec = decode(task, fail);
  const [program, ...args] = spec.command;
  if (!program) return fail("the service gives no command");
  for (const text of [...spec.command, spec.dir, spec.user]) {
    if (text.includes("\0")) fail("a NUL character in the command, folder or user");
  }
  if (spec.dir && !spec.dir.startsWith("/")) fail(`the working folder ${spec.dir} is not an absolute path`);
  const stopSignal = parseSignal(spec.stopSignal || "SIGTERM") ?? fail(`no such stop signal: ${spec.stopSignal}`);
  const graceMs = spec.stopGracePeriod ? durationMs(spec.stopGracePeriod) : DEFAULT_GRACE_MS;
  if (graceMs < 0) fail("the stop grace period is negative");
  return {
    id: task.id,
    label,
    command: [program, ...args],
    env: parseEnvironment(spec.env, fail),
    dir: spec.dir || "/",
    user: spec.user,
    groups: spec.groups,
    stopSignal,
    stopGraceMs: Math.min(graceMs, LONGEST_GRACE_MS),
    limits: readLimits(task, spec, fail),
    health: readHealthSpec(spec.healthcheck, fail),
    files: readPayloadFiles(spec.secrets, spec.configs, fail),
    mounts: readTaskMounts(spec.mounts, fail),
    boundingSet: boundingSet(spec.capabilityAdd, spec.capabilityDrop, fail),
    limitOptions: limitOptions(spec.ulimits, fail),
  };
}

function decode(task: Task, fail: (reason: string) => never): ProcessSpec {
  const runtime = task.spec?.runtime;
  if (runtime?.$case !== "generic" || runtime.value.kind !== "process") return fail("not a task of runtime process");
  const payload = runtime.value.payload;
  if (payload?.typeUrl !== PROCESS_TYPE_URL) {
    return fail(`the process runtime needs a payload of type ${PROCESS_TYPE_URL}, not ${payload?.typeUrl || "none"}`);
  }
  try {
    return ProcessSpec.decode(payload.value);
  } catch (error) {
    return fail(`the payload of the process runtime is malformed: ${(error as Error).message}`);
  }
}

function readLimits(task: Task, spec: ProcessSpec, fail: (reason: string) => never): ResourceLimits {
  const resources = task.spec?.resources;
  const nanoCpus = resources?.limits?.nanoCpus ?? 0;
  const memoryBytes = resources?.limits?.memoryBytes ?? 0;
  if (nanoCpus < 0 || memoryBytes < 0 || spec.pidsLimit < 0) fail("a resource limit is negative");
  return {
    nanoCpus,
    memoryBytes,
    swapBytes: resources?.swapBytes,
    memorySwappiness: resources?.memorySwappiness,
    pids: spec.pidsLimit,
  };
}

function durationMs(duration: Duration): number {
  return duration.seconds * 1000 + Math.ceil(duration.nanos / 1e6);
}
