/** What a container or a process may ask for. Texts are SwarmKit's where its clients show them. */
import type { ContainerSpec, ContainerSpec_Ulimit, TaskSpec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import {
  type HealthConfig,
  type Mount,
  Mount_Type as MountType,
} from "../../../api/generated/docker/swarmkit/v1/types.js";
import type { Duration } from "../../../api/generated/google/protobuf/duration.js";
import { ProcessSpec } from "../../../api/generated/tswarm/v1/process.js";
import { capabilityName, isSignal, isVariableName, ULIMITS, whyNoTarget } from "../../../api/process-rules.js";
import { invalidArgument, unimplemented } from "../../../api/status-error.js";
import { checkDuration } from "./change-policy.js";
import { checkFileReferences } from "./file-references.js";

const RESERVED_KINDS: ReadonlySet<string> = new Set(["container", "attachment"]);
const MIN_KIND_LENGTH = 3;
const MIN_HEALTH_MS = 1;

/** @throws StatusError: INVALID_ARGUMENT, or UNIMPLEMENTED for what this version cannot run */
export function checkRuntime(task: TaskSpec): void {
  const { runtime } = task;
  switch (runtime?.$case) {
    case "container":
      checkContainer(runtime.value);
      break;
    case "generic": {
      const { kind, payload } = runtime.value;
      if (RESERVED_KINDS.has(kind)) throw invalidArgument(`Generic runtime: ${kind} is a reserved keyword`);
      if (kind.length < MIN_KIND_LENGTH) throw invalidArgument(`Generic runtime: Invalid name ${JSON.stringify(kind)}`);
      if (!payload) throw invalidArgument("Generic runtime is missing payload");
      if (kind === "process") {
        checkProcess(payload.value);
        checkMemory(task);
      }
      break;
    }
    case "attachment":
      throw unimplemented("TaskSpec: network attachments are not available in this version of tswarm");
    default:
      throw invalidArgument("TaskSpec: missing runtime");
  }
  checkFileReferences(task);
}

function checkContainer(container: ContainerSpec): void {
  if (container.image === "") throw invalidArgument("ContainerSpec: image reference must be provided");
  refuseSharedTargets(container.mounts, "ContainerSpec");
  if (container.mounts.some(({ type }) => type === MountType.CLUSTER)) {
    throw unimplemented("cluster volumes are not available in this version of tswarm");
  }
  checkDuration(container.stopGracePeriod, "stop-grace-period");
  checkHealth(container.healthcheck, "ContainerSpec");
}

function checkProcess(payload: Uint8Array): void {
  let process: ProcessSpec;
  try {
    process = ProcessSpec.decode(payload);
  } catch (error) {
    throw invalidArgument(`Generic runtime: the payload is no process: ${(error as Error).message}`);
  }
  if ((process.command[0] ?? "") === "") throw invalidArgument("ProcessSpec: a command must be provided");
  checkCommand(process);
  checkDuration(process.stopGracePeriod, "stop-grace-period");
  checkHealth(process.healthcheck, "ProcessSpec");
  checkTest(process.healthcheck);
  refuseSharedTargets(process.mounts, "ProcessSpec");
  process.mounts.forEach(checkMount);
  process.ulimits.forEach(checkUlimit);
  for (const text of [...process.capabilityAdd, ...process.capabilityDrop]) {
    if (!capabilityName(text)) throw invalidArgument(`ProcessSpec: no such capability: ${JSON.stringify(text)}`);
  }
}

/** What no node could start. */
function checkCommand({ command, env, dir, user, stopSignal, pidsLimit }: ProcessSpec): void {
  if ([...command, ...env, dir, user].some((text) => text.includes("\0"))) {
    throw invalidArgument("ProcessSpec: a NUL character has no place in a command, a variable, a folder or a user");
  }
  if (dir !== "" && !dir.startsWith("/")) {
    throw invalidArgument(`ProcessSpec: the working folder ${JSON.stringify(dir)} is not an absolute path`);
  }
  const name = env.map((text) => text.split("=", 1)[0]!).find((one) => !isVariableName(one));
  if (name !== undefined) {
    throw invalidArgument(`ProcessSpec: the environment variable name ${JSON.stringify(name)} cannot be used`);
  }
  if (stopSignal !== "" && !isSignal(stopSignal)) {
    throw invalidArgument(
      `ProcessSpec: ${JSON.stringify(stopSignal)} is no signal that stops a process: SIGTERM is, or a number from 1 to 31`,
    );
  }
  if (pidsLimit < 0) throw invalidArgument("ProcessSpec: the limit on processes cannot be negative");
}

/** Swap comes on top of a memory limit. */
function checkMemory({ resources }: TaskSpec): void {
  const { swapBytes, memorySwappiness, limits } = resources ?? {};
  if (swapBytes !== undefined && swapBytes >= 0 && !limits?.memoryBytes) {
    throw invalidArgument("ProcessSpec: a swap limit needs a memory limit");
  }
  if (memorySwappiness !== undefined && !(memorySwappiness >= -1 && memorySwappiness <= 100)) {
    throw invalidArgument("ProcessSpec: memory swappiness is a number from 0 to 100, or -1");
  }
}

function checkHealth(health: HealthConfig | undefined, of: string): void {
  if (!health) return;
  const { interval, timeout, startPeriod, startInterval, retries } = health;
  for (const [name, duration] of Object.entries({
    Interval: interval,
    Timeout: timeout,
    StartPeriod: startPeriod,
    StartInterval: startInterval,
  })) {
    if (isTooShort(duration)) throw invalidArgument(`${of}: ${name} in HealthConfig cannot be less than 1ms`);
  }
  if (retries < 0) throw invalidArgument(`${of}: Retries in HealthConfig cannot be negative`);
}

/** Zero stands for the default. */
function isTooShort(duration: Duration | undefined): boolean {
  const ms = (duration?.seconds ?? 0) * 1000 + (duration?.nanos ?? 0) / 1e6;
  return ms !== 0 && ms < MIN_HEALTH_MS;
}

/** What a container's image knows instead, a process has to say. */
function checkTest(health: HealthConfig | undefined): void {
  const [kind, ...words] = health?.test ?? [];
  if (kind === undefined || (kind === "NONE" && words.length === 0)) return;
  const isGood =
    kind === "CMD" ? (words[0] ?? "") !== "" : kind === "CMD-SHELL" && words.length === 1 && words[0] !== "";
  if (!isGood)
    throw invalidArgument("ProcessSpec: the test of a HealthConfig is CMD with words, CMD-SHELL with a line, or NONE");
}

function refuseSharedTargets(mounts: readonly Mount[], of: string): void {
  const targets = new Set<string>();
  for (const { target } of mounts) {
    if (targets.has(target)) throw invalidArgument(`${of}: duplicate mount point: ${target}`);
    targets.add(target);
  }
}

function checkMount({ type, source, target, tmpfsOptions }: Mount): void {
  if (type !== MountType.BIND && type !== MountType.TMPFS) {
    throw invalidArgument(`ProcessSpec: mount ${target}: a process can have bind and tmpfs mounts only`);
  }
  const why = target.startsWith("/") ? whyNoTarget(target) : "is not an absolute path";
  if (why !== undefined) throw invalidArgument(`ProcessSpec: the mount target ${JSON.stringify(target)} ${why}`);
  if (type === MountType.TMPFS) {
    if (source !== "") throw invalidArgument(`ProcessSpec: mount ${target}: a tmpfs has no source`);
    if ((tmpfsOptions?.sizeBytes ?? 0) < 0) throw invalidArgument(`ProcessSpec: mount ${target}: the size is negative`);
    if (tmpfsOptions?.options) throw invalidArgument(`ProcessSpec: mount ${target}: a tmpfs has size and mode only`);
  } else if (!source.startsWith("/") || /[\0\n]/.test(source)) {
    throw invalidArgument(`ProcessSpec: mount ${target}: the source ${JSON.stringify(source)} is not an absolute path`);
  }
}

function checkUlimit({ name, soft, hard }: ContainerSpec_Ulimit): void {
  if (!ULIMITS.includes(name)) throw invalidArgument(`ProcessSpec: no such ulimit: ${JSON.stringify(name)}`);
  const [least, most] = [soft, hard].map((value) => (value === -1 ? Number.POSITIVE_INFINITY : value)) as [
    number,
    number,
  ];
  if (!(least >= 0 && least <= most)) {
    throw invalidArgument(`ProcessSpec: ulimit ${name}: ${soft}:${hard} is not a soft limit up to a hard one`);
  }
}
