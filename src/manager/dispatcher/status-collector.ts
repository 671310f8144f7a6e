/** Takes in what nodes report of their tasks and writes it down, many reports in one transaction. */
import { isDeepStrictEqual } from "node:util";
import { TaskState, type TaskStatus } from "../../api/generated/docker/swarmkit/v1/types.js";
import { permissionDenied } from "../../api/status-error.js";
import { timestampOf } from "../../api/time.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";
import { stateOf } from "../task-life.js";

export interface StatusReport {
  readonly taskId: string;
  readonly status: TaskStatus;
}

interface Batch {
  readonly reports: { readonly nodeId: string; readonly report: StatusReport }[];
  readonly written: Promise<void>;
}

export class StatusCollector {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #managerNodeId: string;
  #gathering: Batch | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: Store, clock: Clock, managerNodeId: string) {
    this.#store = store;
    this.#clock = clock;
    this.#managerNodeId = managerNodeId;
  }

  /**
   * Resolves when the reports are in the store. Reports on tasks that are gone, and of states that lie behind, are dropped.
   * @throws StatusError (PERMISSION_DENIED) when a task belongs to another node; nothing is written then
   */
  async report(nodeId: string, reports: readonly StatusReport[]): Promise<void> {
    this.#store.view((read) => {
      for (const { taskId } of reports) {
        const task = read.get("task", taskId);
        if (task && task.nodeId !== nodeId) throw permissionDenied(`task ${taskId} is not assigned to node ${nodeId}`);
      }
    });
    this.#gathering ??= this.#newBatch();
    for (const report of reports) this.#gathering.reports.push({ nodeId, report });
    await this.#gathering.written;
  }

  /** While one batch is written the next one gathers. */
  #newBatch(): Batch {
    const reports: Batch["reports"] = [];
    const written = this.#writing
      .then(() => new Promise((resolve) => setImmediate(resolve)))
      .then(() => {
        this.#gathering = undefined;
        return this.#store.batch(reports, (tx, { nodeId, report }) => this.#write(tx, nodeId, report));
      });
    // A failure concerns those who wait for this batch, not the next batch.
    this.#writing = written.then(
      () => undefined,
      () => undefined,
    );
    return { reports, written };
  }

  #write(tx: Transaction, nodeId: string, { taskId, status }: StatusReport): void {
    const task = tx.get("task", taskId);
    if (!task || task.nodeId !== nodeId) return;
    if (status.state < stateOf(task) || status.state < TaskState.ASSIGNED) return;
    const known = task.status;
    const next: TaskStatus = { ...status, appliedBy: known?.appliedBy ?? "", appliedAt: known?.appliedAt };
    if (isDeepStrictEqual(next, known)) return;
    const applied = { appliedBy: this.#managerNodeId, appliedAt: timestampOf(this.#clock.now()) };
    tx.update("task", { ...task, status: { ...status, ...applied } });
  }
}
