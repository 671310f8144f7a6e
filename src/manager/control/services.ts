import {
  type CreateServiceRequest,
  type CreateServiceResponse,
  type GetServiceRequest,
  type GetServiceResponse,
  type ListServiceStatusesRequest,
  type ListServiceStatusesResponse,
  type ListServicesRequest,
  type ListServicesResponse,
  type RemoveServiceRequest,
  type RemoveServiceResponse,
  UpdateServiceRequest_Rollback as Rollback,
  type UpdateServiceRequest,
  type UpdateServiceResponse,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ServiceSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import {
  type NetworkAttachmentConfig,
  UpdateStatus_UpdateState as UpdateState,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { failedPrecondition, invalidArgument, notFound, unimplemented } from "../../api/status-error.js";
import { timestampOf } from "../../api/time.js";
import { newObjectId } from "../../store/object-id.js";
import type { StoreReader } from "../../store/reader.js";
import { nameKey, runtimeOf } from "../../store/tables.js";
import { isAllocated } from "../allocator/published-ports.js";
import { DEFAULT_RESTART, DEFAULT_UPDATE } from "../orchestrator/defaults.js";
import { nextJobStatus } from "../orchestrator/job-status.js";
import { isJob } from "../orchestrator/new-task.js";
import { withReferences } from "../task-references.js";
import { atVersion, type ControlContext, control, type Methods } from "./context.js";
import { anyOf, fitsFilters } from "./filter.js";
import { serviceStatus } from "./service-status.js";
import { checkPortConflicts } from "./validation/endpoint-spec.js";
import { checkFilesExist } from "./validation/file-references.js";
import { checkId } from "./validation/name.js";
import { checkServiceSpec } from "./validation/service-spec.js";

export function serviceMethods(context: ControlContext): Methods {
  return {
    getService: control(context, (request: GetServiceRequest) => getService(context, request)),
    listServices: control(context, (request: ListServicesRequest) => listServices(context, request)),
    createService: control(context, (request: CreateServiceRequest) => createService(context, request)),
    updateService: control(context, (request: UpdateServiceRequest) => updateService(context, request)),
    removeService: control(context, (request: RemoveServiceRequest) => removeService(context, request)),
    listServiceStatuses: control(context, (request: ListServiceStatusesRequest) => listStatuses(context, request)),
  };
}

function getService({ store }: ControlContext, { serviceId, insertDefaults }: GetServiceRequest): GetServiceResponse {
  checkId("service", serviceId);
  const service = store.view((read) => read.get("service", serviceId));
  if (!service) throw notFound(`service ${serviceId} not found`);
  return { service: insertDefaults && service.spec ? { ...service, spec: withDefaults(service.spec) } : service };
}

function listServices({ store }: ControlContext, { filters }: ListServicesRequest): ListServicesResponse {
  const services = store.view((read) => read.all("service"));
  return {
    services: services.filter(
      ({ id, spec }) =>
        fitsFilters(filters, { id, name: spec?.annotations?.name ?? "", labels: spec?.annotations?.labels ?? {} }) &&
        anyOf(filters?.runtimes, (runtime) => runtimeOf(spec?.task) === runtime),
    ),
  };
}

async function createService(
  context: ControlContext,
  { spec: asked }: CreateServiceRequest,
): Promise<CreateServiceResponse> {
  const { store, random } = context;
  if (!asked) throw invalidArgument("invalid argument: the specification of the service is missing");
  checkServiceSpec(asked, context.clusterPorts);
  const id = newObjectId(random);
  await store.update((tx) => {
    const spec = checkReferences(id, asked, tx);
    tx.create("service", newService(id, spec, store.clock.now()));
  });
  return { service: store.view((read) => read.get("service", id)) };
}

function newService(id: string, spec: ServiceSpec, nowMs: number): Service {
  return {
    id,
    meta: undefined,
    spec,
    specVersion: { index: 0 },
    previousSpec: undefined,
    previousSpecVersion: undefined,
    endpoint: undefined,
    updateStatus: undefined,
    jobStatus: nextJobStatus({ spec }, undefined, nowMs),
    pendingDelete: false,
  };
}

async function updateService(context: ControlContext, request: UpdateServiceRequest): Promise<UpdateServiceResponse> {
  const { store } = context;
  const { serviceId, serviceVersion, rollback } = request;
  checkId("service", serviceId);
  if (rollback === Rollback.NONE) {
    if (!request.spec) throw invalidArgument("invalid argument: the specification of the service is missing");
    checkServiceSpec(request.spec, context.clusterPorts);
  }
  await store.update((tx) => {
    const service = tx.get("service", serviceId);
    if (!service) throw notFound(`service ${serviceId} not found`);
    const name = service.spec?.annotations?.name;
    const isRollback = rollback === Rollback.PREVIOUS;
    const asked = isRollback ? service.previousSpec : request.spec;
    if (!asked) throw failedPrecondition(`service ${name} does not have a previous spec`);
    if (asked.annotations?.name !== name) throw unimplemented("renaming services is not supported");
    if (asked.mode?.$case !== service.spec?.mode?.$case) throw unimplemented("service mode change is not allowed");
    const spec = checkReferences(serviceId, asked, tx);
    const updated: Service = {
      ...atVersion(service, serviceVersion),
      spec,
      specVersion: isRollback ? service.previousSpecVersion : service.meta?.version,
      previousSpec: service.spec,
      previousSpecVersion: service.specVersion,
      updateStatus: isRollback
        ? {
            state: UpdateState.ROLLBACK_STARTED,
            startedAt: timestampOf(store.clock.now()),
            completedAt: undefined,
            message: "manually requested rollback",
          }
        : undefined,
      jobStatus: nextJobStatus({ spec }, service, store.clock.now()),
    };
    tx.update("service", updated);
  });
  return { service: store.view((read) => read.get("service", serviceId)) };
}

/** The service goes at once; its tasks follow. */
async function removeService(
  { store }: ControlContext,
  { serviceId }: RemoveServiceRequest,
): Promise<RemoveServiceResponse> {
  checkId("service", serviceId);
  await store.update((tx) => {
    if (!tx.get("service", serviceId)) throw notFound(`service ${serviceId} not found`);
    tx.remove("service", serviceId);
  });
  return {};
}

function listStatuses(
  { store }: ControlContext,
  { services }: ListServiceStatusesRequest,
): ListServiceStatusesResponse {
  return store.view((read) => ({ statuses: services.map((id) => serviceStatus(id, read)) }));
}

/** What a service needs of the cluster. @returns the specification with its networks by id, and what its process names as references @throws StatusError */
function checkReferences(serviceId: string, asked: ServiceSpec, read: StoreReader): ServiceSpec {
  const spec = withReferences(asked);
  if (spec.task) checkFilesExist(spec.task, read);
  checkPortConflicts(serviceId, spec.endpoint, read);
  const needsIngress = (spec.endpoint?.ports ?? []).some(isAllocated);
  if (needsIngress && !read.all("network").some((network) => network.spec?.ingress)) {
    throw failedPrecondition("service needs ingress network, but no ingress network is present");
  }
  if (!spec.task?.networks.length && spec.networks.length === 0) return spec;
  const byId = (attachments: readonly NetworkAttachmentConfig[]) => resolveNetworks(attachments, read);
  return {
    ...spec,
    task: spec.task && { ...spec.task, networks: byId(spec.task.networks) },
    networks: byId(spec.networks),
  };
}

function resolveNetworks(
  attachments: readonly NetworkAttachmentConfig[],
  read: StoreReader,
): readonly NetworkAttachmentConfig[] {
  const resolved = attachments.map((attachment) => {
    const { target } = attachment;
    const network = read.get("network", target) ?? read.find("network", "name", nameKey(target))[0];
    if (!network) throw notFound(`network ${target} not found`);
    if (network.spec?.ingress) {
      throw invalidArgument(
        `Service cannot be explicitly attached to the ingress network "${network.spec.annotations?.name}"`,
      );
    }
    return target === network.id ? attachment : { ...attachment, target: network.id };
  });
  if (new Set(resolved.map(({ target }) => target)).size < resolved.length) {
    throw invalidArgument("TaskSpec: a network is named twice");
  }
  return resolved;
}

function withDefaults(spec: ServiceSpec): ServiceSpec {
  return {
    ...spec,
    task: spec.task && { ...spec.task, restart: spec.task.restart ?? DEFAULT_RESTART },
    // A job has neither: with them it could not be sent back as it is.
    ...(isJob({ spec } as Service)
      ? {}
      : { update: spec.update ?? DEFAULT_UPDATE, rollback: spec.rollback ?? DEFAULT_UPDATE }),
  };
}
