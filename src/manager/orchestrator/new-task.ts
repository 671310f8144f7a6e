/** A task as it begins. */
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { type Driver, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreReader } from "../../store/reader.js";
import { statusAt } from "../task-life.js";
import type { Labels } from "./action.js";

const specs = new WeakMap<Service, TaskSpec>();

/** The specification of a service's tasks; networks named in the deprecated place are moved to where they belong now. */
export function specOf(service: Service): TaskSpec {
  let spec = specs.get(service);
  if (!spec) {
    spec = service.spec?.task ?? TaskSpec.fromPartial({});
    const networks = service.spec?.networks ?? [];
    if (spec.networks.length === 0 && networks.length > 0) spec = { ...spec, networks };
    specs.set(service, spec);
  }
  return spec;
}

export function isJob({ spec }: Service): boolean {
  return spec?.mode?.$case === "replicatedJob" || spec?.mode?.$case === "globalJob";
}

/** Which run of a job its tasks belong to; undefined for a service. */
export function iterationOf(service: Service): number | undefined {
  return isJob(service) ? (service.jobStatus?.jobIteration?.index ?? 0) : undefined;
}

export interface TaskPlace {
  readonly id: string;
  /** 0 in a global service. */
  readonly slot: number;
  /** Empty unless the service is global. */
  readonly nodeId: string;
  readonly desiredState: TaskState;
  readonly labels?: Labels;
  /** What the cluster has for tasks whose specification names none; see {@link defaultLogDriver}. */
  readonly logDriver?: Driver | undefined;
}

const NO_LABELS: Labels = Object.freeze({});

export function defaultLogDriver(read: StoreReader): Driver | undefined {
  return read.all("cluster")[0]?.spec?.taskDefaults?.logDriver;
}

export function newTask(
  service: Service,
  { id, slot, nodeId, desiredState, labels = NO_LABELS, logDriver }: TaskPlace,
  nowMs: number,
): Task {
  const spec = specOf(service);
  const endpoint = service.spec?.endpoint;
  const iteration = iterationOf(service);
  return {
    id,
    meta: undefined,
    spec,
    specVersion: service.specVersion,
    serviceId: service.id,
    slot,
    nodeId,
    annotations: {
      name: `${service.spec?.annotations?.name}.${slot || nodeId}.${id}`,
      labels: { ...labels },
      indices: [],
    },
    serviceAnnotations: service.spec?.annotations,
    status: statusAt(undefined, { state: TaskState.NEW, message: "created" }, nowMs),
    desiredState,
    networks: [],
    endpoint: endpoint ? { spec: endpoint, ports: [], virtualIps: [] } : undefined,
    logDriver: spec.logDriver ?? logDriver,
    assignedGenericResources: [],
    jobIteration: iteration === undefined ? undefined : (service.jobStatus?.jobIteration ?? { index: 0 }),
    volumes: [],
  };
}
