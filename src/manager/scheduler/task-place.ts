/** What a task is to the scheduler. Tasks of jobs are meant to come to COMPLETE, all others to RUNNING. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { isWanted, stateOf } from "../task-life.js";

/** It has been given to its node and has not ended: it holds what it reserves. */
export function isOnNode(task: Task): boolean {
  const state = stateOf(task);
  return task.nodeId !== "" && state >= TaskState.ASSIGNED && state <= TaskState.RUNNING;
}

/** It has its addresses, and waits for a node, or for its node to have room. */
export function isSchedulable(task: Task): boolean {
  return stateOf(task) === TaskState.PENDING && isWanted(task);
}
