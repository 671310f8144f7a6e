/**
 * All that the orchestrators know of one service: its slots, where something has changed, how far its update or job is. It is filled
 * from the store and kept up to date by events, so that a change costs what it concerns; what is to be done it says, others do it.
 */
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreEvent } from "../../store/change.js";
import { hasEnded, stateOf } from "../task-life.js";
import type { Action, Outcome, Step } from "./action.js";
import type { DeskView } from "./desk-view.js";
import { sameTasks } from "./dirty.js";
import { careForNode, isServed } from "./global.js";
import { careForJobNode, careForJobSlot, jobPhase } from "./job.js";
import { JobTally } from "./job-tally.js";
import { reapableTasks } from "./reaper.js";
import { type Count, countJob, countReplicas } from "./replicated.js";
import { ServiceRules } from "./service-rules.js";
import { isOpen, type Slot } from "./slot.js";
import { careForSlot, removeSlot } from "./slot-care.js";
import { progressOf } from "./slot-progress.js";
import { type SlotKey, SlotTable } from "./slot-table.js";
import { lastUpdate, updateInProgress } from "./task-marks.js";
import { UpdateTally } from "./update-tally.js";
import { decideUpdate, replaceSlot } from "./updater.js";

export interface Alarm {
  /** Undefined: the service as a whole. */
  readonly key: SlotKey | undefined;
  readonly atMs: number;
}

export interface Pass {
  readonly steps: readonly Step[];
  readonly alarms: readonly Alarm[];
}

/** Slots that are looked at without a pause. */
const STRIDE = 50;
/** Transactions' worth of one pass: others get their turn in between. */
const MAX_STEPS = 2000;
const NO_CONSTRAINTS: readonly string[] = [];

export class ServiceDesk {
  readonly id: string;
  readonly #table: SlotTable;
  readonly #update = new UpdateTally();
  readonly #job = new JobTally();
  readonly #dirty = new Set<SlotKey>();
  #service: Service | undefined;
  #rules: ServiceRules | undefined;
  #isLoaded = false;
  #mustLookAtAll = true;
  /** Something of the service as a whole is to be decided. */
  #isDue = true;

  /** @param service undefined for one that is gone and has left tasks behind */
  constructor(id: string, service: Service | undefined) {
    this.id = id;
    this.#service = service;
    const mode = service?.spec?.mode?.$case;
    this.#table = new SlotTable(mode === "global" || mode === "globalJob");
  }

  /** There is something to look at. */
  get isDirty(): boolean {
    return this.#isDue || this.#mustLookAtAll || this.#dirty.size > 0;
  }

  /** Nothing is left of the service. */
  get isOver(): boolean {
    return this.#service === undefined && this.#isLoaded && this.#table.size === 0;
  }

  get isGlobal(): boolean {
    const mode = this.#service?.spec?.mode?.$case;
    return mode === "global" || mode === "globalJob";
  }

  /** @param service undefined when it was removed */
  seeService(service: Service | undefined): void {
    const before = this.#service;
    this.#service = service;
    this.#isDue = true;
    if (!service || !before || !sameTasks(before, service)) this.#mustLookAtAll = true;
    else if (service.jobStatus !== before.jobStatus) this.#mustLookAtAll = true;
    // Whose part of the update a slot is, is another question with each update; when it is over its history may go.
    else if (lastUpdate(service) !== lastUpdate(before)) this.#mustLookAtAll = true;
    else if (updateInProgress(service) !== updateInProgress(before)) this.#mustLookAtAll = true;
  }

  /** @returns whether there is something to look at */
  seeTask(event: StoreEvent & { readonly kind: "task" }): boolean {
    const { action, object: task, previous } = event;
    const key = action === "remove" ? this.#forget(task) : this.#table.put(task, previous);
    if (action === "remove" || this.#matters(task, previous, key)) this.#dirty.add(key);
    return this.isDirty;
  }

  #forget(task: Task): SlotKey {
    const slot = this.#table.get(this.#table.keyOf(task));
    const key = this.#table.remove(task);
    if (slot && this.#table.get(key) !== slot) {
      this.#update.forget(slot);
      this.#job.forget(slot);
      this.#isDue = true;
    }
    return key;
  }

