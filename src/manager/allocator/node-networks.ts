/**
 * On which networks a node needs an address of its own. A node of tswarm needs one on ingress alone. Docker's engine balances load in a
 * sandbox of its own for each network, waits for an address for it before it starts the first task there, and says so by its plug-ins.
 */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { NodeDescription } from "../../api/generated/docker/swarmkit/v1/types.js";
import { isTswarmAgent } from "../../api/node-labels.js";
import type { StoreReader } from "../../store/reader.js";
import { isOver } from "../task-life.js";

/** The agent waits for an address on each network that its tasks are on. */
export function waitsForAttachments(description: NodeDescription | undefined): boolean {
  const engine = description?.engine;
  if (!engine || isTswarmAgent(description)) return false;
  return engine.plugins.some(({ type, name }) => type === "Network" && name === "overlay");
}

interface Place {
  readonly nodeId: string;
  readonly networkIds: readonly string[];
}

interface WaitingNode {
  /** Network → number of tasks. */
  readonly counts: Map<string, number>;
  readonly taskIds: Set<string>;
}

const NONE: readonly string[] = [];

/** Counts the tasks of each network on each node that waits for attachments. */
export class NodeNetworks {
  readonly #nodes = new Map<string, WaitingNode>();
  /** By task. */
  readonly #places = new Map<string, Place>();

  /** @returns ids of networks */
  of(nodeId: string): readonly string[] {
    const node = this.#nodes.get(nodeId);
    return node ? [...node.counts.keys()] : NONE;
  }

  /** @returns whether it is new that the node waits, or does not any more */
  seeNode(node: Node, read: Pick<StoreReader, "find">): boolean {
    const waits = waitsForAttachments(node.description);
    if (waits === this.#nodes.has(node.id)) return false;
    if (!waits) {
      this.nodeGone(node.id);
      return true;
    }
    this.#nodes.set(node.id, { counts: new Map(), taskIds: new Set() });
    for (const task of read.find("task", "node", node.id)) this.seeTask(task);
    return true;
  }

  nodeGone(nodeId: string): void {
    for (const id of this.#nodes.get(nodeId)?.taskIds ?? NONE) this.#places.delete(id);
    this.#nodes.delete(nodeId);
  }

  /** @returns ids of nodes that need other networks than before */
  seeTask(task: Task): readonly string[] {
    const node = task.nodeId !== "" && !isOver(task) ? this.#nodes.get(task.nodeId) : undefined;
    const known = this.#places.get(task.id);
    if (!node) return known ? this.taskGone(task.id) : NONE;
    const networkIds = task.networks.flatMap(({ network }) => network?.id ?? []);
    if (known?.nodeId === task.nodeId && known.networkIds.join() === networkIds.join()) return NONE;
    const changed = new Set(this.taskGone(task.id));
    this.#places.set(task.id, { nodeId: task.nodeId, networkIds });
    node.taskIds.add(task.id);
    for (const id of networkIds) {
      const count = node.counts.get(id) ?? 0;
      node.counts.set(id, count + 1);
      if (count === 0) changed.add(task.nodeId);
    }
    return [...changed];
  }

  /** @returns ids of nodes that need fewer networks than before */
  taskGone(taskId: string): readonly string[] {
    const place = this.#places.get(taskId);
    const node = place && this.#nodes.get(place.nodeId);
    if (!node) return NONE;
    this.#places.delete(taskId);
    node.taskIds.delete(taskId);
    let isLast = false;
    for (const id of place.networkIds) {
      const count = node.counts.get(id)! - 1;
      if (count > 0) node.counts.set(id, count);
      else isLast = node.counts.delete(id);
    }
    return isLast ? [place.nodeId] : NONE;
  }
}
