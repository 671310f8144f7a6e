/** How messages for people name a task. */
import type { Task } from "./generated/docker/swarmkit/v1/objects.js";

/** `web.1`; for a task of a global service the node's id stands for the slot; a task without a service is its id. */
export function taskLabel(task: Task): string {
  const service = task.serviceAnnotations?.name;
  return service ? `${service}.${task.slot || task.nodeId || task.id}` : task.id;
}
