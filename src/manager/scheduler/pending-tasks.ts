/** All tasks that wait for a place: those that any node may take, in groups, and those that wait for one node. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { PendingGroup, type Waiting } from "./pending-group.js";
import { versionKey } from "./recent-failures.js";

export class PendingTasks {
  readonly #groups = new Map<string, PendingGroup>();
  readonly #waiting = new Map<string, Waiting>();
  /** By the node that they are for. */
  readonly #preassigned = new Map<string, Map<string, Task>>();
  readonly #dueGroups = new Set<PendingGroup>();
  readonly #dueTasks = new Map<string, Task>();

  get hasDue(): boolean {
    return this.#dueGroups.size > 0 || this.#dueTasks.size > 0;
  }

  /** Groups to be looked at; whoever has done with one says so. */
  get dueGroups(): IterableIterator<PendingGroup> {
    return this.#dueGroups.values();
  }

  /** Tasks with a node of their own to be looked at. */
  get dueTasks(): IterableIterator<Task> {
    return this.#dueTasks.values();
  }

  add(task: Task): void {
    if (task.nodeId !== "") {
      const tasks = this.#preassigned.get(task.nodeId) ?? new Map<string, Task>();
      this.#preassigned.set(task.nodeId, tasks);
      if (tasks.has(task.id)) return;
      tasks.set(task.id, task);
      this.#dueTasks.set(task.id, task);
      return;
    }
    if (this.#waiting.has(task.id)) return;
    const key = groupKey(task);
    let group = this.#groups.get(key);
    if (!group) {
      group = new PendingGroup(key, task);
      this.#groups.set(key, group);
    }
    this.#waiting.set(task.id, group.add(task));
    this.#dueGroups.add(group);
  }

  /** @param nodeId the node that it is for, if any */
  delete(taskId: string, nodeId: string): void {
    const tasks = this.#preassigned.get(nodeId);
    if (tasks?.delete(taskId)) {
      this.#dueTasks.delete(taskId);
      if (tasks.size === 0) this.#preassigned.delete(nodeId);
    }
    const waiting = this.#waiting.get(taskId);
    if (waiting) this.deleteWaiting(waiting);
  }

  /** A task of a group has a node. */
  deleteWaiting(waiting: Waiting): void {
    const { task, group } = waiting;
    this.#waiting.delete(task.id);
    group.delete(waiting);
    if (group.size > 0) return;
    this.#groups.delete(group.key);
    this.#dueGroups.delete(group);
  }

  /** The group has been looked at, and waits for something to change. */
  rest(group: PendingGroup): void {
    this.#dueGroups.delete(group);
  }

  /** The group goes on when the others have had their turn. */
  postpone(group: PendingGroup): void {
    if (this.#dueGroups.delete(group)) this.#dueGroups.add(group);
  }

  restTask(taskId: string): void {
    this.#dueTasks.delete(taskId);
  }

  /** What the task was told may not have reached it. */
  retryTask(taskId: string): void {
    const waiting = this.#waiting.get(taskId);
    if (waiting) {
      waiting.group.untell(waiting);
      this.#dueGroups.add(waiting.group);
    }
    for (const tasks of this.#preassigned.values()) {
      const task = tasks.get(taskId);
      if (task) this.#dueTasks.set(taskId, task);
    }
  }

  /** There is more room somewhere than there was. */
  retryGroups(): void {
    for (const group of this.#groups.values()) this.#dueGroups.add(group);
  }

  /** There is more room on this node. */
  retryNode(nodeId: string): void {
    for (const task of this.#preassigned.get(nodeId)?.values() ?? []) this.#dueTasks.set(task.id, task);
  }

  /** What tasks ask for is to be read anew. */
  forgetRequirements(): void {
    for (const group of this.#groups.values()) group.forgetRequirements();
    this.retryGroups();
  }

  /** Groups that have something to tell at this time are due. @returns when the next one has */
  retell(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const group of this.#groups.values()) {
      const atMs = group.retellAtMs;
      if (atMs === undefined) continue;
      if (atMs <= nowMs) this.#dueGroups.add(group);
      else next = Math.min(next ?? atMs, atMs);
    }
    return next;
  }
}

/** A task of no version is a group by itself. */
function groupKey({ id, serviceId, specVersion }: Task): string {
  return specVersion ? versionKey(serviceId, specVersion.index) : id;
}
