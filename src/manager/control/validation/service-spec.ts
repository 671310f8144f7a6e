/** What a service may ask for. Texts are SwarmKit's where its clients show them. */
import type { ServiceSpec, TaskSpec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import type { GenericResource, Resources } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { invalidArgument } from "../../../api/status-error.js";
import { ConstraintError, parseConstraints } from "../../scheduler/constraint.js";
import { checkRestart, checkUpdate } from "./change-policy.js";
import { type ClusterPort, checkEndpoint } from "./endpoint-spec.js";
import { checkName } from "./name.js";
import { checkRuntime } from "./runtime-spec.js";
import { checkServiceLabels } from "./service-labels.js";

const MIN_NANO_CPUS = 1e6;
const MIN_MEMORY_BYTES = 4 * 1024 * 1024;
const MAX_REPLICAS = 1_000_000;

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
