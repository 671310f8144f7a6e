/** What the store says of nodes as they come, fall silent, and stay away. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  type NodeDescription,
  NodeRole,
  NodeStatus_State as NodeState,
  TaskState,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { permissionDenied } from "../../api/status-error.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";
import { newNode } from "../new-node.js";
import { hasEnded, stateOf, statusAt } from "../task-life.js";
import type { Verdict } from "./node-census.js";
import { WriteBatches } from "./write-batches.js";

export interface Arrival {
  readonly nodeId: string;
  readonly description: NodeDescription | undefined;
  /** The node's address, without port. */
  readonly address: string;
}

interface Registration extends Arrival {
  isRefused: boolean;
}

/** After a takeover all nodes come at once. */
const BATCH = { gatherMs: 2, enough: 200, most: 100_000 } as const;

export class NodeRegistry {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #registrations: WriteBatches<Registration>;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#registrations = new WriteBatches(store, BATCH, register);
  }

  /**
   * A node has come: it is READY. It is written in any case, so that whoever has applied it has also applied all that the node was told
   * by other managers.
   * @throws StatusError PERMISSION_DENIED for a node that was removed, RESOURCE_EXHAUSTED when too many come at once
   */
  async register(arrival: Arrival): Promise<void> {
    const registration = { ...arrival, isRefused: false };
    await this.#registrations.add([registration]);
    if (registration.isRefused) throw permissionDenied(`node ${arrival.nodeId} was removed from the cluster`);
  }

  /** @param stillHolds asked when it is written: the node may have come meanwhile */
  async mark(verdicts: readonly Verdict[], stillHolds: (verdict: Verdict) => boolean): Promise<void> {
    await this.#store.batch(verdicts, (tx, verdict) => {
      const node = tx.get("node", verdict.nodeId);
      if (!node || !stillHolds(verdict)) return;
      const { state, message } = verdict;
      if (node.status?.state === state && node.status.message === message) return;
      tx.update("node", { ...node, status: { state, message, addr: node.status?.addr ?? "" } });
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

function register(tx: Transaction, registration: Registration): void {
  const { nodeId, description, address } = registration;
  const [cluster] = tx.all("cluster");
  registration.isRefused = cluster !== undefined && Object.hasOwn(cluster.blacklistedCertificates, nodeId);
  if (registration.isRefused) return;
  const known = tx.get("node", nodeId);
  const node: Node = {
    ...(known ?? newNode(nodeId, NodeRole.WORKER, cluster)),
    description,
    status: { state: NodeState.READY, message: "", addr: address },
  };
  if (known) tx.update("node", node);
  else tx.create("node", node);
}
