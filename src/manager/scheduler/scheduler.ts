/**
 * Gives tasks that have their addresses a node, in slices of some milliseconds: while the decisions of one slice are on their way into
 * the log the next is thought about. Each counts from the moment it is made, and is looked at again in the transaction that writes it: a
 * node that has changed meanwhile gets no task, and the task is decided on anew.
 */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";
import type { Selector } from "../../store/watch-hub.js";
import type { Reconciler } from "../loop/reconciler.js";
import { statusAt } from "../task-life.js";
import type { ClusterState } from "./cluster-state.js";
import { isOpen, sameFacts } from "./node-entry.js";
import { Observer } from "./observer.js";
import { type PendingGroup, rulesOf } from "./pending-group.js";
import { type Decision, GroupPlacement, placeOnItsNode } from "./placement.js";
import type { Ranking, ServiceRules } from "./ranking.js";
import { Rankings } from "./rankings.js";
import { type Requirements, requirementsOf } from "./requirements.js";
import { clusterStrategy, type Strategy } from "./strategy.js";
import { isSchedulable } from "./task-place.js";
import { WorkBudget } from "./work-budget.js";

/** A millisecond or less, some more before the code is compiled. */
const SLICE_UNITS = 5000;
/** Decisions of several slices are written together. */
const COMMIT_AT = 1000;
/** To find a node for a task, or to tell it why there is none. */
const TASK_WORK = 15;
const TELL_WORK = 5;
/** To read what a group asks for. */
const GROUP_WORK = 60;

export interface SchedulerOptions {
  /** Decides in which order nodes come that are equal in all else. */
  readonly seed?: number;
}

export class Scheduler implements Reconciler {
  readonly name = "scheduler";
  readonly selectors: readonly Selector[] = [{ kind: "task" }, { kind: "node" }, { kind: "cluster" }];
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #rankings: Rankings;
  #strategy: Strategy = "spread";

  constructor(store: Store, clock: Clock, { seed = 0 }: SchedulerOptions = {}) {
    this.#store = store;
    this.#clock = clock;
    this.#observer = new Observer(seed);
    this.#rankings = new Rankings(this.#observer.state);
  }

  begin(read: StoreReader): void {
    this.#strategy = clusterStrategy(read.all("cluster")[0]);
    this.#observer.begin(read);
  }

  noticed(events: readonly StoreEvent[]): boolean {
    for (const event of events) {
      if (event.kind === "cluster") this.#seeStrategy(clusterStrategy(event.object));
      else this.#observer.notice(event);
    }
    return this.#hasWork;
  }

