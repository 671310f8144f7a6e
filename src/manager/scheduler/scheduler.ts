/** Gives tasks that have their addresses a node. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";
import type { Selector } from "../../store/watch-hub.js";
import type { Reconciler } from "../loop/reconciler.js";
import { isWanted, stateOf, statusAt } from "../task-life.js";
import { ClusterLoad } from "./node-load.js";
import { type Placement, placeGroup, placeOnItsNode } from "./placement.js";

const MAX_GROUP = 500;

export class Scheduler implements Reconciler {
  readonly name = "scheduler";
  readonly selectors: readonly Selector[] = [{ kind: "task" }, { kind: "node" }];
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #load = new ClusterLoad();
  /** Tasks without a node, oldest first. */
  readonly #pending = new Set<string>();
  /** Those of them for which something has changed since they were looked at. */
  readonly #dirty = new Set<string>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  begin(read: StoreReader): void {
    for (const task of read.all("task")) this.#seeTask(task);
  }

  noticed(events: readonly StoreEvent[]): boolean {
    for (const event of events) {
      if (event.kind === "node") {
        if (event.action === "remove") this.#load.forgetNode(event.object.id);
        if (event.action !== "update" || opensPlaces(event.object, event.previous)) this.#retryAll();
      } else if (event.kind === "task") {
        if (event.action === "remove") this.#forgetTask(event.object.id);
        else this.#seeTask(event.object);
      }
    }
    return this.#dirty.size > 0;
  }

  async reconcile(): Promise<undefined> {
    while (this.#dirty.size > 0) {
      const ids = [...this.#dirty];
      const groups = this.#store.view((read) => groupTasks(ids.flatMap((id) => read.get("task", id) ?? [])));
      for (const group of groups) {
        // The load changes with each group that is committed.
        const placements = this.#store.view((read) => this.#place(group, read));
        await this.#store.batch(placements, (tx, placement) => this.#apply(tx, placement));
        for (const { id } of group) this.#dirty.delete(id);
        await new Promise((resolve) => setImmediate(resolve));
      }
      for (const id of ids) if (!this.#pending.has(id)) this.#dirty.delete(id);
    }
    return undefined;
  }

  #place(group: readonly Task[], read: StoreReader): readonly Placement[] {
    const tasks = group.filter((task) => this.#pending.has(task.id));
    if (tasks[0]?.nodeId) return tasks.map((task) => placeOnItsNode(task, read.get("node", task.nodeId), this.#load));
    return placeGroup(tasks, read.all("node"), this.#load);
  }

  #apply(tx: Transaction, { taskId, nodeId, reason }: Placement): void {
    const task = tx.get("task", taskId);
    if (!task || !isSchedulable(task)) return;
    const now = this.#clock.now();
    if (nodeId === undefined) {
      if (task.status?.err === reason) return;
      const change = { state: TaskState.PENDING, message: "waits for a node", err: reason };
      tx.update("task", { ...task, status: statusAt(task.status, change, now) });
      return;
    }
    const node = tx.get("node", nodeId);
    // What changed the node brings the task here again.
    if (!node || !isOpen(node)) return;
    const change = { state: TaskState.ASSIGNED, message: "scheduler assigned task to node" };
    tx.update("task", { ...task, nodeId, status: statusAt(task.status, change, now) });
  }

  #seeTask(task: Task): void {
    // A task of a global service has its node from the start, but takes its place only when it is assigned.
    const freed = stateOf(task) < TaskState.ASSIGNED ? this.#load.forget(task.id) : this.#load.see(task);
    if (freed) this.#retryAll();
    if (!isSchedulable(task)) {
      this.#pending.delete(task.id);
      this.#dirty.delete(task.id);
    } else if (!this.#pending.has(task.id)) {
      this.#pending.add(task.id);
      this.#dirty.add(task.id);
    }
  }

  #forgetTask(id: string): void {
    this.#pending.delete(id);
    this.#dirty.delete(id);
    if (this.#load.forget(id)) this.#retryAll();
  }

  #retryAll(): void {
    for (const id of this.#pending) this.#dirty.add(id);
  }
}

function isSchedulable(task: Task): boolean {
  return stateOf(task) === TaskState.PENDING && isWanted(task);
}

function isOpen(node: Node): boolean {
  return node.status?.state === NodeState.READY && (node.spec?.availability ?? 0) === Availability.ACTIVE;
}

/** Something of the node that filters look at is different. */
function opensPlaces(node: Node, previous: Node | undefined): boolean {
  return (
    previous === undefined ||
    node.spec !== previous.spec ||
    node.description !== previous.description ||
    node.status?.state !== previous.status?.state ||
    node.status?.addr !== previous.status?.addr ||
    node.role !== previous.role
  );
}

/**
 * Tasks of one service and specification are placed together, so many at a time as take a few milliseconds; tasks that have their
 * node form groups of their own.
 */
function groupTasks(tasks: readonly Task[]): readonly (readonly Task[])[] {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const isPreassigned = task.nodeId !== "";
    const key = `${task.serviceId}/${task.specVersion?.index ?? task.id}/${isPreassigned}`;
    const group = groups.get(key);
    if (group) group.push(task);
    else groups.set(key, [task]);
  }
  return [...groups.values()].flatMap((group) => {
    const parts = Math.ceil(group.length / MAX_GROUP);
    return Array.from({ length: parts }, (_, i) => group.slice(i * MAX_GROUP, (i + 1) * MAX_GROUP));
  });
}
