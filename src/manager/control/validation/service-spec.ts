/** What a service may ask for. Texts are SwarmKit's where its clients show them. */
import type { ContainerSpec, ServiceSpec, TaskSpec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import {
  type GenericResource,
  Mount_Type as MountType,
  type Resources,
} from "../../../api/generated/docker/swarmkit/v1/types.js";
import { ProcessSpec } from "../../../api/generated/tswarm/v1/process.js";
import { invalidArgument, unimplemented } from "../../../api/status-error.js";
import { ConstraintError, parseConstraints } from "../../scheduler/constraint.js";
import { checkDuration, checkRestart, checkUpdate } from "./change-policy.js";
import { type ClusterPort, checkEndpoint } from "./endpoint-spec.js";
import { checkName } from "./name.js";
import { checkServiceLabels } from "./service-labels.js";

const MIN_NANO_CPUS = 1e6;
const MIN_MEMORY_BYTES = 4 * 1024 * 1024;
const MAX_REPLICAS = 1_000_000;
const RESERVED_KINDS: ReadonlySet<string> = new Set(["container", "attachment"]);
const MIN_KIND_LENGTH = 3;

/** @throws StatusError: INVALID_ARGUMENT, or UNIMPLEMENTED for what this version cannot run */
export function checkServiceSpec(spec: ServiceSpec, clusterPorts: readonly ClusterPort[]): void {
  checkName(spec.annotations);
  checkServiceLabels(spec.annotations?.labels);
  checkMode(spec);
  if (!spec.task) throw invalidArgument("TaskSpec: missing task specification");
  checkTask(spec.task);
  checkUpdate(spec.update, "update");
  checkUpdate(spec.rollback, "rollback");
  checkEndpoint(spec.endpoint, clusterPorts);
}

function checkMode({ mode, update }: ServiceSpec): void {
  switch (mode?.$case) {
    case "replicated":
      checkCount(mode.value.replicas, "Number of replicas");
      return;
    case "global":
      return;
    case "replicatedJob":
      checkCount(mode.value.maxConcurrent, "Maximum concurrent jobs");
      checkCount(mode.value.totalCompletions, "Total completed jobs");
      break;
    case "globalJob":
      break;
    default:
      throw invalidArgument("ServiceSpec: missing service mode: replicated, global, replicated job or global job");
  }
  if (update) throw invalidArgument("Jobs may not have an update config");
}

function checkCount(count: number, what: string): void {
  if (!(count >= 0 && count <= MAX_REPLICAS)) throw invalidArgument(`${what} must be at most ${MAX_REPLICAS}`);
}

function checkTask(task: TaskSpec): void {
  checkRuntime(task);
  checkResources(task.resources?.limits);
  checkResources(task.resources?.reservations);
  checkRestart(task.restart);
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
  const { nanoCpus, memoryBytes, generic } = resources;
  generic.forEach(checkGeneric);
  if (nanoCpus !== 0 && nanoCpus < MIN_NANO_CPUS) {
    throw invalidArgument(`invalid cpu value ${nanoCpus / 1e9}: Must be at least ${MIN_NANO_CPUS / 1e9}`);
  }
  if (memoryBytes !== 0 && memoryBytes < MIN_MEMORY_BYTES) {
    throw invalidArgument(`invalid memory value ${memoryBytes}: Must be at least 4MiB`);
  }
}

/** A number of a kind, or one value of it by its name. */
function checkGeneric({ resource }: GenericResource): void {
  const kind = resource?.value.kind ?? "";
  if (kind === "") throw invalidArgument("invalid generic resource: its kind is missing");
  const isGood = resource?.$case === "discreteResourceSpec" ? resource.value.value > 0 : resource?.value.value !== "";
  if (!isGood)
    throw invalidArgument(`invalid argument for resource ${kind}: it must be more than 0, or a value's name`);
}
