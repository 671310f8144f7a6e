/** What a task needs of the node's network. One implementation builds kernel state, another one is a fake for tests. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { PortStatus } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { TaskSandbox } from "../executor/executor.js";

export interface TaskNetwork {
  /**
   * Makes (or adopts) the task's sandbox and publishes its endpoints as connected; resolves once the sandbox can be entered
   * and other nodes can reach it (or a deadline passed). Idempotent. @throws TaskError
   */
  connect(task: Task): Promise<TaskSandbox>;
  /** Puts the running task in rotation: DNS and load balancers. Idempotent. */
  activate(task: Task): Promise<void>;
  /** Takes it out of rotation; resolves when every node has applied that, or the deadline passed. */
  drain(task: Task): Promise<void>;
  /** The task ended by itself: withdraw its endpoints at once. */
  withdraw(taskId: string): void;
  /** Removes the sandbox. Idempotent. */
  release(taskId: string): Promise<void>;
  /** The ports that the running task has on this node itself; undefined when it has none. */
  portStatus?(task: Task): PortStatus | undefined;
}
