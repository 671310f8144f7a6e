/** Runs the orchestrators for services of which something changed, and writes down what they want. */
import type { Node, Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState, UpdateStatus_UpdateState as UpdateState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import { newObjectId, type RandomBytes } from "../../store/object-id.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";
import type { Selector } from "../../store/watch-hub.js";
import type { Reconciler } from "../loop/reconciler.js";
import { hasEnded, stateOf } from "../task-life.js";
import { type Action, desire, type Outcome, type Step } from "./action.js";
import { reconcileGlobal } from "./global.js";
import { newTask } from "./new-task.js";
import { reapableTasks } from "./reaper.js";
import { reconcileReplicated } from "./replicated.js";
import { type Slot, type Surroundings, slotsOf } from "./slot.js";

export interface OrchestratorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

const DEFAULT_HISTORY_LIMIT = 5;

export class ServiceOrchestrator implements Reconciler {
  readonly name = "orchestrator";
  readonly selectors: readonly Selector[] = [
    { kind: "service" },
    { kind: "task" },
    { kind: "node" },
    { kind: "cluster" },
  ];
  readonly #options: OrchestratorOptions;
  /** Ids of services to look at; also of services that are gone but have tasks. */
  readonly #dirty = new Set<string>();
  /** Services that are to be looked at again at a certain time. */
  readonly #wakeAtMs = new Map<string, number>();
  readonly #globals = new Set<string>();

  constructor(options: OrchestratorOptions) {
    this.#options = options;
  }

  begin(read: StoreReader): void {
    for (const service of read.all("service")) this.#seeService(service);
    for (const task of read.all("task")) this.#dirty.add(task.serviceId);
  }

  noticed(events: readonly StoreEvent[]): boolean {
    for (const event of events) {
      switch (event.kind) {
        case "service":
          if (event.action === "remove") this.#serviceGone(event.object.id);
          else this.#seeService(event.object);
          break;
        case "task":
          if (this.#matters(event)) this.#dirty.add(event.object.serviceId);
          break;
        case "node":
          this.#seeNode(event.object, event.action === "update" ? event.previous : undefined);
          break;
        case "cluster":
          if (event.previous && historyLimitOf(event.object) !== historyLimitOf(event.previous)) this.#seeAll();
          break;
        default:
      }
    }
    return this.#dirty.size > 0;
  }

  async reconcile(): Promise<number | undefined> {
    const { store, clock } = this.#options;
    for (const [id, atMs] of this.#wakeAtMs) if (atMs <= clock.now()) this.#dirty.add(id);
    while (this.#dirty.size > 0) {
      const [id] = this.#dirty;
      const outcome = store.view((read) => this.#look(id!, read));
      if (outcome.wakeAtMs === undefined) this.#wakeAtMs.delete(id!);
      else this.#wakeAtMs.set(id!, outcome.wakeAtMs);
      this.#dirty.delete(id!);
      try {
        await store.batch(outcome.steps, (tx, step) => this.#perform(tx, id!, step));
      } catch (error) {
        this.#dirty.add(id!);
        throw error;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#wakeAtMs.size > 0 ? Math.min(...this.#wakeAtMs.values()) : undefined;
  }

  #look(serviceId: string, read: StoreReader): Outcome {
    const service = read.get("service", serviceId);
    const tasks = read.find("task", "service", serviceId);
    const around: Surroundings = { nowMs: this.#options.clock.now(), node: (id) => read.get("node", id) };
    const slots = slotsOf(tasks);
    const outcome = service ? orchestrate(service, slots, read, around) : endTasks(serviceId, tasks);
    const deletions = reapableTasks(slots, historyLimit(read)).map((taskId) => [{ kind: "delete", taskId }] as const);
    return { ...outcome, steps: [...outcome.steps, ...deletions] };
  }

  #perform(tx: Transaction, serviceId: string, step: Step): void {
    const service = tx.get("service", serviceId);
    for (const action of step) this.#act(tx, service, action);
  }

  #act(tx: Transaction, service: Service | undefined, action: Action): void {
    switch (action.kind) {
      case "create": {
        if (!service) return;
        const place = { ...action, id: newObjectId(this.#options.random) };
        tx.create("task", newTask(service, place, this.#options.clock.now()));
        return;
      }
      case "desire": {
        const task = tx.get("task", action.taskId);
        // A desired state only ever rises.
        if (task && task.desiredState < action.desiredState) {
          tx.update("task", { ...task, desiredState: action.desiredState });
        }
        return;
      }
      case "delete":
        if (tx.get("task", action.taskId)) tx.remove("task", action.taskId);
        return;
      case "update-status":
        if (service) tx.update("service", { ...service, updateStatus: action.status });
    }
  }

  /** A task on its way to RUNNING concerns nobody here; what it is meant to be, its end, and its start in an update do. */
  #matters({ action, object: task, previous }: StoreEvent & { readonly kind: "task" }): boolean {
    if (action === "remove") return true;
    // Made here, and as it was wanted; one in READY has a time at which it starts.
    if (!previous) return task.desiredState === TaskState.READY;
    if (task.desiredState !== previous.desiredState) return true;
    if (stateOf(task) === stateOf(previous)) return false;
    return hasEnded(task) || (stateOf(task) === TaskState.RUNNING && this.#isUpdating(task.serviceId));
  }

  #isUpdating(serviceId: string): boolean {
    const service = this.#options.store.view((read) => read.get("service", serviceId));
    const state = service?.updateStatus?.state;
    return state === UpdateState.UPDATING || state === UpdateState.ROLLBACK_STARTED;
  }

  #seeService(service: Service): void {
    this.#dirty.add(service.id);
    if (service.spec?.mode?.$case === "global") this.#globals.add(service.id);
  }

  #serviceGone(id: string): void {
    this.#globals.delete(id);
    this.#dirty.add(id);
  }

  #seeNode(node: Node, previous: Node | undefined): void {
    if (previous && placementFacts(node) === placementFacts(previous)) return;
    for (const id of this.#globals) this.#dirty.add(id);
    const tasks = this.#options.store.view((read) => read.find("task", "node", node.id));
    for (const task of tasks) this.#dirty.add(task.serviceId);
  }

  #seeAll(): void {
    for (const task of this.#options.store.view((read) => read.all("task"))) this.#dirty.add(task.serviceId);
  }
}

function orchestrate(service: Service, slots: readonly Slot[], read: StoreReader, around: Surroundings): Outcome {
  switch (service.spec?.mode?.$case) {
    case "replicated":
      return reconcileReplicated(service, slots, around);
    case "global":
      return reconcileGlobal(service, slots, read.all("node"), around);
    default:
      // The API takes no other service.
      return { steps: [] };
  }
}

/** The service is gone: its tasks end and are forgotten. Tasks of no service are not ours. */
function endTasks(serviceId: string, tasks: readonly Task[]): Outcome {
  if (serviceId === "") return { steps: [] };
  const kept = tasks.filter((task) => task.desiredState < TaskState.REMOVE);
  return { steps: kept.map((task) => [desire(task.id, TaskState.REMOVE)]) };
}

/** What of a node decides about tasks on it. */
function placementFacts({ spec, status, description, role }: Node): string {
  return JSON.stringify([
    spec?.availability,
    status?.state,
    status?.addr,
    role,
    spec?.annotations?.labels,
    description?.hostname,
    description?.platform,
    description?.engine?.labels,
  ]);
}

function historyLimit(read: StoreReader): number {
  const [cluster] = read.all("cluster");
  return cluster ? historyLimitOf(cluster) : DEFAULT_HISTORY_LIMIT;
}

function historyLimitOf(cluster: {
  readonly spec: { readonly orchestration: { readonly taskHistoryRetentionLimit: number } | undefined } | undefined;
}): number {
  return cluster.spec?.orchestration?.taskHistoryRetentionLimit ?? DEFAULT_HISTORY_LIMIT;
}
