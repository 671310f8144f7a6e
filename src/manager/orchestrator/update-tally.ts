/** How far an update is: the sum of its slots' progress, kept slot by slot. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Slot } from "./slot.js";
import type { SlotProgress } from "./slot-progress.js";

export class UpdateTally {
  readonly #idle = new Set<Slot>();
  readonly #running = new Set<Slot>();
  /** With the task that each waits for, or undefined while only the delay passes. */
  readonly #underWay = new Map<Slot, Task | undefined>();
  readonly #tried = new Set<Slot>();
  readonly #failed = new Map<Slot, string>();
  #lastProgressMs = 0;
  #watchedFromMs = 0;

  see(slot: Slot, progress: SlotProgress): void {
    const { phase } = progress;
    put(this.#idle, slot, phase === "old" && !progress.isRunning);
    put(this.#running, slot, phase === "old" && progress.isRunning);
    put(this.#tried, slot, phase === "under way" || phase === "done");
    if (phase === "under way") this.#underWay.set(slot, progress.awaited);
    else this.#underWay.delete(slot);
    if (progress.failedTaskId === undefined) {
      this.#failed.delete(slot);
    } else if (!this.#failed.has(slot)) {
      this.#failed.set(slot, progress.failedTaskId);
    }
    this.#lastProgressMs = Math.max(this.#lastProgressMs, progress.progressMs);
    this.#watchedFromMs = Math.max(this.#watchedFromMs, progress.watchedFromMs ?? 0);
  }

  /** The slot is none of the service's any more. */
  forget(slot: Slot): void {
    for (const set of [this.#idle, this.#running, this.#tried]) set.delete(slot);
    this.#underWay.delete(slot);
    this.#failed.delete(slot);
  }

  /** Another update begins. */
  clear(): void {
    for (const set of [this.#idle, this.#running, this.#tried]) set.clear();
    this.#underWay.clear();
    this.#failed.clear();
    this.#lastProgressMs = 0;
    this.#watchedFromMs = 0;
  }

  /** Slots to be replaced. */
  get old(): number {
    return this.#idle.size + this.#running.size;
  }

  /** Slots that take up a place of the update's parallelism. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** Slots that the update is about, whether it has come to them or not. */
  get total(): number {
    return this.old + this.#tried.size;
  }

  get failed(): number {
    return this.#failed.size;
  }

  /** The task that failed last. */
  get lastFailure(): string | undefined {
    return [...this.#failed.values()].at(-1);
  }

  /** A task that the update waits for, as it is now; undefined when it waits for none. */
  get awaited(): Task | undefined {
    for (const [slot, task] of this.#underWay) if (task) return slot.tasks.find(({ id }) => id === task.id) ?? task;
    return undefined;
  }

  get lastProgressMs(): number {
    return this.#lastProgressMs;
  }

  /** When the last new task came up, or failed; 0 where none has. */
  get watchedFromMs(): number {
    return this.#watchedFromMs;
  }

  /** Slots to replace next. Those without a running task first: to replace them takes nothing away. */
  next(count: number, isTaken: (slot: Slot) => boolean): readonly Slot[] {
    const found: Slot[] = [];
    for (const slots of [this.#idle, this.#running]) {
      for (const slot of slots) {
        if (found.length >= count) return found;
        if (!isTaken(slot)) found.push(slot);
      }
    }
    return found;
  }
}

function put(set: Set<Slot>, slot: Slot, isIn: boolean): void {
  if (isIn) set.add(slot);
  else set.delete(slot);
}
