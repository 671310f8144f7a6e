/** The slots of one service, kept up to date task by task, so that a change costs what it concerns. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { hasEnded, stateOf } from "../task-life.js";
import { changedMs, createdMs, isOpen, type Slot } from "./slot.js";

/** A number, or a node's id. */
export type SlotKey = number | string;

interface Entry extends Slot {
  readonly key: SlotKey;
  tasks: readonly Task[];
  cameUpMs?: Map<string, number> | undefined;
  isOpen: boolean;
}

export class SlotTable {
  readonly #byNode: boolean;
  readonly #entries = new Map<SlotKey, Entry>();
  #open = 0;
  /** All numbers below are taken. */
  #lowestFree = 1;

  /** @param byNode whether the service is global: its slots are nodes */
  constructor(byNode: boolean) {
    this.#byNode = byNode;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many slots count: see isOpen. */
  get open(): number {
    return this.#open;
  }

  get(key: SlotKey): Slot | undefined {
    return this.#entries.get(key);
  }

  has(task: Task): boolean {
    return this.#entries.get(this.keyOf(task))?.tasks.some(({ id }) => id === task.id) ?? false;
  }

  keys(): IterableIterator<SlotKey> {
    return this.#entries.keys();
  }

  slots(): IterableIterator<Slot> {
    return this.#entries.values();
  }

  keyOf(task: Task): SlotKey {
    return this.#byNode || (task.slot === 0 && task.jobIteration === undefined) ? task.nodeId : task.slot;
  }

  /** Takes in a task as it is now. @returns its slot's key */
  put(task: Task, previous?: Task): SlotKey {
    const key = this.keyOf(task);
    if (previous && this.keyOf(previous) !== key) this.remove(previous);
    const entry = this.#entries.get(key);
    if (!entry) {
      const nodeId = typeof key === "string" ? key : "";
      const made: Entry = { key, number: task.slot, nodeId, tasks: [task], isOpen: false };
      this.#entries.set(key, made);
      this.#count(made);
      return key;
    }
    const at = entry.tasks.findIndex(({ id }) => id === task.id);
    entry.tasks = at < 0 ? inserted(entry.tasks, task) : entry.tasks.with(at, task);
    if (previous && hasEnded(task) && stateOf(previous) === TaskState.RUNNING) {
      entry.cameUpMs ??= new Map();
      entry.cameUpMs.set(task.id, changedMs(previous));
    }
    this.#count(entry);
    return key;
  }

  /** @returns its slot's key */
  remove(task: Task): SlotKey {
    const key = this.keyOf(task);
    const entry = this.#entries.get(key);
    if (!entry) return key;
    entry.tasks = entry.tasks.filter(({ id }) => id !== task.id);
    entry.cameUpMs?.delete(task.id);
    if (entry.cameUpMs?.size === 0) entry.cameUpMs = undefined;
    this.#count(entry);
    if (entry.tasks.length === 0) this.#entries.delete(key);
    return key;
  }

  /** The lowest numbers that no open slot has. @param count how many at most */
  lowestFree(count: number): readonly number[] {
    const found: number[] = [];
    for (let number = this.#lowestFree; found.length < count; number++) {
      if (!this.#entries.get(number)?.isOpen) found.push(number);
      else if (found.length === 0) this.#lowestFree = number + 1;
    }
    return found;
  }

  #count(entry: Entry): void {
    const open = isOpen(entry);
    if (open === entry.isOpen) return;
    entry.isOpen = open;
    this.#open += open ? 1 : -1;
    if (!open) this.#lowestFree = Math.min(this.#lowestFree, Math.max(entry.number, 1));
  }
}

/** Behind all that are older. */
function inserted(tasks: readonly Task[], task: Task): readonly Task[] {
  const made = createdMs(task);
  const at = tasks.findLastIndex((other) => createdMs(other) <= made) + 1;
  return tasks.toSpliced(at, 0, task);
}
