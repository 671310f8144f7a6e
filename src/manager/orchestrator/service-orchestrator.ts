/** Runs the orchestrators for services of which something changed, and writes down what they want. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Selector } from "../../store/watch-hub.js";
import type { Reconciler } from "../loop/reconciler.js";
import type { Step } from "./action.js";
import { Actor } from "./actor.js";
import { Alarms } from "./alarms.js";
import { deskView, historyLimitOf } from "./desk-view.js";
import { atLeisure } from "./leisure.js";
import { isStray } from "./reaper.js";
import { type Alarm, ServiceDesk } from "./service-desk.js";

export interface OrchestratorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** Steps of one call: then the allocator and the scheduler get their turn. */
const MAX_STEPS_PER_TURN = 2000;

export class ServiceOrchestrator implements Reconciler {
  readonly name = "orchestrator";
  readonly selectors: readonly Selector[] = [
    { kind: "service" },
    { kind: "task" },
    { kind: "node" },
    { kind: "cluster" },
  ];
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #actor: Actor;
  /** By service; also of services that are gone but have tasks. */
  readonly #desks = new Map<string, ServiceDesk>();
  /** Where there is something to look at, in the order in which it came up. */
  readonly #dirty = new Set<ServiceDesk>();
  readonly #alarms = new Alarms<{ readonly serviceId: string; readonly key: Alarm["key"] }>();
  readonly #strays = new Set<string>();

  constructor({ store, clock, random }: OrchestratorOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#actor = new Actor(clock, random);
  }

  begin(read: StoreReader): void {
    for (const service of read.all("service")) this.#dirty.add(this.#open(service.id, read));
    for (const task of read.all("task")) {
      if (task.serviceId === "") this.#seeStray(task);
      else if (!this.#desks.has(task.serviceId)) this.#dirty.add(this.#open(task.serviceId, read));
    }
  }

  noticed(events: readonly StoreEvent[]): boolean {
    for (const event of events) {
      switch (event.kind) {
        case "service":
          this.#seeService(event);
          break;
        case "task":
          this.#seeTask(event);
          break;
        case "node":
          this.#seeNode(event.object, event.action === "update" ? event.previous : undefined);
          break;
        case "cluster":
          if (event.previous && historyLimitOf(event.object) !== historyLimitOf(event.previous)) this.#lookAtAll();
          break;
        default:
      }
    }
    return this.#dirty.size > 0 || this.#strays.size > 0;
  }

  async reconcile(): Promise<number | undefined> {
    for (const { serviceId, key } of this.#alarms.take(this.#clock.now())) {
      const desk = this.#desks.get(serviceId);
      if (!desk) continue;
      desk.ring(key);
      this.#dirty.add(desk);
    }
    await this.#removeStrays();
    for (let done = 0; this.#dirty.size > 0 && done < MAX_STEPS_PER_TURN; ) {
      const [desk] = this.#dirty;
      this.#dirty.delete(desk!);
      done += await this.#serve(desk!);
    }
    return this.#dirty.size > 0 ? this.#clock.now() : this.#alarms.nextMs;
  }

  /** @returns how many steps were taken */
  async #serve(desk: ServiceDesk): Promise<number> {
    try {
      const { steps, alarms } = await atLeisure(desk.pass(deskView(this.#store, this.#clock.now())));
      for (const { key, atMs } of alarms) {
        this.#alarms.set(`${desk.id}/${key ?? ""}`, atMs, { serviceId: desk.id, key });
      }
      await this.#store.batch(steps, (tx, step: Step) => this.#actor.perform(tx, desk.id, step));
      // What changed during the pass, or was too much for it, is for the next one; others come first.
      if (desk.isDirty) this.#dirty.add(desk);
      if (desk.isOver) this.#close(desk);
      return steps.length;
    } catch (error) {
      desk.lookAtAll();
      this.#dirty.add(desk);
      throw error;
    } finally {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #removeStrays(): Promise<void> {
    const ids = [...this.#strays];
    await this.#store.batch(ids, (tx, id) => {
      const task = tx.get("task", id);
      if (task && isStray(task)) tx.remove("task", id);
    });
    for (const id of ids) this.#strays.delete(id);
  }

  #open(serviceId: string, read: Pick<StoreReader, "get">): ServiceDesk {
    let desk = this.#desks.get(serviceId);
    if (!desk) {
      desk = new ServiceDesk(serviceId, read.get("service", serviceId));
      this.#desks.set(serviceId, desk);
    }
    return desk;
  }

  #close(desk: ServiceDesk): void {
    this.#dirty.delete(desk);
    this.#desks.delete(desk.id);
  }

  #seeService({ action, object: service }: StoreEvent & { readonly kind: "service" }): void {
    const known = this.#desks.get(service.id);
    const desk = known ?? this.#store.view((read) => this.#open(service.id, read));
    desk.seeService(action === "remove" ? undefined : service);
    if (desk.isDirty) this.#dirty.add(desk);
  }

  #seeTask(event: StoreEvent & { readonly kind: "task" }): void {
    const { serviceId } = event.object;
    if (serviceId === "") {
      if (event.action !== "remove") this.#seeStray(event.object);
      return;
    }
    const desk = this.#desks.get(serviceId) ?? this.#store.view((read) => this.#open(serviceId, read));
    if (desk.seeTask(event)) this.#dirty.add(desk);
  }

  #seeStray(task: Task): void {
    if (isStray(task)) this.#strays.add(task.id);
  }

  #seeNode(node: Node, previous: Node | undefined): void {
    if (previous && placementFacts(node) === placementFacts(previous)) return;
    for (const desk of this.#desks.values()) {
      if (!desk.isGlobal) continue;
      desk.seeNode(node.id, undefined);
      this.#dirty.add(desk);
    }
    const tasks = this.#store.view((read) => read.find("task", "node", node.id));
    for (const task of tasks) {
      const desk = this.#desks.get(task.serviceId);
      if (!desk) continue;
      desk.seeNode(node.id, task);
      this.#dirty.add(desk);
    }
  }

  #lookAtAll(): void {
    for (const desk of this.#desks.values()) {
      desk.lookAtAll();
      this.#dirty.add(desk);
    }
  }
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
