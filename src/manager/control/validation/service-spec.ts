/** What a service may ask for. Texts are SwarmKit's where its clients show them. */
import type { ContainerSpec, ServiceSpec, TaskSpec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import {
  Mount_Type as MountType,
  type Resources,
  type UpdateConfig,
} from "../../../api/generated/docker/swarmkit/v1/types.js";
import type { Duration } from "../../../api/generated/google/protobuf/duration.js";
import { ProcessSpec } from "../../../api/generated/tswarm/v1/process.js";
import { invalidArgument, unimplemented } from "../../../api/status-error.js";
import { durationMs } from "../../../api/time.js";
import { ConstraintError, parseConstraints } from "../../scheduler/constraint.js";
import { type ClusterPort, checkEndpoint } from "./endpoint-spec.js";
import { checkName } from "./name.js";

const MIN_NANO_CPUS = 1e6;
const MIN_MEMORY_BYTES = 4 * 1024 * 1024;
const MAX_REPLICAS = 1_000_000;
const RESERVED_KINDS: ReadonlySet<string> = new Set(["container", "attachment"]);
const MIN_KIND_LENGTH = 3;

/** @throws StatusError: INVALID_ARGUMENT, or UNIMPLEMENTED for what this version cannot run */
export function checkServiceSpec(spec: ServiceSpec, clusterPorts: readonly ClusterPort[]): void {
  checkName(spec.annotations);
  checkMode(spec);
  if (!spec.task) throw invalidArgument("TaskSpec: missing task specification");
  checkTask(spec.task);
  checkUpdate(spec.update, "update");
  checkUpdate(spec.rollback, "rollback");
  checkEndpoint(spec.endpoint, clusterPorts);
}

function checkMode({ mode }: ServiceSpec): void {
  switch (mode?.$case) {
    case "replicated":
      if (mode.value.replicas > MAX_REPLICAS)
        throw invalidArgument(`Number of replicas must be at most ${MAX_REPLICAS}`);
      return;
    case "global":
      return;
    case "replicatedJob":
    case "globalJob":
      throw unimplemented("jobs are not available in this version of tswarm: use a replicated or global service");
    default:
      throw invalidArgument("ServiceSpec: missing service mode: replicated or global");
  }
}

function checkTask(task: TaskSpec): void {
  checkRuntime(task);
  checkResources(task.resources?.limits);
  checkResources(task.resources?.reservations);
  if ((task.resources?.reservations?.generic.length ?? 0) > 0) {
    throw unimplemented("reservations of generic resources are not available in this version of tswarm");
  }
  checkDuration(task.restart?.delay, "restart-delay");
  checkDuration(task.restart?.window, "restart-window");
  try {
    parseConstraints(task.placement?.constraints ?? []);
  } catch (error) {
    if (!(error instanceof ConstraintError)) throw error;
    throw invalidArgument(error.message);
  }
}

function checkRuntime({ runtime }: TaskSpec): void {
  switch (runtime?.$case) {
    case "container":
      checkContainer(runtime.value);
      return;
    case "generic": {
      const { kind, payload } = runtime.value;
      if (RESERVED_KINDS.has(kind)) throw invalidArgument(`Generic runtime: ${kind} is a reserved keyword`);
      if (kind.length < MIN_KIND_LENGTH) throw invalidArgument(`Generic runtime: Invalid name ${JSON.stringify(kind)}`);
      if (!payload) throw invalidArgument("Generic runtime is missing payload");
      if (kind === "process") checkProcess(payload.value);
      return;
    }
    case "attachment":
      throw unimplemented("TaskSpec: network attachments are not available in this version of tswarm");
    default:
      throw invalidArgument("TaskSpec: missing runtime");
  }
}

function checkContainer(container: ContainerSpec): void {
  if (container.image === "") throw invalidArgument("ContainerSpec: image reference must be provided");
  if (container.secrets.length + container.configs.length > 0) {
    throw unimplemented("secrets and configs are not available in this version of tswarm");
  }
  const targets = new Set<string>();
  for (const { target, type } of container.mounts) {
    if (targets.has(target)) throw invalidArgument(`ContainerSpec: duplicate mount point: ${target}`);
    if (type === MountType.CLUSTER) throw unimplemented("cluster volumes are not available in this version of tswarm");
    targets.add(target);
  }
  checkDuration(container.stopGracePeriod, "stop-grace-period");
}

function checkProcess(payload: Uint8Array): void {
  let process: ProcessSpec;
  try {
    process = ProcessSpec.decode(payload);
  } catch (error) {
    throw invalidArgument(`Generic runtime: the payload is no process: ${(error as Error).message}`);
  }
  if ((process.command[0] ?? "") === "") throw invalidArgument("ProcessSpec: a command must be provided");
  checkDuration(process.stopGracePeriod, "stop-grace-period");
}

function checkResources(resources: Resources | undefined): void {
  if (!resources) return;
  const { nanoCpus, memoryBytes } = resources;
  if (nanoCpus !== 0 && nanoCpus < MIN_NANO_CPUS) {
    throw invalidArgument(`invalid cpu value ${nanoCpus / 1e9}: Must be at least ${MIN_NANO_CPUS / 1e9}`);
  }
  if (memoryBytes !== 0 && memoryBytes < MIN_MEMORY_BYTES) {
    throw invalidArgument(`invalid memory value ${memoryBytes}: Must be at least 4MiB`);
  }
}

function checkUpdate(config: UpdateConfig | undefined, name: string): void {
  if (!config) return;
  checkDuration(config.delay, `${name}-delay`);
  checkDuration(config.monitor, `${name}-monitor`);
  if (!(config.maxFailureRatio >= 0 && config.maxFailureRatio <= 1)) {
    throw invalidArgument(`TaskSpec: ${name}-maxfailureratio cannot be less than 0 or bigger than 1`);
  }
}

function checkDuration(duration: Duration | undefined, name: string): void {
  if (durationMs(duration, 0) < 0) throw invalidArgument(`TaskSpec: ${name} cannot be negative`);
}
