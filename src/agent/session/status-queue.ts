/**
 * Task statuses on their way to the dispatcher: the newest of each task, gathered for a moment, one batch under way at a time. Pure.
 *
 * The dispatcher takes or refuses a batch as a whole. A refused batch is sent again one by one, so that one status that nobody
 * wants does not hold up all others.
 */
import type { TaskStatus } from "../../api/generated/docker/swarmkit/v1/types.js";

export interface StatusUpdate {
  readonly taskId: string;
  readonly status: TaskStatus;
}
export type StatusBatch = readonly StatusUpdate[];

export const GATHER_MS = 15;
const LARGEST_BATCH = 1000;

export class StatusQueue {
  readonly #waiting = new Map<string, TaskStatus>();
  #underWay: StatusBatch = [];
  /** Of a refused batch; sent before all else. */
  #alone: StatusUpdate[] = [];
  #sendAtMs: number | undefined;

  /** When {@link take} has something to give; undefined when nothing waits or a batch is under way. */
  get sendAtMs(): number | undefined {
    return this.#underWay.length > 0 ? undefined : this.#sendAtMs;
  }

  put(nowMs: number, taskId: string, status: TaskStatus): void {
    this.#alone = this.#alone.filter((update) => update.taskId !== taskId);
    this.#waiting.set(taskId, status);
    this.#sendAtMs ??= nowMs + GATHER_MS;
  }

  take(nowMs: number): StatusBatch | undefined {
    if (this.sendAtMs === undefined || nowMs < this.sendAtMs) return undefined;
    const alone = this.#alone.shift();
    if (alone) {
      this.#underWay = [alone];
    } else {
      this.#underWay = [...this.#waiting].slice(0, LARGEST_BATCH).map(([taskId, status]) => ({ taskId, status }));
      for (const { taskId } of this.#underWay) this.#waiting.delete(taskId);
    }
    if (this.#alone.length === 0 && this.#waiting.size === 0) this.#sendAtMs = undefined;
    return this.#underWay.length > 0 ? this.#underWay : undefined;
  }

  /** The batch under way arrived. */
  taken(): void {
    this.#underWay = [];
  }

  /** Nobody knows whether the batch under way arrived: what has not been replaced by a newer one waits again. */
  returned(): void {
    for (const { taskId, status } of [...this.#underWay, ...this.#alone]) {
      if (!this.#waiting.has(taskId)) this.#waiting.set(taskId, status);
    }
    this.#underWay = [];
    this.#alone = [];
    if (this.#waiting.size > 0) this.#sendAtMs ??= 0;
  }

  /** @returns a line for each status that was given up */
  refused(reason: string): readonly string[] {
    const batch = this.#underWay;
    this.#underWay = [];
    if (batch.length === 1) return [`the dispatcher refuses the status of task ${batch[0]!.taskId}: ${reason}`];
    this.#alone.push(...batch.filter(({ taskId }) => !this.#waiting.has(taskId)));
    if (this.#alone.length > 0) this.#sendAtMs = 0;
    return [];
  }
}
