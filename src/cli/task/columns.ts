import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { PortConfig_PublishMode as PublishMode } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Invocation } from "../invocation.js";
import type { NameOf } from "../names.js";
import { byName, createdMs, taskName } from "../objects.js";
import { shortId } from "../render/list.js";
import { type Column, renderTable } from "../render/table.js";
import { timestampText } from "../render/time-ago.js";
import { capital, currentState, taskState } from "../render/words.js";
import { formatPort } from "../values/port.js";
import { taskTrouble } from "./trouble.js";

/** A task in a list; one that a newer task of its slot replaced stands below that one. */
export interface TaskRow {
  readonly task: Task;
  readonly replaced: boolean;
}

/** Orders tasks by name and slot, the newest of each slot first, and tells which ones are history. */
export function arrangeTasks(tasks: readonly Task[]): TaskRow[] {
  const sorted = [...tasks].sort(
    (a, b) =>
      byName(taskName(a), taskName(b)) ||
      Number(a.desiredState > b.desiredState) - Number(a.desiredState < b.desiredState) ||
      createdMs(b) - createdMs(a) ||
      byName(a.id, b.id),
  );
  return sorted.map((task, at) => {
    const above = sorted[at - 1];
    return { task, replaced: above !== undefined && taskName(above) === taskName(task) };
  });
}

export interface TaskColumnOptions {
  readonly withNode: boolean;
  /** Marks tasks on nodes that are down: what they do now, nobody knows. */
  readonly nodeStateOf?: NameOf;
}

/** The columns of every list of tasks. */
export function taskColumns(invocation: Invocation, nodeOf: NameOf, options: TaskColumnOptions): Column<TaskRow>[] {
  const columns: Column<TaskRow>[] = [
    { title: "ID", value: ({ task }) => shortId(invocation, task.id) },
    { title: "NAME", value: ({ task, replaced }) => `${replaced ? "\\_ " : ""}${displayName(task, nodeOf)}` },
    { title: "NODE", value: ({ task }) => nodeCell(task, nodeOf, options.nodeStateOf) },
    { title: "DESIRED STATE", value: ({ task }) => capital(taskState(task.desiredState)) },
    { title: "CURRENT STATE", value: ({ task }) => currentState(task, invocation.terminal.now()) },
    { title: "ERROR", value: ({ task }) => taskTrouble(task) },
    { title: "PORTS", value: ({ task }) => taskPorts(task).join(", ") },
  ];
  return options.withNode ? columns : columns.filter(({ title }) => title !== "NODE");
}

/** One element of the JSON of a list of tasks. */
export function taskJson(task: Task, nodeOf: NameOf, nodeStateOf: NameOf): Record<string, unknown> {
  return {
    id: task.id,
    name: displayName(task, nodeOf),
    serviceId: task.serviceId,
    service: task.serviceAnnotations?.name ?? "",
    slot: task.slot,
    nodeId: task.nodeId,
    node: nodeOf(task.nodeId),
    nodeState: nodeStateOf(task.nodeId),
    desiredState: taskState(task.desiredState),
    currentState: taskState(task.status?.state ?? 0),
    since: timestampText(task.status?.timestamp),
    message: task.status?.message ?? "",
    error: taskTrouble(task),
    addresses: task.networks.flatMap(({ addresses }) => addresses),
    ports: taskPorts(task),
  };
}

/** A heading and a table of tasks; empty when there are none. */
export function renderTasks(
  invocation: Invocation,
  tasks: readonly Task[],
  options: TaskColumnOptions & { readonly nodeOf: NameOf },
): string {
  if (tasks.length === 0) return "";
  const columns = taskColumns(invocation, options.nodeOf, options);
  return `Tasks:\n${renderTable(columns, arrangeTasks(tasks), { indent: 2 })}`;
}

function nodeCell({ nodeId }: Task, nodeOf: NameOf, nodeStateOf: NameOf | undefined): string {
  return nodeStateOf?.(nodeId) === "down" ? `${nodeOf(nodeId)} (down)` : nodeOf(nodeId);
}

function displayName(task: Task, nodeOf: NameOf): string {
  if (task.slot > 0 || task.nodeId === "" || task.serviceId === "") return taskName(task);
  return `${task.serviceAnnotations?.name || task.serviceId}.${nodeOf(task.nodeId)}`;
}

/** Ports of this one task on its node; those on the ingress network belong to the service. */
function taskPorts(task: Task): string[] {
  const ports = task.status?.portStatus?.ports ?? [];
  return ports.filter(({ publishMode }) => publishMode === PublishMode.HOST).map(formatPort);
}
