/** What the store says of nodes as they come, fall silent, and stay away. */
import {
  type NodeDescription,
  NodeStatus_State as NodeState,
  TaskState,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { notFound, permissionDenied } from "../../api/status-error.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";
import { isRemoved } from "../ca/removed-nodes.js";
import { hasEnded, stateOf, statusAt } from "../task-life.js";

export interface Registration {
  readonly nodeId: string;
  readonly description: NodeDescription | undefined;
  /** The node's address, without port. */
  readonly address: string;
}

export class NodeRegistry {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** A node has come: it is READY. @throws StatusError PERMISSION_DENIED for a node that was removed, NOT_FOUND for one that never joined */
  async register({ nodeId, description, address }: Registration): Promise<void> {
    await this.#store.update((tx) => {
      if (isRemoved(tx, nodeId)) throw permissionDenied(`node ${nodeId} was removed from the cluster`);
      const known = tx.get("node", nodeId);
      if (!known) throw notFound(`node ${nodeId} not found`);
      tx.update("node", { ...known, description, status: { state: NodeState.READY, message: "", addr: address } });
    });
  }

  /** A node is silent for too long. */
  async markDown(nodeId: string): Promise<void> {
    await this.#store.update((tx) => {
      const node = tx.get("node", nodeId);
      if (!node || node.status?.state === NodeState.DOWN) return;
      const status = { state: NodeState.DOWN, message: "heartbeat failure", addr: node.status?.addr ?? "" };
      tx.update("node", { ...node, status });
    });
  }

  /** A node is DOWN for so long that nobody counts on its tasks any more: what they hold is free. */
  async orphanTasks(nodeId: string): Promise<void> {
    const tasks = this.#store.view((read) => read.find("task", "node", nodeId).map(({ id }) => id));
    await this.#store.batch(tasks, (tx, id) => {
      if (tx.get("node", nodeId)?.status?.state !== NodeState.DOWN) return;
      this.#orphan(tx, id, "its node has been down for too long");
    });
  }

  /** Tasks of nodes that were removed: whoever removed a node may have ended before they were seen to. */
  async orphanTasksOfGoneNodes(): Promise<void> {
    const tasks = this.#store.view((read) =>
      read.all("task").filter((task) => task.nodeId !== "" && !hasEnded(task) && !read.get("node", task.nodeId)),
    );
    await this.#store.batch(tasks, (tx, { id, nodeId }) => {
      if (!tx.get("node", nodeId)) this.#orphan(tx, id, "its node was removed from the cluster");
    });
  }

  #orphan(tx: Transaction, taskId: string, message: string): void {
    const task = tx.get("task", taskId);
    if (!task || hasEnded(task) || stateOf(task) < TaskState.ASSIGNED) return;
    const change = { state: TaskState.ORPHANED, message };
    tx.update("task", { ...task, status: statusAt(task.status, change, this.#clock.now()) });
  }
}
