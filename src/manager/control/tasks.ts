import type {
  GetTaskRequest,
  GetTaskResponse,
  ListTasksRequest,
  ListTasksRequest_Filters,
  ListTasksResponse,
  RemoveTaskRequest,
  RemoveTaskResponse,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { notFound } from "../../api/status-error.js";
import type { StoreReader } from "../../store/reader.js";
import { runtimeOf } from "../../store/tables.js";
import { DirtyCheck } from "../orchestrator/dirty.js";
import { iterationOf } from "../orchestrator/new-task.js";
import { type ControlContext, control, type Methods } from "./context.js";
import { anyOf, fitsFilters } from "./filter.js";
import { checkId } from "./validation/name.js";

export function taskMethods(context: ControlContext): Methods {
  return {
    getTask: control(context, (request: GetTaskRequest) => getTask(context, request)),
    listTasks: control(context, (request: ListTasksRequest) => listTasks(context, request)),
    removeTask: control(context, (request: RemoveTaskRequest) => removeTask(context, request)),
  };
}

function getTask({ store }: ControlContext, { taskId }: GetTaskRequest): GetTaskResponse {
  checkId("task", taskId);
  const task = store.view((read) => read.get("task", taskId));
  if (!task) throw notFound(`task ${taskId} not found`);
  return { task };
}

function listTasks({ store }: ControlContext, { filters }: ListTasksRequest): ListTasksResponse {
  return store.view((read) => {
    const isUpToDate = upToDateCheck(read);
    const tasks = candidates(read, filters).filter(
      (task) =>
        fitsFilters(filters, {
          id: task.id,
          name: task.annotations?.name ?? "",
          labels: task.serviceAnnotations?.labels ?? {},
        }) &&
        anyOf(filters?.serviceIds, (id) => task.serviceId === id) &&
        anyOf(filters?.nodeIds, (id) => task.nodeId === id) &&
        anyOf(filters?.desiredStates, (state) => task.desiredState === state) &&
        anyOf(filters?.runtimes, (runtime) => runtimeOf(task.spec) === runtime) &&
        (!filters?.upToDate || isUpToDate(task)),
    );
    return { tasks };
  });
}

/** From the most telling index that a filter allows. */
function candidates(read: StoreReader, filters: ListTasksRequest_Filters | undefined): readonly Task[] {
  if (filters?.serviceIds.length) {
    return [...new Set(filters.serviceIds)].flatMap((id) => read.find("task", "service", id));
  }
  if (filters?.nodeIds.length) return [...new Set(filters.nodeIds)].flatMap((id) => read.find("task", "node", id));
  return read.all("task");
}

/** Whether a task is what its service asks for now; a job's, whether it belongs to the present run. */
function upToDateCheck(read: StoreReader): (task: Task) => boolean {
  const checks = new Map<Service, DirtyCheck>();
  return (task) => {
    const service = read.get("service", task.serviceId);
    if (!service) return false;
    const iteration = iterationOf(service);
    if (iteration !== undefined) return (task.jobIteration?.index ?? 0) === iteration;
    let check = checks.get(service);
    if (!check) {
      check = new DirtyCheck(service);
      checks.set(service, check);
    }
    return !check.isDirty(task, read.get("node", task.nodeId));
  };
}

/** The task goes; its service makes another in its place. */
async function removeTask({ store }: ControlContext, { taskId }: RemoveTaskRequest): Promise<RemoveTaskResponse> {
  checkId("task", taskId);
  await store.update((tx) => {
    if (!tx.get("task", taskId)) throw notFound(`task ${taskId} not found`);
    tx.remove("task", taskId);
  });
  return {};
}
