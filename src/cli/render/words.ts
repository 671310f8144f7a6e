import type { Node, Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../api/generated/docker/swarmkit/v1/specs.js";
import {
  NodeStatus_State as NodeState,
  RaftMemberStatus_Reachability as Reachability,
  type Resources,
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { formatCpus, formatSize } from "../values/amount.js";
import { timeAgo } from "./time-ago.js";

/** The name of a value of an enum in lower case, with spaces; its number when this tsctl does not know it. */
export function enumWord(names: Readonly<Record<number, string>>, value: number | undefined): string {
  const name = names[value ?? 0];
  return name === undefined ? String(value) : name.toLowerCase().replaceAll("_", " ");
}

export function nodeState(node: Node): string {
  return enumWord(NodeState, node.status?.state);
}

export function availability(node: Node): string {
  return enumWord(Availability, node.spec?.availability);
}

/** `leader`, `reachable`, `unreachable`; empty for a worker. */
export function managerStatus(node: Node): string {
  const status = node.managerStatus;
  if (status === undefined) return "";
  return status.leader ? "leader" : enumWord(Reachability, status.reachability);
}

export function taskState(state: TaskState): string {
  return enumWord(TaskState, state);
}

/** `Running 5 seconds ago`. */
export function currentState(task: Task, nowMs: number): string {
  const ago = timeAgo(task.status?.timestamp, nowMs);
  return capital(`${taskState(task.status?.state ?? TaskState.NEW)} ${ago}`.trimEnd());
}

export function updateState(service: Service): string {
  const status = service.updateStatus;
  if (status === undefined || status.state === UpdateState.UNKNOWN) return "";
  return status.message === ""
    ? enumWord(UpdateState, status.state)
    : `${enumWord(UpdateState, status.state)}: ${status.message}`;
}

/** `replicated` or `global`; jobs likewise. */
export function serviceMode(service: Service): string {
  switch (service.spec?.mode?.$case) {
    case "global":
      return "global";
    case "replicatedJob":
      return "replicated-job";
    case "globalJob":
      return "global-job";
    default:
      return "replicated";
  }
}

/** `0.5 CPUs, 64MiB`; empty when nothing is set. */
export function resourcesText(resources: Resources | undefined): string {
  const parts: string[] = [];
  if (resources && resources.nanoCpus > 0) parts.push(`${formatCpus(resources.nanoCpus)} CPUs`);
  if (resources && resources.memoryBytes > 0) parts.push(`${formatSize(resources.memoryBytes)} memory`);
  return parts.join(", ");
}

export function labelLines(labels: Readonly<Record<string, string>> | undefined): string[] {
  return Object.entries(labels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
