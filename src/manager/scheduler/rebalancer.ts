/**
 * Evens out services that ask for it when nodes come or return: a few tasks at a time, as many as the service's updates replace at once,
 * each pause as long as theirs. It looks again after each move and ends when no move makes things better by two.
 */
import type { Node, Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Selector } from "../../store/watch-hub.js";
import type { Reconciler } from "../loop/reconciler.js";
import { stateOf } from "../task-life.js";
import { isOpen } from "./node-entry.js";
import { rulesOf } from "./pending-group.js";
import { plannedTask } from "./plan-placement.js";
import { type Move, planRebalance } from "./rebalance.js";
import {
  isAutomatic,
  rebalanceStatus,
  UPDATE_PAUSED,
  UPDATING,
  whyNotRebalanced,
  writeMove,
} from "./rebalance-steps.js";
import { requirementsOf } from "./requirements.js";
import type { Scheduler } from "./scheduler.js";
import { WorkBudget } from "./work-budget.js";

/** Moves that are planned in one go: a few milliseconds. */
const MAX_MOVES = 1000;
/** Several nodes that come together are one occasion. */
const SETTLE_MS = 1000;
const SLICE_UNITS = 5000;

export interface RebalancerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Of the same loop: it knows what runs where. */
  readonly scheduler: Scheduler;
}

export interface RebalancePlan {
  /** At most {@link MAX_MOVES}. */
  readonly moves: readonly Move[];
  /** Why there are none though somebody might expect some. */
  readonly reason?: string;
}

