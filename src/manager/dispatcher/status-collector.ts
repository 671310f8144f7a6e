/** Takes in what nodes report of their tasks and writes it down, many reports in one transaction. */
import { isDeepStrictEqual } from "node:util";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState, type TaskStatus } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { RefusedReport } from "../../api/generated/tswarm/v1/dispatcher.js";
import { timestampOf } from "../../api/time.js";
import type { Clock } from "../../store/clock.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";
import { stateOf } from "../task-life.js";
import { WriteBatches } from "./write-batches.js";

export interface StatusReport {
  readonly taskId: string;
  readonly status: TaskStatus;
}

interface NodeReport extends StatusReport {
  readonly nodeId: string;
}

const BATCH = { gatherMs: 10, enough: 1000, most: 200_000 } as const;

export class StatusCollector {
  readonly #store: Store;
  readonly #batches: WriteBatches<NodeReport>;

  constructor(store: Store, clock: Clock, managerNodeId: string) {
    this.#store = store;
    this.#batches = new WriteBatches(store, BATCH, (tx, report) => write(tx, report, managerNodeId, clock.now()));
  }

  /**
   * Resolves when the reports are in the store. Reports on tasks that are gone, and of states that lie behind, are dropped.
   * @returns those that the node had no right to make
   */
  async report(nodeId: string, reports: readonly StatusReport[]): Promise<readonly RefusedReport[]> {
    const { refused, accepted } = this.#store.view((read) => sorted(nodeId, reports, read));
    if (accepted.length > 0) await this.#batches.add(accepted);
    return refused;
  }
}

const NONE: readonly RefusedReport[] = [];

function sorted(nodeId: string, reports: readonly StatusReport[], read: StoreReader) {
  const accepted: NodeReport[] = [];
  let refused = NONE;
  for (const { taskId, status } of reports) {
    const task = read.get("task", taskId);
    if (task && task.nodeId !== nodeId) {
      refused = [...refused, { taskId, reason: `task ${taskId} is not assigned to node ${nodeId}` }];
    } else if (task && isNews(task, status)) {
      accepted.push({ nodeId, taskId, status });
    }
  }
  return { refused, accepted };
}

function write(tx: Transaction, { nodeId, taskId, status }: NodeReport, appliedBy: string, nowMs: number): void {
  const task = tx.get("task", taskId);
  if (!task || task.nodeId !== nodeId || !isNews(task, status)) return;
  tx.update("task", { ...task, status: { ...status, appliedBy, appliedAt: timestampOf(nowMs) } });
}

/** States only grow; some are not the node's to give. */
function isNews(task: Task, status: TaskStatus): boolean {
  if (status.state < stateOf(task) || status.state < TaskState.ASSIGNED || status.state > TaskState.REJECTED)
    return false;
  return !isSameReport(status, task.status);
}

/** But for who wrote it down, and when. */
function isSameReport(a: TaskStatus, b: TaskStatus | undefined): boolean {
  return (
    b !== undefined &&
    a.state === b.state &&
    a.message === b.message &&
    a.err === b.err &&
    a.timestamp?.seconds === b.timestamp?.seconds &&
    a.timestamp?.nanos === b.timestamp?.nanos &&
    isSame(a.runtimeStatus, b.runtimeStatus) &&
    isSame(a.portStatus, b.portStatus)
  );
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || isDeepStrictEqual(a, b);
}
