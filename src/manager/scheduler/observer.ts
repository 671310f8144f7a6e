/** Keeps the cluster's state and the pending tasks up to date from the store, a little at a time: events only say where to look. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { StoreEvent } from "../../store/change.js";
import type { StoreReader } from "../../store/reader.js";
import { isWanted } from "../task-life.js";
import { ClusterState } from "./cluster-state.js";
import type { NodeEntry } from "./node-entry.js";
import { PendingTasks } from "./pending-tasks.js";
import { isOnNode, isSchedulable } from "./task-place.js";
import type { WorkBudget } from "./work-budget.js";

const NODE_WORK = 10;
const TASK_WORK = 5;

export class Observer {
  readonly state: ClusterState;
  readonly pending = new PendingTasks();
  readonly #nodeIds = new Set<string>();
  readonly #taskIds = new Set<string>();
  /** What there was at the beginning, and how much of it has been looked at. */
  #firstNodes: readonly Node[] = [];
  #firstTasks: readonly Task[] = [];
  #nodesSeen = 0;
  #tasksSeen = 0;
  #isMoreRoom = false;

  constructor(seed: number) {
    this.state = new ClusterState(seed);
  }

  begin(read: StoreReader): void {
    this.#firstNodes = read.all("node");
    this.#firstTasks = read.all("task");
  }

  notice(event: StoreEvent): void {
    if (event.kind === "node") {
      this.#nodeIds.add(event.object.id);
    } else if (event.kind === "task") {
      const { object: task, previous } = event;
      if (matters(task, previous) && !(event.action === "update" && this.#isAsDecided(task)))
        this.#taskIds.add(task.id);
    }
  }

  get isBehind(): boolean {
    return (
      this.#nodeIds.size > 0 ||
      this.#taskIds.size > 0 ||
      this.#nodesSeen < this.#firstNodes.length ||
      this.#tasksSeen < this.#firstTasks.length
    );
  }

  /** A decision is in the store, or will never be: until now what the state said of the task was the truth. */
  settle(taskId: string): void {
    const place = this.state.place(taskId);
    if (!place?.isDecision) return;
    place.isDecision = false;
    this.#taskIds.add(taskId);
  }

  /** @returns whether nothing is left; false when the budget is spent */
  catchUp(read: StoreReader, nowMs: number, budget: WorkBudget): boolean {
    while (this.#nodesSeen < this.#firstNodes.length) {
      if (!budget.spend(NODE_WORK)) return false;
      this.#lookAtNode(this.#firstNodes[this.#nodesSeen++]!.id, read);
    }
    for (const id of this.#nodeIds) {
      if (!budget.spend(NODE_WORK)) return false;
      this.#nodeIds.delete(id);
      this.#lookAtNode(id, read);
    }
    while (this.#tasksSeen < this.#firstTasks.length) {
      if (!budget.spend(TASK_WORK)) return false;
      const { id } = this.#firstTasks[this.#tasksSeen++]!;
      const task = read.get("task", id);
      if (task && !isOnNode(task)) this.state.seePast(task, nowMs);
      this.#lookAtTask(id, task, nowMs);
    }
    for (const id of this.#taskIds) {
      if (!budget.spend(TASK_WORK)) return false;
      this.#taskIds.delete(id);
      this.#lookAtTask(id, read.get("task", id), nowMs);
    }
    this.#firstNodes = [];
    this.#firstTasks = [];
    this.#nodesSeen = 0;
    this.#tasksSeen = 0;
    if (this.#isMoreRoom) this.pending.retryGroups();
    this.#isMoreRoom = false;
    return true;
  }

  /** @returns whether the event says what the state knows already */
  #isAsDecided(task: Task): boolean {
    if (!isOnNode(task) || !isWanted(task)) return false;
    const place = this.state.place(task.id);
    if (!place?.isDecision || place.entry.id !== task.nodeId) return false;
    place.isDecision = false;
    return true;
  }

  #lookAtNode(id: string, read: StoreReader): void {
    const node = read.get("node", id);
    if (!node) this.state.removeNode(id);
    else if (!this.state.setNode(node)) return;
    this.#isMoreRoom = true;
    this.pending.retryNode(id);
  }

  #lookAtTask(id: string, task: Task | undefined, nowMs: number): void {
    const before = this.state.place(id);
    if (before?.isDecision) return;
    this.#gaveBack(task ? this.state.see(task, nowMs) : this.state.forget(id));
    const nodeId = task?.nodeId ?? before?.entry.id ?? "";
    if (task && isSchedulable(task)) this.pending.add(task);
    else this.pending.delete(id, nodeId);
  }

  #gaveBack(entry: NodeEntry | undefined): void {
    if (!entry) return;
    this.#isMoreRoom = true;
    this.pending.retryNode(entry.id);
  }
}

/** A task on its way from ASSIGNED to RUNNING concerns nobody here, nor does one that has no addresses yet. */
function matters(task: Task, previous: Task | undefined): boolean {
  if (!previous || previous === task) return isOnNode(task) || isSchedulable(task);
  if (isSchedulable(task) !== isSchedulable(previous)) return true;
  if (!isOnNode(task)) return isOnNode(previous);
  return (
    !isOnNode(previous) ||
    task.nodeId !== previous.nodeId ||
    isWanted(task) !== isWanted(previous) ||
    task.assignedGenericResources !== previous.assignedGenericResources
  );
}