  async reconcile(): Promise<number | undefined> {
    let underWay: Promise<unknown> = Promise.resolve();
    let waiting: Decision[] = [];
    this.#observer.pending.retell(this.#clock.now());
    for (;;) {
      const decisions = this.slice();
      waiting.push(...decisions);
      const isIdle = decisions.length === 0 && !this.#hasWork;
      if (isIdle || waiting.length >= COMMIT_AT) {
        const failure = await underWay;
        if (failure !== undefined) {
          this.#takeBack(waiting);
          throw failure;
        }
        // What was written may bring work.
        if (isIdle && waiting.length === 0 && !this.#hasWork) break;
        underWay = this.#commit(waiting);
        waiting = [];
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#observer.pending.retell(this.#clock.now());
  }

  /**
   * Catches up with the store and decides on as many tasks as a slice of about a millisecond allows. They count as decided until they
   * are settled.
   * @returns nothing also while there is more to take in
   */
  slice(): readonly Decision[] {
    const budget = new WorkBudget(SLICE_UNITS);
    const nowMs = this.#clock.now();
    const isUpToDate = this.#store.view((read) => this.#observer.catchUp(read, nowMs, budget));
    if (!isUpToDate) return [];
    this.#observer.state.expireFailures(nowMs);
    const decisions: Decision[] = [];
    this.#placePreassigned(decisions, budget);
    for (const group of this.#observer.pending.dueGroups) {
      if (!budget.spend(GROUP_WORK) || !this.#placeGroup(group, decisions, budget, nowMs)) break;
    }
    return decisions;
  }

  /** What the scheduler knows now; for plans, which leave it as it was. */
  get state(): ClusterState {
    return this.#observer.state;
  }

  /** Whether all that has happened is in {@link state}. */
  get isUpToDate(): boolean {
    return !this.#observer.isBehind;
  }

  /** The service's own ranking; whoever uses it lets it advance first. */
  rankingOf(wanted: Requirements, rules: ServiceRules): Ranking {
    return this.#rankings.own(wanted, rules);
  }

  get strategy(): Strategy {
    return this.#strategy;
  }

  get #hasWork(): boolean {
    return this.#observer.isBehind || this.#observer.pending.hasDue;
  }

  #seeStrategy(strategy: Strategy): void {
    if (strategy === this.#strategy) return;
    this.#strategy = strategy;
    this.#observer.pending.forgetRequirements();
  }

  #placePreassigned(decisions: Decision[], budget: WorkBudget): void {
    const { pending, state } = this.#observer;
    for (const task of pending.dueTasks) {
      if (!budget.spend(GROUP_WORK)) return;
      pending.restTask(task.id);
      const decision = placeOnItsNode(task, state, requirementsOf(task, this.#strategy), rulesOf(task));
      if (decision.entry) pending.delete(task.id, task.nodeId);
      decisions.push(decision);
    }
  }

  /** @returns whether it has done with the group; false when the budget is spent */
  #placeGroup(group: PendingGroup, decisions: Decision[], budget: WorkBudget, nowMs: number): boolean {
    const { pending, state } = this.#observer;
    const { ranking, isOwn } = this.#rankings.choose(group.requirements(this.#strategy), group.rules, group.size);
    if (!ranking.advance(budget)) return false;
    const run = new GroupPlacement(state, ranking, group.rules, isOwn);
    let reason: string | undefined;
    for (let waiting = group.first(); waiting && budget.spend(TASK_WORK); waiting = group.first()) {
      const decision = run.place(waiting.task);
      if (!decision.entry) {
        reason = decision.reason;
        break;
      }
      decisions.push(decision);
      pending.deleteWaiting(waiting);
    }
    run.end();
    if (reason !== undefined) {
      for (const taskId of group.refuse(reason, nowMs)) {
        decisions.push({ taskId, reason });
        if (!budget.spend(TELL_WORK)) break;
      }
      if (group.isTold) pending.rest(group);
    }
    if (!budget.isSpent) return true;
    pending.postpone(group);
    return false;
  }

  /** @returns what went wrong: an error, or undefined */
  async #commit(decisions: readonly Decision[]): Promise<unknown> {
    if (decisions.length === 0) return undefined;
    try {
      await this.#store.batch(decisions, (tx, decision) => this.#write(tx, decision));
      for (const { entry, taskId } of decisions) if (entry) this.#observer.settle(taskId);
      return undefined;
    } catch (error) {
      this.#takeBack(decisions);
      return error;
    }
  }

  /** Nobody knows which of them are in the store: it is asked. */
  #takeBack(decisions: readonly Decision[]): void {
    for (const { entry, taskId } of decisions) {
      if (entry) this.#observer.settle(taskId);
      else this.#observer.pending.retryTask(taskId);
    }
  }

  #write(tx: Transaction, decision: Decision): void {
    const task = tx.get("task", decision.taskId);
    if (!task || !isSchedulable(task)) return;
    if (decision.entry === undefined) {
      if (task.status?.err === decision.reason) return;
      const change = { state: TaskState.PENDING, message: "waits for a node", err: decision.reason };
      tx.update("task", { ...task, status: statusAt(task.status, change, this.#clock.now()) });
      return;
    }
    const { entry, node, generic } = decision;
    const current = tx.get("node", entry.id);
    if (!current || !isOpen(current) || !sameFacts(current, node)) return;
    if (task.nodeId !== "" && task.nodeId !== entry.id) return;
    tx.update("task", {
      ...task,
      nodeId: entry.id,
      assignedGenericResources: generic,
      status: statusAt(task.status, { state: TaskState.ASSIGNED, message: messageFor(task) }, this.#clock.now()),
    });
  }
}

function messageFor(task: Task): string {
  return task.nodeId === ""
    ? "scheduler assigned task to node"
    : "scheduler confirmed task can run on preassigned node";
}