  /** Something of the node has changed. @param task on it; undefined: whether it is to have one */
  seeNode(nodeId: string, task: Task | undefined): void {
    this.#dirty.add(task ? this.#table.keyOf(task) : nodeId);
  }

  /** Its time has come. */
  ring(key: SlotKey | undefined): void {
    if (key === undefined) this.#isDue = true;
    else this.#dirty.add(key);
  }

  lookAtAll(): void {
    this.#mustLookAtAll = true;
  }

  /** What is to be done now. It pauses now and then; what changes meanwhile is for the next pass, and so is what exceeds the limit. */
  *pass(cluster: DeskView): Generator<undefined, Pass> {
    if (!this.#isLoaded) yield* this.#load(cluster);
    if (this.#mustLookAtAll) yield* this.#noteAll(cluster);
    this.#isDue = false;
    const keys = [...this.#dirty];
    this.#dirty.clear();
    const service = this.#service;
    if (!service) return { steps: yield* this.#endSlots(keys), alarms: [] };
    const view = { ...cluster, constraints: service.spec?.task?.placement?.constraints ?? NO_CONSTRAINTS };
    const rules = new ServiceRules(service, (id) => view.node(id), this.#rules);
    this.#rules = rules;
    const alarms: Alarm[] = [];
    yield* this.#take(keys, rules, view, alarms);
    const handled = new Set<Slot>();
    const count = yield* this.#count(rules, view);
    if (count.isPartial) this.#isDue = true;
    for (const slot of count.removed) handled.add(slot);
    const steps: Step[] = [...count.steps, ...this.#replace(rules, view, handled, alarms)];
    yield* this.#care(keys, rules, view, handled, steps, alarms);
    return { steps, alarms: soonest(alarms) };
  }

  *#load(view: DeskView): Generator<undefined, void> {
    let loaded = 0;
    for (const { id } of view.tasksOf(this.id)) {
      // It may have changed since the list was made.
      const task = view.task(id);
      if (task && !this.#table.has(task)) this.#table.put(task);
      if (++loaded % STRIDE === 0) yield;
    }
    this.#isLoaded = true;
  }

  *#noteAll(view: DeskView): Generator<undefined, void> {
    this.#mustLookAtAll = false;
    this.#update.clear();
    this.#job.clear();
    let noted = 0;
    for (const key of this.#table.keys()) {
      this.#dirty.add(key);
      if (++noted % (STRIDE * 10) === 0) yield;
    }
    if (this.isGlobal) for (const { id } of view.nodes()) this.#dirty.add(id);
  }

  /** Brings the sums up to date. */
  *#take(keys: readonly SlotKey[], rules: ServiceRules, view: DeskView, alarms: Alarm[]): Generator<undefined, void> {
    let looked = 0;
    for (const key of keys) {
      const slot = this.#table.get(key);
      if (slot) this.#sum(key, slot, rules, view, alarms);
      if (++looked % STRIDE === 0) yield;
    }
  }

  #sum(key: SlotKey, slot: Slot, rules: ServiceRules, view: DeskView, alarms: Alarm[]): void {
    if (rules.iteration !== undefined) {
      this.#job.see(slot, jobPhase(slot, rules));
      return;
    }
    // Nodes that cannot have a task now take no part.
    if (!isOpen(slot) || (rules.isGlobal && !isServed(view.node(slot.nodeId), rules))) {
      this.#update.forget(slot);
      return;
    }
    const progress = progressOf(slot, rules, view);
    this.#update.see(slot, progress);
    const { busyUntilMs } = progress;
    if (busyUntilMs !== undefined && busyUntilMs > view.nowMs) alarms.push({ key, atMs: busyUntilMs });
  }

  *#count(rules: ServiceRules, view: DeskView): Generator<undefined, Count> {
    switch (rules.service.spec?.mode?.$case) {
      case "replicated":
        return yield* countReplicas(rules, this.#table, view, MAX_STEPS);
      case "replicatedJob":
        return countJob(rules, this.#table, this.#job, MAX_STEPS);
      default:
        return { steps: [], removed: [], isPartial: false };
    }
  }

  #replace(rules: ServiceRules, view: DeskView, handled: Set<Slot>, alarms: Alarm[]): readonly Step[] {
    if (rules.iteration !== undefined) return [];
    for (const slot of handled) this.#update.forget(slot);
    const decision = decideUpdate(rules.service, rules.settings, this.#update, view.nowMs);
    if (decision.wakeAtMs !== undefined) alarms.push({ key: undefined, atMs: decision.wakeAtMs });
    if (decision.change) return [[decision.change]];
    const { update } = rules;
    if (update === undefined || decision.start === 0) return [];
    if (decision.start > MAX_STEPS) this.#isDue = true;
    const next = this.#update.next(Math.min(decision.start, MAX_STEPS), (slot) => handled.has(slot));
    return next.map((slot) => {
      handled.add(slot);
      return replaceSlot(slot, rules.settings.order, update, view);
    });
  }

  *#care(
    keys: readonly SlotKey[],
    rules: ServiceRules,
    view: DeskView,
    handled: ReadonlySet<Slot>,
    steps: Step[],
    alarms: Alarm[],
  ): Generator<undefined, void> {
    let looked = 0;
    for (const key of keys) {
      if (steps.length >= MAX_STEPS) {
        this.#dirty.add(key);
        continue;
      }
      const slot = this.#table.get(key);
      if (slot && handled.has(slot)) continue;
      const { steps: own, wakeAtMs } = this.#careFor(key, slot, rules, view);
      steps.push(...own);
      if (wakeAtMs !== undefined) alarms.push({ key, atMs: wakeAtMs });
      if (slot) steps.push(...deletions(reapableTasks(slot, view.historyLimit, rules.update)));
      if (++looked % STRIDE === 0) yield;
    }
  }

  #careFor(key: SlotKey, slot: Slot | undefined, rules: ServiceRules, view: DeskView): Outcome {
    switch (rules.service.spec?.mode?.$case) {
      case "global":
        return careForNode(String(key), slot, rules, view);
      case "globalJob":
        return careForJobNode(String(key), slot, rules, view);
      case "replicatedJob":
        return slot ? careForJobSlot(slot, rules, view) : { steps: [] };
      default:
        return slot && isOpen(slot) ? careForSlot(slot, rules, view) : { steps: [] };
    }
  }

  /** The service is gone: its tasks end and are forgotten. */
  *#endSlots(keys: readonly SlotKey[]): Generator<undefined, readonly Step[]> {
    const steps: Step[] = [];
    let looked = 0;
    for (const key of keys) {
      const slot = this.#table.get(key);
      if (!slot) continue;
      if (steps.length >= MAX_STEPS) {
        this.#dirty.add(key);
        continue;
      }
      const { steps: own } = removeSlot(slot);
      steps.push(...own, ...deletions(reapableTasks(slot, 0, undefined)));
      if (++looked % STRIDE === 0) yield;
    }
    return steps;
  }

  /** A task on its way to RUNNING concerns nobody here; what it is meant to be, its end, and its start in an update do. */
  #matters(task: Task, previous: Task | undefined, key: SlotKey): boolean {
    if (!this.#isLoaded) return false;
    const isCounted =
      this.#rules === undefined || this.#rules.update !== undefined || this.#rules.iteration !== undefined;
    const hasOthers = (this.#table.get(key)?.tasks.length ?? 0) > 1;
    // Made here, and as it was wanted; one in READY has a time at which it starts, and others may be too many now.
    if (!previous) return task.desiredState === TaskState.READY || isCounted || hasOthers;
    if (task.desiredState !== previous.desiredState) return true;
    const state = stateOf(task);
    if (state === stateOf(previous)) return false;
    if (hasEnded(task)) return true;
    if (state === TaskState.RUNNING) return isCounted || hasOthers;
    return state === TaskState.READY && task.desiredState === TaskState.READY;
  }
}

/** One for each key. */
function soonest(alarms: readonly Alarm[]): readonly Alarm[] {
  const byKey = new Map<Alarm["key"], Alarm>();
  for (const alarm of alarms) {
    const known = byKey.get(alarm.key);
    if (!known || alarm.atMs < known.atMs) byKey.set(alarm.key, alarm);
  }
  return [...byKey.values()];
}

function deletions(ids: readonly string[]): readonly Step[] {
  return ids.map((taskId): readonly Action[] => [{ kind: "delete", taskId }]);
}
