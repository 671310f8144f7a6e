/** What a task's states mean to everybody in the manager. */
import type { Node, Task } from "../api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../api/generated/docker/swarmkit/v1/specs.js";
import {
  NodeStatus_State as NodeState,
  TaskState,
  type TaskStatus,
} from "../api/generated/docker/swarmkit/v1/types.js";
import { timestampOf } from "../api/time.js";

export function stateOf(task: Task): TaskState {
  return task.status?.state ?? TaskState.NEW;
}

/** The task is meant to run, or to run soon; a job's task to its end. */
export function isWanted(task: Task): boolean {
  return task.desiredState <= TaskState.COMPLETE;
}

/** The task came to an end on its node. */
export function hasEnded(task: Task): boolean {
  return stateOf(task) > TaskState.RUNNING;
}

/** Nothing of the task runs, and nothing of it ever will: it ended, or was called off before a node knew of it. */
export function isOver(task: Task): boolean {
  return hasEnded(task) || (!isWanted(task) && stateOf(task) < TaskState.ASSIGNED);
}

/** Nobody can say what runs on the node, or nothing is to run there: its tasks need other places. */
export function isNodeLost(node: Node | undefined): boolean {
  return node === undefined || node.status?.state === NodeState.DOWN || isDrained(node);
}

export function isDrained(node: Node | undefined): boolean {
  return node?.spec?.availability === Availability.DRAIN;
}

/** A new status by the manager; what the node said of the container stays. */
export function statusAt(
  status: TaskStatus | undefined,
  change: { readonly state: TaskState; readonly message: string; readonly err?: string },
  nowMs: number,
): TaskStatus {
  return {
    runtimeStatus: undefined,
    portStatus: undefined,
    appliedBy: "",
    appliedAt: undefined,
    ...status,
    err: change.err ?? "",
    state: change.state,
    message: change.message,
    timestamp: timestampOf(nowMs),
  };
}
