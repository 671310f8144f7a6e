/** How many tasks of a service run, out of how many: what lists of services show. */
import type { ListServiceStatusesResponse_ServiceStatus as ServiceStatus } from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeStatus_State as NodeState, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreReader } from "../../store/reader.js";
import { iterationOf } from "../orchestrator/new-task.js";
import { isWanted, stateOf } from "../task-life.js";

/** All zero for a service that is not there. */
export function serviceStatus(serviceId: string, read: StoreReader): ServiceStatus {
  const service = read.get("service", serviceId);
  if (!service) return { serviceId, desiredTasks: 0, runningTasks: 0, completedTasks: 0 };
  const iteration = iterationOf(service);
  const tasks = read.find("task", "service", serviceId).filter((task) => isCounted(task, iteration));
  return {
    serviceId,
    desiredTasks: desiredTasks(service, tasks),
    runningTasks: tasks.filter((task) => stateOf(task) === TaskState.RUNNING && isReachable(task, read)).length,
    completedTasks: iteration === undefined ? 0 : tasks.filter(isCompleted).length,
  };
}

/** Of a job only the present run counts. */
function isCounted(task: Task, iteration: number | undefined): boolean {
  if (iteration === undefined) return isWanted(task);
  return (task.jobIteration?.index ?? 0) === iteration && (isWanted(task) || isCompleted(task));
}

/** Of a replicated job it is how many may run at once; of a global one, how many nodes have not come to its end yet. */
function desiredTasks({ spec }: Service, tasks: readonly Task[]): number {
  const mode = spec?.mode;
  switch (mode?.$case) {
    case "replicated":
      return mode.value.replicas;
    case "replicatedJob":
      return mode.value.maxConcurrent || mode.value.totalCompletions;
    default:
      return new Set(tasks.filter((task) => !isCompleted(task)).map(({ nodeId }) => nodeId)).size;
  }
}

function isCompleted(task: Task): boolean {
  return task.jobIteration !== undefined && stateOf(task) === TaskState.COMPLETE;
}

/** A task on a node that is down ran when it was last heard of; nobody knows more. */
function isReachable({ nodeId }: Task, read: StoreReader): boolean {
  const node = read.get("node", nodeId);
  return node !== undefined && node.status?.state !== NodeState.DOWN;
}
