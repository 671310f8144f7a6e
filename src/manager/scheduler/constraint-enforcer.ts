/** Looks at nodes that have changed, and takes away tasks that they cannot have any more. It comes before the orchestrator in the loop. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { StoreEvent } from "../../store/change.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";
import type { Selector } from "../../store/watch-hub.js";
import type { Reconciler } from "../loop/reconciler.js";
import { isWanted } from "../task-life.js";
import { evict } from "./eviction.js";
import { type Eviction, planEvictions } from "./eviction-plan.js";
import { sameFacts } from "./node-entry.js";
import { isOnNode } from "./task-place.js";

/** Looked at without a pause: a node has hundreds of tasks at most. */
const NODES_AT_ONCE = 10;

export class ConstraintEnforcer implements Reconciler {
  readonly name = "constraint enforcer";
  readonly selectors: readonly Selector[] = [{ kind: "node" }];
  readonly #store: Store;
  readonly #due = new Set<string>();

  constructor(store: Store) {
    this.#store = store;
  }

  begin(read: StoreReader): void {
    for (const { id } of read.all("node")) this.#due.add(id);
  }

  noticed(events: readonly StoreEvent[]): boolean {
    for (const event of events) {
      if (event.kind !== "node") continue;
      if (event.action === "remove") this.#due.delete(event.object.id);
      else if (!sameFacts(event.object, event.previous)) this.#due.add(event.object.id);
    }
    return this.#due.size > 0;
  }

  async reconcile(): Promise<undefined> {
    while (this.#due.size > 0) {
      const ids = [...this.#due].slice(0, NODES_AT_ONCE);
      for (const id of ids) {
        const { node, evictions } = this.#store.view((read) => this.#plan(id, read));
        if (node) await this.#store.batch(evictions, (tx, eviction) => this.#write(tx, node, eviction));
        this.#due.delete(id);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return undefined;
  }

  #plan(nodeId: string, read: StoreReader): { readonly node?: Node; readonly evictions: readonly Eviction[] } {
    const node = read.get("node", nodeId);
    if (!node) return { evictions: [] };
    const tasks = read.find("task", "node", nodeId);
    return { node, evictions: planEvictions(node, tasks, (id) => read.get("service", id)) };
  }

  /** A node that has changed again is looked at again. */
  #write(tx: Transaction, seen: Node, { taskId, reason }: Eviction): void {
    const task = tx.get("task", taskId);
    if (!task || task.nodeId !== seen.id || !isOnNode(task) || !isWanted(task)) return;
    if (sameFacts(tx.get("node", seen.id), seen)) evict(tx, task, reason);
  }
}
