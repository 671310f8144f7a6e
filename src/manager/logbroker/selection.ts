/** Which tasks a selector means, and what of them can have output. Pure. */
import type { LogContext, LogSelector } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { invalidArgument } from "../../api/status-error.js";
import type { StoreReader } from "../../store/reader.js";
import type { Selector } from "../../store/watch-hub.js";
import { hasEnded, isWanted, stateOf } from "../task-life.js";

const MAX_IDS = 1000;

/** @throws StatusError (INVALID_ARGUMENT) when it names nothing, or too much */
export function validSelector(selector: LogSelector | undefined): LogSelector {
  const count = selector ? selector.serviceIds.length + selector.nodeIds.length + selector.taskIds.length : 0;
  if (!selector || count === 0) throw invalidArgument("log selector must contain at least one service, node or task");
  if (count > MAX_IDS) throw invalidArgument(`the log selector names more than ${MAX_IDS} services, nodes and tasks`);
  return selector;
}

export function isSelected(selector: LogSelector, { id: taskId, serviceId, nodeId }: Task): boolean {
  return isNamed(selector, { taskId, serviceId, nodeId });
}

/** The same where the ids alone are known. */
export function isNamed(
  { serviceIds, nodeIds, taskIds }: LogSelector,
  { taskId, serviceId, nodeId }: LogContext,
): boolean {
  return (
    taskIds.includes(taskId) ||
    (serviceId !== "" && serviceIds.includes(serviceId)) ||
    (nodeId !== "" && nodeIds.includes(nodeId))
  );
}

/** The selected tasks that the store knows, those that have ended too. */
export function selectedTasks(read: StoreReader, { serviceIds, nodeIds, taskIds }: LogSelector): readonly Task[] {
  return [
    ...serviceIds.flatMap((id) => read.find("task", "service", id)),
    ...nodeIds.flatMap((id) => read.find("task", "node", id)),
    ...taskIds.flatMap((id) => read.get("task", id) ?? []),
  ];
}

/** What changes of the selected tasks are watched by. */
export function watched({ serviceIds, nodeIds, taskIds }: LogSelector): readonly Selector[] {
  return [
    ...serviceIds.map((key): Selector => ({ kind: "task", index: "service", key })),
    ...nodeIds.map((key): Selector => ({ kind: "task", index: "node", key })),
    ...taskIds.map((id): Selector => ({ kind: "task", id })),
    ...serviceIds.map((id): Selector => ({ kind: "service", id })),
    { kind: "node" },
  ];
}

/** Whether no more output can come: nothing of what is named is there any more, or can run again. */
export function isExhausted(read: StoreReader, { serviceIds, nodeIds, taskIds }: LogSelector): boolean {
  return (
    nodeIds.length === 0 &&
    serviceIds.every((id) => !read.get("service", id) && read.find("task", "service", id).every(hasEnded)) &&
    taskIds.every((id) => isGoneOrEnded(read.get("task", id)))
  );
}

function isGoneOrEnded(task: Task | undefined): boolean {
  return !task || hasEnded(task);
}

/** Whether a task can have written something: it was started, as far as is known. */
export function mayHaveOutput(task: Task): boolean {
  const state = stateOf(task);
  return state >= TaskState.STARTING && state !== TaskState.REJECTED;
}

/** It is to run, but no node has it yet. */
export function isUnplaced(task: Task): boolean {
  return task.nodeId === "" && isWanted(task) && !hasEnded(task);
}