export class Rebalancer implements Reconciler {
  readonly name = "rebalancer";
  readonly selectors: readonly Selector[] = [{ kind: "node" }, { kind: "service" }, { kind: "task" }];
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #scheduler: Scheduler;
  readonly #automatic = new Set<string>();
  /** Services that are being evened out, and since when, ms since 1970. */
  readonly #active = new Map<string, number>();
  /** Those of them to be looked at. */
  readonly #due = new Set<string>();
  readonly #wakeAtMs = new Map<string, number>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ store, clock, random, scheduler }: RebalancerOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#scheduler = scheduler;
  }

  /** Nodes may have come while nobody led. */
  begin(read: StoreReader): void {
    for (const service of read.all("service")) if (isAutomatic(service)) this.#automatic.add(service.id);
    this.#startAll();
  }

  noticed(events: readonly StoreEvent[]): boolean {
    for (const event of events) {
      if (event.kind === "node") this.#seeNode(event.action === "remove" ? undefined : event.object, event.previous);
      else if (event.kind === "service") this.#seeService(event.object, event.action === "remove");
      else if (event.kind === "task" && this.#active.has(event.object.serviceId) && matters(event)) {
        this.#due.add(event.object.serviceId);
      }
    }
    return this.#due.size > 0;
  }

  /** Evens out a service once, whether it asks for it or not; its first moves are made when this resolves. */
  async start(serviceId: string): Promise<void> {
    this.#active.set(serviceId, this.#clock.now() - SETTLE_MS);
    this.#due.add(serviceId);
    await this.#serve(serviceId);
  }

  /** What {@link start} would do, all of it. */
  async plan(serviceId: string): Promise<RebalancePlan> {
    const service = this.#store.view((read) => read.get("service", serviceId));
    if (!service) return { moves: [], reason: "there is no such service" };
    return this.#planMoves(service, this.#clock.now(), Number.POSITIVE_INFINITY);
  }

  async reconcile(): Promise<number | undefined> {
    const now = this.#clock.now();
    for (const [id, atMs] of this.#wakeAtMs) if (atMs <= now) this.#due.add(id);
    for (const id of this.#due) await this.#serve(id);
    return this.#wakeAtMs.size > 0 ? Math.min(...this.#wakeAtMs.values()) : undefined;
  }

  /** One after the other, so that no more is under way than may be. */
  async #serve(id: string): Promise<void> {
    const turn = this.#turn.then(async () => {
      if (this.#due.delete(id)) await this.#even(id);
    });
    this.#turn = turn.catch(() => this.#due.add(id));
    await turn;
  }

  async #even(id: string): Promise<void> {
    this.#wakeAtMs.delete(id);
    const sinceMs = this.#active.get(id);
    const service = this.#store.view((read) => read.get("service", id));
    if (sinceMs === undefined || !service) {
      this.#active.delete(id);
      return;
    }
    const now = this.#clock.now();
    if (now < sinceMs + SETTLE_MS) {
      this.#wakeAtMs.set(id, sinceMs + SETTLE_MS);
      return;
    }
    const tasks = this.#store.view((read) => read.find("task", "service", id));
    const { busy, parallelism, pauseEndsMs, failedTaskId } = rebalanceStatus(service, tasks, sinceMs, now);
    if (failedTaskId !== undefined) {
      this.#active.delete(id);
      return;
    }
    if (pauseEndsMs !== undefined) this.#wakeAtMs.set(id, pauseEndsMs);
    const free = parallelism - busy;
    // Each change of its tasks, and of itself, brings it here again.
    if (free <= 0) return;
    const { moves, reason } = await this.#planMoves(service, sinceMs, free);
    await this.#store.batch(moves, (tx, move) => writeMove(tx, move, service, this.#random, this.#clock.now()));
    if (reason === BUSY) this.#wakeAtMs.set(id, now + SETTLE_MS);
    else if (moves.length === 0 && busy === 0 && !isTemporary(reason)) this.#active.delete(id);
  }

  async #planMoves(service: Service, sinceMs: number, limit: number): Promise<RebalancePlan> {
    const { strategy, state } = this.#scheduler;
    const reason = whyNotRebalanced(service, strategy);
    if (reason !== undefined) return { moves: [], reason };
    if (!this.#scheduler.isUpToDate) return { moves: [], reason: BUSY };
    const tasks = this.#store.view((read) => read.find("task", "service", service.id));
    const { movable } = rebalanceStatus(service, tasks, sinceMs, this.#clock.now());
    const sample = { ...plannedTask(service), networks: movable[0]?.networks ?? [] };
    const rules = rulesOf(sample);
    const ranking = this.#scheduler.rankingOf(requirementsOf(sample, strategy), rules);
    while (!ranking.advance(new WorkBudget(SLICE_UNITS))) await new Promise((resolve) => setImmediate(resolve));
    return { moves: planRebalance(state, ranking, rules, movable, { moves: Math.min(limit, MAX_MOVES) }) };
  }

  #startAll(): void {
    for (const id of this.#automatic) {
      this.#active.set(id, this.#clock.now());
      this.#due.add(id);
    }
  }

  /** There is room where there was none. */
  #seeNode(node: Node | undefined, previous: Node | undefined): void {
    if (node && isOpen(node) && !(previous && isOpen(previous))) this.#startAll();
  }

  #seeService(service: Service, isGone: boolean): void {
    const { id } = service;
    if (isGone) {
      this.#automatic.delete(id);
      this.#active.delete(id);
    } else if (!isAutomatic(service)) {
      this.#automatic.delete(id);
    } else if (!this.#automatic.has(id)) {
      this.#automatic.add(id);
      this.#active.set(id, this.#clock.now());
    }
    if (this.#active.has(id)) this.#due.add(id);
  }
}

const BUSY = "the scheduler is catching up with what has changed";

/** It will pass, and then the service is looked at again. */
function isTemporary(reason: string | undefined): boolean {
  return reason === UPDATING || reason === UPDATE_PAUSED;
}

/** A slot may be free again, or something is under way in it. */
function matters({ action, object: task, previous }: StoreEvent & { readonly kind: "task" }): boolean {
  if (action !== "update" || !previous || task.desiredState !== previous.desiredState) return true;
  const state = stateOf(task);
  return state !== stateOf(previous) && state >= TaskState.RUNNING;
}
